// How much of the ledger is looked at in one go, for pages, streams and exports: all of them share a few threads with the gate's health.

/// A look ends after its first step or after `patience`, whichever is later, and says where to go on.
package enum Look {
    /// With the step that is under way when it is over, an answer comes within a tenth of a second.
    package static let patience = Duration.milliseconds(40)
    /// Entries of one step; of sealed ones half as many, because they are unpacked.
    static let entries: Int64 = 5000
    /// Drops of one step: for each, files are looked at.
    static let drops = 50
}
