// What the allocator does with what was freed.
import CShims

enum Allocator {
    /// Bodies of webhooks may have some MiB, and come and go: what they took must not stay with the process. Smaller blocks
    /// are used again.
    private static let large: Int32 = 256 << 10

    static func returnLargeBlocks() { _ = dropgate_return_large_blocks(large) }
}
