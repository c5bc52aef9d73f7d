// What pages show: text that stays text, bars that add up, paths and numbers.
import Admission
import JSON
import Ledger
import Reachability
import Testing

@testable import Console
@testable import Management

@Suite struct PageTextTests {
    @Test(arguments: [
        ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"), ("\"\u{301}", "&quot;\u{301}"),
        ("<\u{20D2}", "&lt;\u{20D2}"),
        ("a\nb", "a\nb"), ("a\u{202E}b", "a\\u{202E}b"), ("a\u{0}b\u{7F}", "a\\u{0}b\\u{7F}"), ("é", "é"),
    ])
    func everyMarkOfMarkupIsEscapedWhateverComesBehindIt(text: String, shown: String) {
        #expect(PageText().escapeText(text) == shown)
    }

    @Test func aTemplatesValuesAreEscapedInTheFrameTooAndInPieces() throws {
        let templates = try Templates()
        let mark = "\"\u{301}><script>"
        let frame = Frame(
            title: mark, node: mark, version: mark, person: mark, role: mark, formKey: mark,
            links: [Frame.Link(label: mark, path: mark, isCurrent: true)], notice: mark)
        let page = templates.render(
            "message", frame: frame, Pages.Message(title: mark, text: mark, back: mark))
        #expect(!page.contains("<script>") && page.contains("&lt;script&gt;"))
        #expect(!page.unicodeScalars.contains("\u{301}") || page.contains("&quot;\u{301}"))
        let entry = StoredEntry(
            seq: 1, time: Instant(microseconds: 0),
            json: CanonicalJSON.encode([
                "verdict": .string(mark), "account": .string(mark), "reason": .string(mark),
            ]))
        let rows = templates.render("attempt-rows", Pages.AttemptRows(rows: [try AttemptRow(entry)]))
        #expect(rows.contains("&lt;script&gt;") && !rows.contains("<script>"))
        #expect(rows.contains("1970-01-01 00:00:00"))
    }

    @Test func everyTemplateIsThere() throws {
        let templates = try Templates()
        let frame = Frame(
            title: "t", node: "n", version: "v", person: nil, role: nil, formKey: nil, links: [], notice: nil)
        for name in Templates.all.keys where !["attempt-rows"].contains(name) {
            #expect(templates.render(name, frame: frame, "").contains("<!doctype html>"), "\(name)")
        }
    }
}

/// What was not looked at is not told as good.
@Suite struct LookingTests {
    private let frame = Frame(
        title: "t", node: "n", version: "v", person: nil, role: nil, formKey: nil, links: [], notice: nil)

    @Test(arguments: [
        (true, 0, true, "look", "The gate accepts. Its checks are being made."),
        (true, 0, false, "good", "All is well."),
        (true, 1, true, "look", "The gate accepts. 1 thing needs a person."),
        (true, 2, false, "look", "The gate accepts. 2 things need a person."),
        (false, 0, true, "bad", "The gate does not accept anything now."),
        (false, 1, false, "bad", "The gate does not accept anything now."),
    ])
    func withoutFindingsNothingIsSaidToBeWell(
        isUp: Bool, needs: Int, isLooking: Bool, state: String, headline: String
    ) {
        let verdict = Pages.verdict(isUp: isUp, needs: needs, isLooking: isLooking)
        #expect(verdict.state == state && verdict.headline == headline)
    }

    private func overview(isLooking: Bool, needs: [FindingRow]) throws -> String {
        let verdict = Pages.verdict(isUp: true, needs: needs.count, isLooking: isLooking)
        return try Templates().render(
            "overview", frame: frame,
            Pages.Overview(
                state: verdict.state, headline: verdict.headline, needs: needs, needsPerson: !needs.isEmpty,
                isLooking: isLooking, chart: Chart([:], .day, now: Instant.now()), periods: [],
                accepted: "0", rejected: "0", observed: "0", isCounting: false, contacts: [],
                isLookingUpContacts: false, rows: [], hasRows: false, isBeginning: true, mayRead: false))
    }

