// Removes what nobody needs any more, and nothing else: acknowledged files, old receipts, old quarantine.

/// How long things stay in staging. nil: for ever. A file in `ready/` that nobody acknowledged is never removed.
package struct RetentionPeriods: Sendable {
    package var acknowledged: Duration? = .seconds(24 * 3600)
    package var quarantined: Duration? = .seconds(30 * 24 * 3600)
    package var receipts: Duration? = .seconds(90 * 24 * 3600)
    /// How long an interrupted upload waits for its sender before it goes to quarantine.
    package var resumeFor: Duration = .seconds(24 * 3600)

    package init() {}
}
