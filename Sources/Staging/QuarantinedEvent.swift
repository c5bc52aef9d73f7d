// Webhook events of unlisted sources, held apart until somebody has decided: quarantine/webhook/<drop id>/ with the
// body and, written last, its receipt. An event is whole here before the ledger says that it is held.

/// One event in quarantine.
package struct QuarantinedEvent: Sendable {
    static let longestReceipt = 64 << 10

    package var receipt: Receipt
    package var body: [UInt8]

    package init(receipt: Receipt, body: [UInt8]) {
        self.receipt = receipt
        self.body = body
    }
}

extension StagingArea {
    /// The directory of one event; nil when there is none.
    private func place(_ drop: String) throws(StagingError) -> Directory? {
        guard DropID.isValid(drop) else { return nil }
        return try quarantine.existing(StagingLayout.webhook)?.existing(drop)
    }

    /// Keeps an event, durable when it returns.
    package func quarantine(_ event: QuarantinedEvent) throws {
        let events = try quarantine.subdirectory(StagingLayout.webhook, create: true)
        let place = try events.subdirectory(event.receipt.drop, create: true)
        let file = try place.createFile(StagingLayout.heldBody)
        try file.write(event.body)
        try file.sync()
        try write(event.receipt, in: place)
        try events.sync()
        try quarantine.sync()
    }

    /// Replaces the receipt of an event that is kept.
    package func amend(_ receipt: Receipt) throws {
        if let place = try place(receipt.drop) { try write(receipt, in: place) }
    }

    /// A reader sees a whole receipt or none, after a crash too.
    func write(_ receipt: Receipt, in place: Directory) throws {
        try place.install(
            receipt.encoded(), as: StagingLayout.quarantineReceipt,
            temporary: StagingLayout.newQuarantineReceipt)
    }

    /// The receipts of all events in quarantine, oldest first. One that cannot be read costs no other (`damagedEvents`).
    package func quarantinedEvents() throws -> [Receipt] {
        guard let events = try quarantine.existing(StagingLayout.webhook) else { return [] }
        return try events.names().compactMap { try? quarantinedReceipt($0) }
    }

    /// The drops of events in quarantine whose receipts cannot be read.
    package func damagedEvents() throws -> [String] {
        guard let events = try quarantine.existing(StagingLayout.webhook) else { return [] }
        return try events.names().filter { drop in
            do { _ = try quarantinedReceipt(drop) } catch { return true }
            return false
        }
    }

    /// The receipt of one event in quarantine, or nil.
    package func quarantinedReceipt(_ drop: String) throws -> Receipt? {
        guard let place = try place(drop), try place.status(StagingLayout.quarantineReceipt) != nil else {
            return nil
        }
        return try Receipt(
            parsing: place.openFile(StagingLayout.quarantineReceipt).contents(
                limit: QuarantinedEvent.longestReceipt))
    }

    /// One event in quarantine, or nil.
    package func quarantinedEvent(_ drop: String, limit: Int) throws -> QuarantinedEvent? {
        guard let receipt = try quarantinedReceipt(drop), let place = try place(drop) else { return nil }
        return QuarantinedEvent(
            receipt: receipt, body: try place.openFile(StagingLayout.heldBody).contents(limit: limit))
    }

    /// From now on an event is not held; one step decides, whatever crashes. Returns false where it was not held. Its bytes are there
    /// until `removeDismissed`.
    @discardableResult
    package func dismissQuarantined(_ drop: String) throws(StagingError) -> Bool {
        guard let events = try quarantine.existing(StagingLayout.webhook), try place(drop) != nil else {
            return false
        }
        do throws(StagingError) {
            try events.replace(drop, to: events, as: StagingLayout.dismissed(drop))
        } catch {
            // Somebody else did it meanwhile.
            if error.code == .notFound { return false }
            throw error
        }
        try events.sync()
        return true
    }

    /// Removes what is left of an event that is held no more; absent is not an error.
    package func removeDismissed(_ drop: String) throws(StagingError) {
        let name = StagingLayout.dismissed(drop)
        guard let events = try quarantine.existing(StagingLayout.webhook),
            let place = try events.existing(name)
        else { return }
        for file in try place.names() { try place.remove(file) }
        try events.removeDirectory(name)
        try events.sync()
    }

    /// The drops of events that are held no more, and of which something is left.
    package func dismissedEvents() throws(StagingError) -> [String] {
        guard let events = try quarantine.existing(StagingLayout.webhook) else { return [] }
        return try events.names().compactMap(StagingLayout.drop(ofDismissed:))
    }
}
