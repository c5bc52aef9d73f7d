// The files of Config/ as they are shipped, for an installed binary that has no Config/ beside it.
// A test compares them with Config/; change both.

package enum Shipped {
    /// Config/dropgate.yaml
    package static let settings = SettingsTemplate.text(of: SettingsKey.all)

    /// Config/sources/vsee-qatar.yaml
    package static let sourceList = #"""
        # The addresses from which VSee (Qatar) calls in: webhooks, callbacks and SFTP.
        # `dropgate source list` shows them; `dropgate source explain IP` says what they decide for an address.
        # Dropgate reads this file again when it changes; if it has a mistake, the old list stays in force and the mistake is reported.
        name: vsee-qatar
        document:
          title: Network Security Diagram (Qatar)
          page: Outbound Connections
          read: 2026-11-23
        # Who answers for these entries, and the day by which somebody must read VSee's document again.
        owner: integration team
        review_by: 2027-02-23
        channels: [webhook, sftp]
        # How often they are expected to call; overdue silence is recorded, is a warning and a metric. Off unless set:
        #expect:
        #  webhook: {every: 4h, hours: 08:00-18:00, days: [sun, mon, tue, wed, thu], zone: Asia/Qatar}
        note: >-
          VSee may change its addresses without notice. A rejected attempt that looks like VSee's
          from another address means: read the document again.

        entries:
          - cidr: 20.21.208.105
            service: messenger

          - cidr: 20.21.208.105
            service: clinic

        """#
}
