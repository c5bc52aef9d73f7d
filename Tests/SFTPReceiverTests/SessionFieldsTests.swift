// The lines between a session and the daemon: what is written is read back, and nothing else is read.
import Testing

@testable import SFTPSession

@Suite struct SessionFieldsTests {
    private static let texts = [
        "", "a.hl7", "ö/文/🩺.xml", "a\tb\nc\\d", "\\", "\\0", "\\t", "\t\t\n", "\u{0}", "\r\n", " x ", "-1",
        "\u{2028}", "e\u{301}",
    ]

    /// Values of which no two are the same by rule, so that fields that are read in another order than they were written show.
    private struct Maker {
        var generator = SystemRandomNumberGenerator()
        private var count = 0

        mutating func text() -> String {
            count += 1
            return
                "\(texts.randomElement(using: &generator)!)\(count)\(texts.randomElement(using: &generator)!)"
        }
        mutating func number() -> Int64 {
            [0, 1, -1, .max, .min].randomElement(using: &generator)!
                ^ .random(in: 0..<1000, using: &generator)
        }
        mutating func flag() -> Bool { .random(using: &generator) }
        mutating func maybe<Value>(_ make: (inout Maker) -> Value) -> Value? { flag() ? make(&self) : nil }

        mutating func message(_ kind: Int) -> SessionMessage {
            switch kind {
            case 0:
                return .hello(
                    SessionHello(
                        connection: text(), user: text(), pid: Int32(truncatingIfNeeded: number()),
                        version: SessionIPC.version, authentication: maybe { $0.text() }))
            case 1:
                return .names(
                    NameQuestion(about: flag() ? .directory : .name, path: text(), after: maybe { $0.text() })
                )
            case 2:
                var change = NameChange(flag() ? .rename : .setAttributes, text())
                (change.to, change.open) = (maybe { $0.text() }, maybe { $0.text() })
                (change.size, change.modified) = (maybe { $0.number() }, maybe { $0.number() })
                change.replaces = maybe { $0.flag() }
                return .change(change)
            case 3:
                return .open(
                    UploadOpening(
                        path: text(), exclusive: flag(), mustExist: flag(), fresh: flag(), appends: flag(),
                        modified: maybe { $0.number() }))
            case 4: return .room(RoomRequest(drop: text(), bytes: number(), least: number()))
            case 5:
                return .commit(
                    UploadCommit(
                        id: Int(number()), drop: text(), path: text(), bytes: number(), sha256: text(),
                        modified: maybe { $0.number() }, isInline: flag()))
            case 6:
                return .ended(
                    UploadEnded(
                        drop: text(), path: text(), outcome: flag() ? .interrupted : .whole, bytes: number(),
                        prefix: number(), modified: maybe { $0.number() }, message: maybe { $0.text() }))
            case 7:
                return .refused(
                    SessionRefusal(reason: text(), operation: text(), path: text(), message: text()))
            case 8: return .probed(ProbeNotice(path: text(), bytes: number()))
            default:
                return .collect(
                    CollectQuestion(
                        drop: maybe { $0.text() }, before: maybe { $0.number() }, opens: flag(),
                        acknowledges: flag(), asksStanding: flag()))
            }
        }

        mutating func answer(_ kind: Int) -> DaemonMessage {
            switch kind {
            case 0:
                var welcome = SessionWelcome(
                    ok: flag(), account: maybe { $0.text() }, incoming: maybe { $0.text() },
                    maxFile: maybe { $0.number() }, mostInline: maybe { $0.number() },
                    provisional: maybe { [$0.text(), $0.text()] }, idleTimeout: maybe { Int($0.number()) },
                    message: maybe { $0.text() })
                welcome.staging = maybe { $0.text() }
                return .welcome(welcome)
            case 1:
                let entries = (0..<3).map { _ in
                    NameAnswer.Entry(
                        name: text(), isDirectory: flag(), bytes: number(), modified: number())
                }
                return .names(NameAnswer(entries: flag() ? entries : [], hasMore: flag()))
            case 2:
                return .done(
                    ChangeAnswer(
                        failure: maybe { _ in .exists }, message: maybe { $0.text() },
                        bytes: maybe { $0.number() }))
            case 3:
                return .opened(
                    UploadOpened(
                        drop: text(), standing: flag() ? .delivered : .fresh, room: number(),
                        bytes: maybe { $0.number() }))
            case 4:
                return .commit(
                    UploadCommitAnswer(
                        id: Int(number()), ok: flag(), status: maybe { _ in .duplicate },
                        name: maybe { $0.text() }, code: maybe { $0.text() }, message: maybe { $0.text() }))
            case 5:
                let drops = (0..<3).map { _ in CollectPage.Drop(id: text(), path: text()) }
                return .page(
                    CollectPage(
                        ok: flag(), drops: flag() ? drops : [], next: maybe { $0.number() },
                        message: maybe { $0.text() }, standing: maybe { $0.text() }))
            default: return .end(SessionEnding(message: text(), answers: maybe { $0.flag() }))
            }
        }
    }

    @Test func everyMessageIsReadAsItWasWritten() throws {
        var make = Maker()
        for _ in 0..<200 {
            for kind in 0..<10 {
                let message = make.message(kind)
                let line = message.line
                #expect(line.firstIndex(of: UInt8(ascii: "\n")) == line.count - 1, "one line")
                #expect(try SessionMessage(line: line.dropLast()) == message)
            }
            for kind in 0..<7 {
                let answer = make.answer(kind)
                #expect(try DaemonMessage(line: answer.line.dropLast()) == answer)
            }
        }
    }

    /// A line has one meaning, and a meaning one line: whatever is read would be written so.
    @Test func noLineThatWasChangedIsReadAsSomethingThatWouldBeWrittenOtherwise() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("\t\\0nt19-a\u{0}".utf8) + [0xff, 0xc3]
        var make = Maker()
        for kind in 0..<10 {
            let line = Array(make.message(kind).line.dropLast())
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
        let other = SessionIPC.version + 1
        let message = try SessionMessage(line: Array("hello\t\(other)\tand\tmore".utf8))
        #expect(message == .hello(.stranger(version: other)))
    }
}
