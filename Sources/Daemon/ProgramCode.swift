// What of the program's own code is in memory.
import CShims

enum ProgramCode {
    /// A start runs much that a gate does not run again: settings, checks, the opening of the ledger. For each page of it the kernel
    /// maps those around it, too, so that most of the resident memory of an idle gate was code. What is needed comes back, page by
    /// page, from the page cache.
    static func unmap() { dropgate_unmap_code() }
}
