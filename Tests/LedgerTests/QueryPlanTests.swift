// Lists of drops read from their index what they give, and nothing else, however many drops there are.
import Foundation
import GRDB
import Support
import Testing

@testable import Ledger

@Suite struct QueryPlanTests {
    private func plan(_ sql: String, count: Int = 2) throws -> [String] {
        let directory = try TemporaryDirectory("plan")
        _ = try LedgerHandle(file: directory.file("l")).open(node: "t")
        let database = try DatabaseQueue(path: directory.file("l"))
        return try database.read { db in
            let statement = try db.makeStatement(sql: "EXPLAIN QUERY PLAN " + sql)
            return try Row.fetchAll(
                statement, arguments: StatementArguments(Array(repeating: 1, count: count))
            )
            .map { $0["detail"] }
        }
    }

    private static let lists: [Set<DropState>] =
        DropState.allCases.map { [$0] } + [
            [], Set(DropState.allCases), [.released, .taken], [.released, .taken, .acknowledged],
        ]

    @Test(arguments: lists) func aListOfDropsIsReadInTheOrderOfItsIndices(states: Set<DropState>) throws {
        let steps = try plan(SQL.newestDrops(states))
        #expect(!steps.contains { $0.contains("TEMP B-TREE") }, "\(steps)")
        let looks = steps.filter { $0.contains("drops") }
        #expect(looks.count == max(1, states.count), "\(steps)")
        #expect(
            looks.allSatisfy {
                $0.contains(states.isEmpty ? "USING INTEGER PRIMARY KEY (rowid<?)" : "seq<?")
                    || $0.contains("drops_released (seq<?)") || $0.contains("drops_unfinished")
            }, "\(steps)")
    }

    @Test(arguments: DropState.allCases, ["seq", "seq DESC"])
    func theDropsInAStateAreFoundByItsIndex(state: DropState, order: String) throws {
        let drops = Schema.drops(in: state)
        let steps = try plan("SELECT * FROM \(drops) AND seq > ? ORDER BY \(order) LIMIT ?")
        #expect(steps.count == 1 && steps[0].hasPrefix("SEARCH drops USING INDEX drops_"), "\(steps)")
    }

    @Test(arguments: DropEnd.allCases) func oldReceiptsAreFoundByTheirTimes(end: DropEnd) throws {
        let steps = try plan(SQL.endedDrops(end), count: 4)
        #expect(steps.count == 1 && steps[0].contains("USING INDEX drops_\(end)"), "\(steps)")
    }

    @Test func theDayBeforeIsFoundByItsIndex() throws {
        let steps = try plan(SQLiteLedgerReader.dayBefore, count: 1)
        #expect(steps.count == 1 && steps[0].contains("INDEX entries_source"), "\(steps)")
    }
}
