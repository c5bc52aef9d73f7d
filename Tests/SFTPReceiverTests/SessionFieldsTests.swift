// The lines between a session and the daemon: what is written is read back, and nothing else is read.
import Testing

@testable import SFTPSession

@Suite struct SessionFieldsTests {
    private static let texts = [
        "", "a.hl7", "ö/文/🩺.xml", "a\tb\nc\\d", "\\", "\\0", "\\t", "\t\t\n", "\u{0}", "\r\n", " x ", "-1",
        "\u{2028}", "e\u{301}",
    ]

    private static func messages(_ text: String, _ number: Int64) -> [SessionMessage] {
        var change = NameChange(.rename, text)
        (change.to, change.replaces, change.open) = (text, true, nil)
        (change.size, change.modified) = (number, nil)
        return [
            .hello(
                SessionHello(
                    connection: text, user: text, pid: 7, version: SessionIPC.version, authentication: text)),
            .names(NameQuestion(about: .directory, path: text, after: text)),
            .names(NameQuestion(about: .name, path: text)),
            .change(change),
            .open(
                UploadOpening(
                    path: text, exclusive: true, mustExist: false, fresh: true, appends: false,
                    modified: number)),
            .room(RoomRequest(drop: text, bytes: number, least: 1)),
            .commit(
                UploadCommit(
                    id: 3, drop: text, path: text, bytes: number, sha256: text, modified: nil, isInline: true)
            ),
            .ended(
                UploadEnded(
                    drop: text, path: text, outcome: .interrupted, bytes: number, prefix: 1, modified: number,
                    message: text)),
            .refused(SessionRefusal(reason: text, operation: text, path: text, message: text)),
            .probed(ProbeNotice(path: text, bytes: number)),
            .collect(CollectQuestion(drop: nil, before: number, opens: true, acknowledges: false)),
        ]
    }

    private static func answers(_ text: String, _ number: Int64) -> [DaemonMessage] {
        [
            .welcome(
                SessionWelcome(
                    ok: true, account: text, incoming: text, maxFile: number, mostInline: nil,
                    provisional: ["*.tmp", text], idleTimeout: 60)),
            .welcome(.collector(text, staging: text)),
            .welcome(.refusal(text)),
            .names(
                NameAnswer(
                    entries: [
                        NameAnswer.Entry(name: text, isDirectory: false, bytes: number, modified: number),
                        NameAnswer.Entry(name: text, isDirectory: true, bytes: 0, modified: 0),
                    ], hasMore: true)),
            .names(NameAnswer(entries: [])),
            .done(ChangeAnswer(failure: .exists, message: text, bytes: number)),
            .done(ChangeAnswer()),
            .opened(UploadOpened(drop: text, standing: .delivered, room: number, bytes: number)),
            .commit(UploadCommitAnswer(id: 1, ok: true, status: .duplicate, name: text)),
            .commit(UploadCommitAnswer(id: 1, ok: false, code: text, message: text)),
            .page(
                CollectPage(
                    ok: true, drops: [CollectPage.Drop(id: text, path: text)], next: number, message: nil)),
            .end(SessionEnding(message: text, answers: true)),
            .end(SessionEnding(message: text)),
        ]
    }

    @Test func everyMessageIsReadAsItWasWritten() throws {
        for text in Self.texts {
            for number in [0, 1, -1, Int64.max, .min] {
                for message in Self.messages(text, number) {
                    let line = message.line
                    #expect(line.firstIndex(of: UInt8(ascii: "\n")) == line.count - 1, "one line")
                    #expect(try SessionMessage(line: line.dropLast()) == message)
                }
                for answer in Self.answers(text, number) {
                    #expect(try DaemonMessage(line: answer.line.dropLast()) == answer)
                }
            }
        }
    }

    /// A line has one meaning, and a meaning one line: whatever is read would be written so.
    @Test func noLineThatWasChangedIsReadAsSomethingThatWouldBeWrittenOtherwise() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("\t\\0nt19-a\u{0}".utf8) + [0xff, 0xc3]
        for message in Self.messages("a\tb\\", 12) {
            let line = Array(message.line.dropLast())
            for _ in 0..<500 {
                var changed = line
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: changed.remove(at: .random(in: changed.indices, using: &generator))
                case 1:
                    changed.insert(
                        alphabet.randomElement(using: &generator)!,
                        at: .random(in: 0...changed.count, using: &generator))
                default:
                    changed[.random(in: changed.indices, using: &generator)] = alphabet.randomElement(
                        using: &generator)!
                }
                guard let read = try? SessionMessage(line: changed) else { continue }
                if case .hello(let hello) = read, hello.version != SessionIPC.version { continue }
                #expect(Array(read.line.dropLast()) == changed)
            }
        }
    }

    @Test(arguments: [
        "", "\t", "open", "open\ta", "room\td\t1", "room\td\t1\t1\t", "room\td\t1\t1\t1", "room\td\t01\t1",
        "room\td\t+1\t1",
        "room\td\t1 \t1", "room\td\t\\0\t1", "room\td\t9223372036854775808\t1", "room\t\\x\t1\t1",
        "room\td\\\t1\t1",
        "Room\td\t1\t1", "names\tall\tx\t\\0", "probed\tx\t", "{\"type\":\"hello\"}", "welcome\t1",
    ])
    func whatIsNoMessageIsRefused(line: String) {
        #expect(throws: StrangeLine.self) { try SessionMessage(line: Array(line.utf8)) }
    }

    @Test func textsThatAreNotUTF8AreRefused() {
        let line = Array("probed\t".utf8) + [0xff] + Array("\t1".utf8)
        #expect(throws: StrangeLine.self) { try SessionMessage(line: line) }
    }

    @Test func aFalseCountEndsWithTheLine() {
        #expect(throws: StrangeLine.self) {
            try DaemonMessage(line: Array("names\t4294967295\ta\t0\t1\t1".utf8))
        }
    }

    @Test func ofAHelloOfAnotherReleaseTheVersionIsRead() throws {
        let message = try SessionMessage(line: Array("hello\t6\tand\tmore".utf8))
        #expect(message == .hello(.stranger(version: 6)))
    }
}