    @Test func theOverviewSaysThatItsChecksAreBeingMade() throws {
        let (looking, nothing) = ("The gate's checks are being made", "Nothing at the moment.")
        let need = FindingRow(area: "space", state: .fail, text: "the disk is full", fix: nil)
        for needs in [[], [need]] {
            let page = try overview(isLooking: true, needs: needs)
            #expect(page.contains(looking) && !page.contains(nothing) && !page.contains("All is well"))
            #expect(page.contains("the disk is full") == !needs.isEmpty)
        }
        let page = try overview(isLooking: false, needs: [])
        #expect(page.contains("All is well.") && page.contains(nothing) && !page.contains(looking))
    }

    private func sources(isLooking: Bool, isUnknown: Bool = false) throws -> String {
        try Templates().render(
            "sources", frame: frame,
            Pages.Sources(
                rows: [], policy: "p", origin: nil, problems: [], hasProblems: false, notes: [],
                isLookingUpContacts: isLooking, near: [], hasNear: false, isLooking: isLooking,
                isUnknown: isUnknown, mayChange: false, lists: [], hasLists: false))
    }

    @Test func whoCameCloseIsNotDeniedBeforeSomebodyHasLooked() throws {
        let (nobody, looking) = ("Nobody close to a listed address", "Refusals are being looked at")
        let early = try sources(isLooking: true)
        #expect(early.contains(looking) && !early.contains(nobody))
        #expect(early.contains("Last contacts are being looked up"))
        let unknown = try sources(isLooking: false, isUnknown: true)
        #expect(unknown.contains("Who was refused is not known") && !unknown.contains(nobody))
        let late = try sources(isLooking: false)
        #expect(late.contains(nobody) && !late.contains(looking) && !late.contains("being looked up"))
    }
}

@Suite struct ChartTests {
    private let now = Instant(rfc3339: "2026-11-28T12:34:56Z")!

    private var hour: Int64 { now.microseconds / Activity.hour }

    @Test(arguments: [(Chart.Period.day, 24), (.week, 56), (.month, 30)])
    func barsAddUpToWhatIsInThePeriodAndNothingElse(period: Chart.Period, count: Int) {
        let chart = Chart(
            [
                hour: [.accepted: 3, .rejected: 2], hour - 5: [.accepted: 1],
                hour - 24 * 40: [.accepted: 100],
            ], period,
            now: now)
        #expect(chart.bars.count == count)
        #expect((chart.total(.accepted), chart.total(.rejected), chart.total(.observed)) == (4, 2, 0))
        #expect(chart.about == "Attempts in the last \(period.label): 4 accepted, 2 rejected.")
        let parts = chart.bars.flatMap(\.parts)
        #expect(
            parts.allSatisfy {
                Double($0.y)! >= 0 && Double($0.y)! + Double($0.height)! <= Chart.height + 0.2
            })
    }

    @Test func aDaysBarBeginsAtMidnightAndSaysWhatItIs() {
        let chart = Chart([hour: [.observed: 7]], .month, now: now)
        #expect(chart.bars.last?.about == "2026-11-28 UTC: 7 observed")
        #expect(chart.bars.first?.about == "2026-10-30 UTC: none")
        #expect(Chart([:], .day, now: now).bars.last?.about == "2026-11-28 12:00 UTC: none")
    }
}

@Suite struct TypedChangeTests {
    @Test func aChangeIsTypedSoThatAShellTakesItAsItIs() throws {
        var entry = SourceEntry(
            list: "l", service: "a", cidr: try CIDRBlock("192.0.2.1/32"), channels: [.webhook, .sftp],
            document: .init(title: "it's $HOME", page: nil, read: "2026-11-23"), owner: "a b")
        entry.ownID = "a-2"
        let add = SourceChange.add(list: nil) { [entry] _ in entry }
        #expect(
            add.typed(entry)
                == "sudo dropgate source add 192.0.2.1/32 --service a --id a-2 --channel webhook --channel sftp "
                + "--document 'it'\\''s $HOME' --read 2026-11-23 --owner 'a b'")
        #expect(
            SourceChange.remove("l/a-2").typed(entry) == "sudo dropgate source remove --id l/a-2")
        #expect(
            SourceChange.review("l/a-2", by: Instant(rfc3339: "2030-01-31T00:00:00Z")!).typed(entry)
                == "sudo dropgate source review l/a-2 --by 2030-01-31T00:00:00.000000Z")
    }
}

