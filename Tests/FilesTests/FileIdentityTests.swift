// A file's identity as one process writes it down for another.
import Files
import Support
import Testing

@Suite struct FileIdentityTests {
    @Test func whatIsWrittenDownIsReadAsTheSame() throws {
        let directory = try TemporaryDirectory("identity")
        let (one, other) = (
            try #require(FileIdentity(path: directory.path)), try #require(FileIdentity(path: "/"))
        )
        #expect(FileIdentity(recorded: one.recorded) == one && FileIdentity(recorded: other.recorded) != one)
    }

    @Test(arguments: ["", "1", "1:", ":1", "1:2:3", "1:-2", "a:b", " 1:2"])
    func whatIsNoneIsNotTakenForOne(text: String) {
        #expect(FileIdentity(recorded: text) == nil)
    }
}
