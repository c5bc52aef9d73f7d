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

    /// Takes an event out of quarantine for good; absent is not an error. Its receipt goes last: what could not be removed is still
    /// known to be held.
    package func removeQuarantined(_ drop: String) throws(StagingError) {
        guard let place = try place(drop), let events = try quarantine.existing(StagingLayout.webhook)
        else { return }
        for name in try place.names() where name != StagingLayout.quarantineReceipt { try place.remove(name) }
        try place.remove(StagingLayout.quarantineReceipt)
        try events.removeDirectory(drop)
        try events.sync()
    }
}