@Suite struct SmallThingTests {
    @Test func sizesAreReadable() {
        #expect(
            [0, 1023, 1024, 1_500_000, 10 << 30].map(Size.text) == [
                "0 B", "1023 B", "1.0 KiB", "1.4 MiB", "10.0 GiB",
            ])
    }

    @Test(arguments: [
        ("drops/{id}", "drops/x", ["id": "x"]), ("drops/{id}", "drops/", ["id": ""]), ("", "", [:]),
        ("a/{b}/c", "a/b%2Fc/c", ["b": "b%2Fc"]),
    ])
    func aPathGivesItsParameters(pattern: String, path: String, values: [String: String]) {
        #expect(
            PathPattern.values(of: pattern, in: path.split(separator: "/", omittingEmptySubsequences: false))
                == values)
    }

    @Test(arguments: [("drops/{id}", "drops"), ("drops/{id}", "drops/x/"), ("drops", "drop"), ("", "x")])
    func anotherPathIsAnothers(pattern: String, path: String) {
        #expect(
            PathPattern.values(of: pattern, in: path.split(separator: "/", omittingEmptySubsequences: false))
                == nil)
    }

    @Test func anAddressOfAPageTakesAnyText() throws {
        let text = "a b&c=d%/é\"<"
        let query = Pages.query([("text", text)])
        #expect(query == "?text=a%20b%26c%3Dd%25/%C3%A9%22%3C")
        #expect(try Parameters(String(query.dropFirst()), [.text]).text(.text) == text)
    }

    @Test func aFormsEmptyFieldsAreNotThereAndItsListsAreApartBySpaces() throws {
        let query = "source=&text=x&account=a+b++c&verdict=accepted"
        let form = try Parameters(query, Parameter.filters, isForm: true)
        #expect(try form.text(.source) == nil && form.texts(.account) == ["a", "b", "c"])
        #expect(throws: Problem.self) { try Parameters(query, Parameter.filters).texts(.source) }
    }

    @Test func anEntrysMembersAreAllTold() {
        let facts = Fact.all(of: [
            "detail": ["trace": ["a"], "more": [["deep": 1], ["deep": true]]], "source": ["ip": "192.0.2.1"],
            "entries": ["l/a", "l/b"],
        ])
        #expect(
            facts.map { "\($0.name)=\($0.value)" } == [
                "detail.more.deep=1", "detail.more.deep=yes", "entries=l/a", "entries=l/b",
                "source.ip=192.0.2.1",
            ])
        #expect(facts[2].link == "/sources/entry?id=l/a" && facts[4].link == "/sources/explain?ip=192.0.2.1")
    }

    @Test func whatARoleMayNotSeeIsNotInItsNavigation() {
        #expect(Frame.links(for: .consumer, at: "/").map(\.path) == ["/drops"])
        #expect(Frame.home(of: .consumer) == "/drops" && Frame.home(of: .viewer) == "/")
        let links = Frame.links(for: .viewer, at: "/attempts/7")
        #expect(
            links.filter(\.isCurrent).map(\.path) == ["/attempts"] && !links.map(\.path).contains("/report"))
    }

    @Test func aTemplateIsFilledWithMembersByTheirNames() throws {
        struct Row { let name: String; let size: Int64?; let isGood: Bool }
        struct Rows { let title: String; let rows: [Row]; let first: Row?; let none: Row?; let word: Choice }
        enum Choice { case some }
        let values = try #require(
            PlainValues.of(
                Rows(
                    title: "t",
                    rows: [Row(name: "a", size: 1, isGood: true), Row(name: "b", size: nil, isGood: false)],
                    first: Row(name: "c", size: 2, isGood: true), none: nil, word: .some)) as? [String: Any])
        #expect(Set(values.keys) == ["title", "rows", "first", "word"])
        let rows = try #require(values["rows"] as? [[String: Any]])
        #expect(
            rows.map { $0["name"] as? String } == ["a", "b"] && rows.map { $0["size"] as? Int64 } == [1, nil])
        #expect(rows.map { $0["isGood"] as? Bool } == [true, false])
        #expect((values["first"] as? [String: Any])?["size"] as? Int64 == 2)
        #expect("\(values["word"] ?? "")" == "some")
    }
}
