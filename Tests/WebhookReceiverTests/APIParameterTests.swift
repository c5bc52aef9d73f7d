// What the query of a request to the API says, and what is none.
import Admission
import Ledger
import Testing

@testable import Console

@Suite struct APIParameterTests {
    @Test(
        arguments: [
            ("a", "a"), ("a+b", "a b"), ("a%20b", "a b"), ("%C3%a4", "ä"), ("%2B", "+"), ("", ""),
            ("%00", "\0"), ("%", nil),
            ("%4", nil), ("%4x", nil), ("%ff", nil), ("%C3", nil), ("%+1", nil),
        ] as [(String, String?)])
    func valuesAreDecodedStrictly(_ text: String, _ value: String?) {
        #expect(Parameters.decoded(Substring(text)) == value)
    }

    private func query(_ text: String) throws -> LedgerQuery {
        try Parameters(text, Parameter.filters).attempts()
    }

    @Test func filtersMayComeMoreThanOnce() throws {
        let query = try query(
            "reason=listed&reason=duplicate&source=20.21.208.105&source=2001:db8::%2F32&account=a%26b")
        #expect(query.reasons == [.listed, .duplicate] && query.accounts == ["a&b"])
        #expect(query.sources.map(\.description) == ["20.21.208.105/32", "2001:db8::/32"])
        #expect(try self.query("").reasons.isEmpty)
    }

    @Test(arguments: [
        "x=1", "reason=no", "since=2026", "since=2026-11-23T08:00:00Z&since=2026-11-23T08:00:00Z",
        "source=1.2.3.4/8",
        "text=", "&&=", "reason", "reason=listed%",
    ])
    func whatIsNotMeantIsRefused(_ text: String) {
        #expect(throws: Problem.self) { try query(text) }
    }

    @Test(
        arguments: [
            ("n=1", 1), ("n=0", nil), ("n=9", nil), ("n=01", nil), ("n=+1", nil), ("n=1.0", nil), ("n=", nil),
            ("n=1&n=1", nil),
            ("n=99999999999999999999", nil),
        ] as [(String, Int64?)])
    func numbersAreInTheirRange(_ text: String, _ number: Int64?) {
        let parameter = Parameter(name: "n", about: "", form: .number(1...8, standard: 5))
        #expect((try? Parameters(text, [parameter]).number(parameter)) == number)
    }

    @Test func whereThereIsNoNumberTheStandardOneIsMeant() throws {
        #expect(try Parameters(nil, [.attemptLimit]).number(.attemptLimit) == 50)
        #expect(try Parameters("", [.before]).number(.before) == nil)
    }

    /// A value of the path is not to be given by the query.
    @Test func whatStandsInThePathIsReadFromThere() throws {
        let parameters = try Parameters("limit=1", [.seq, .attemptLimit], path: ["seq": "42"])
        #expect(try parameters.text(.seq) == "42")
        #expect(throws: Problem.self) { try Parameters("seq=1", [.seq], path: ["seq": "42"]) }
        #expect(throws: Problem.self) { try Parameters("", [.ip]) }
    }

    @Test func aQueryIsBounded() {
        #expect(throws: Problem.self) {
            try Parameters(String(repeating: "reason=listed&", count: 300), [.reason])
        }
        #expect(throws: Problem.self) {
            try Parameters("text=" + String(repeating: "x", count: 9000), [.text])
        }
    }

    // MARK: Operations

    private func operation(_ path: String) -> (id: String, values: [String: String])? {
        API.operations.lazy.compactMap { operation in
            operation.values(in: path.split(separator: "/", omittingEmptySubsequences: false)).map {
                (operation.id, $0)
            }
        }.first
    }

    @Test(
        arguments: [
            ("attempts", "attempts"), ("attempts/stream", "attemptStream"), ("attempts/7", "attempt"),
            ("attempts/7/proof", "attemptProof"), ("drops/stream", "dropStream"),
            ("drops/x/content", "dropContent"),
            ("openapi.json", "description"), ("", nil), ("/attempts", nil), ("attempts/", "attempt"),
            ("attempts/7/proof/", nil), ("nothing", nil),
        ] as [(String, String?)])
    func aPathLeadsToItsOperation(_ path: String, _ id: String?) {
        #expect(operation(path)?.id == id)
    }

    @Test func operationsAreDeclaredOnceAndNameWhatIsInTheirPaths() {
        let names = API.operations.map(\.id)
        #expect(Set(names).count == names.count)
        for operation in API.operations {
            let inPath = operation.path.split(separator: "/").filter { $0.first == "{" }.map {
                String($0.dropFirst().dropLast())
            }
            #expect(
                Set(inPath) == Set(operation.parameters.filter { $0.place == .path }.map(\.name)),
                "\(operation.path)")
            let parameters = operation.parameters.map(\.name)
            #expect(Set(parameters).count == parameters.count, "\(operation.path)")
        }
    }

    @Test func onlyTheDescriptionNeedsNoToken() {
        #expect(API.operations.filter { $0.permission == nil }.map(\.id) == ["description"])
    }

    // MARK: Streams

    @Test func onesStreamsLeaveRoomForOthersAndPlacesComeBackByThemselves() {
        let places = StreamPlaces()
        var held = (0..<StreamPlaces.mostOfOne).map { _ in places.place(for: "a") }
        #expect(held.allSatisfy { $0 != nil } && places.place(for: "a") == nil)
        #expect(places.place(for: "b") != nil)
        held.removeLast()
        #expect(places.place(for: "a") != nil)
        let others = (0..<StreamPlaces.most).map { places.place(for: "\($0)") }
        #expect(others.filter { $0 != nil }.count == StreamPlaces.most - StreamPlaces.mostOfOne + 1)
    }
}
