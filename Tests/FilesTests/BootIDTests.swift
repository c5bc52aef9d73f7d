// Which start of the system this is: the kernel's word or none.
import Files
import Foundation
import Support
import Testing

@Suite struct BootIDTests {
    @Test func itIsTheKernelsForAllOfThisProcess() {
        #expect(BootID.current.flatMap { UUID(uuidString: $0) } != nil)
        #expect(BootID.current == BootID.read(BootID.file))
    }

    @Test func noneIsMadeUpWhereTheKernelTellsNone() throws {
        let directory = try TemporaryDirectory("boot")
        #expect(BootID.read(directory.file("nothing")) == nil)
        for text in ["", "\n"] {
            try Data(text.utf8).write(to: URL(filePath: directory.file("empty")))
            #expect(BootID.read(directory.file("empty")) == nil)
        }
    }
}
