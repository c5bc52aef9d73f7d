// The files of Config/ as they are shipped, for an installed binary that has no Config/ beside it.
// A test compares them with Config/; change both.

package enum Shipped {
    /// Config/dropgate.yaml
    package static let settings = #"""
        # Settings of a Dropgate gate. `dropgate serve --check --config THIS_FILE` validates it and exits.
        #
        # - Values after a comment sign are the defaults. A listener whose section is absent is off.
        # - Relative paths start at the directory of this file.
        # - Sizes: bytes, or KB MB GB KiB MiB GiB (10MiB). Durations: s m h d (24h).
        # - Every key can be set by environment: webhook.max_body is DROPGATE_WEBHOOK_MAX_BODY, and lists are
        #   written as in [a, b]. The environment goes over this file.
        # - An unknown key, a wrong value or a contradiction is an error with file, line and column.

        # Ledger, staging, keys and sockets live here unless a key below says otherwise.
        state: /var/lib/dropgate

        # This gate's name in every ledger entry. The default is the host's name.
        #node: gate-1

        # Who may call in: files of entries, shell patterns allowed. Read again when they change and on SIGHUP.
        #sources: [sources/*.yaml]

        # Directory of the SFTP senders' accounts, one file each; `dropgate account add NAME` makes them.
        #accounts: accounts

        # VSee's network rules, for `dropgate rules`: list, firewall export, checks from this machine.
        #rules: [rules/*.yaml]

        # VSee's webhooks over HTTPS: POST <path>.
        webhook:
          listen: 0.0.0.0:8443
          # PEM files, read again when they change. `plaintext: true` in place of tls is for a proxy that ends TLS.
          tls:
            certificate: /var/lib/dropgate/tls/certificate.pem
            key: /var/lib/dropgate/tls/key.pem
            # Asks for a client certificate of these authorities (mTLS).
            #client_authorities: /etc/dropgate/client-ca.pem
            # TLS 1.2 is spoken with ECDHE and authenticated encryption only. These senders, and nobody else, may also use
            # CBC and RSA key exchange, whose traffic can be read once the key is lost: for a time, until they are renewed.
            #old_senders: [192.0.2.7/32]
          #path: /webhooks/vsee
          # For the checks of balancers (trusted proxies) and of listed sources: GET, HEAD or OPTIONS gets 200 while the gate
          # accepts and 503 while it cannot, and leaves no entry. A PROXY header that says LOCAL may ask at any path.
          #health_path: /healthz

          # How the source of a connection is learnt: direct, proxy-protocol, x-forwarded-for or forwarded.
          # All but direct need the CIDR blocks of the proxies.
          #address: direct
          #trusted_proxies: [10.0.0.5/32]

          # What an unlisted source gets: close (the connection ends before TLS), refuse (HTTP 403), or quarantine: 403 too,
          # but an event of VSee's form under the right secret (one of the checks below) is held until somebody has found
          # out whether VSee's address has changed: `dropgate drops release ID`.
          #unlisted: close
          #quarantine: {events: 1000, bytes: 64MiB}

          # Checks beside the source address; all are off unless given. Secrets are files that only their owner reads.
          #secret_file: webhook-path-secret             # POST <path>/<secret>
          #header: {name: X-Gate-Token, value_file: webhook-header}
          #basic: {user: vsee, password_file: webhook-password}
          #standard_webhooks: {secret_files: [webhook-signing]}

          #max_body: 10MiB
          #repeat_window: 10m    # how long the same body without an event id is a repeat, and no event of its own
          #header_timeout: 10s
          #body_timeout: 60s
          #idle_timeout: 60s
          #max_connections: 1024
          #max_connections_per_source: 256

        # VSee's SFTP transfers. Every account is a drop box: it can write, and never read back.
        sftp:
          listen: 0.0.0.0:2222
          # Private host keys in the order of offer: Ed25519, ECDSA or RSA, one of a type, without a passphrase. The default is
          # what `dropgate init` makes in the state directory. Where an earlier version made it, `init` adds the ECDSA key,
          # for clients that know nothing newer (JSch 0.1); until then the gate offers the other two.
          #host_keys:
          #  - /var/lib/dropgate/keys/ssh_host_ed25519_key
          #  - /var/lib/dropgate/keys/ssh_host_ecdsa_key
          #  - /var/lib/dropgate/keys/ssh_host_rsa_key

          # direct or proxy-protocol.
          #address: direct
          #trusted_proxies: [10.0.0.5/32]

          #max_file: 10GiB
          # How long an interrupted upload, or one under a temporary name, waits for its sender before it goes to quarantine.
          #resume_for: 24h
          # How long an accepted file waits before its consumer sees it: its sender may rename or withdraw it until then.
          #settle: 5s
          # What a sender may do with a released file that nobody has taken: change (rename, replace, withdraw; each an entry,
          # and what it withdraws goes to quarantine) or refuse.
          #after_release: change
          # What one account may have in the gate that its consumer has not taken. No file can be larger: without max_file this
          # bounds it too.
          #max_pending_bytes: 100GiB
          #max_pending_names: 100000
          #login_grace: 30s
          #idle_timeout: 15m
          #max_connections: 64
          #max_connections_per_source: 16
          # Of one connection: channels at once, and failed logins before it ends (each key that a client offers is one).
          #max_sessions: 10
          #max_auth_tries: 6
          # Offers hmac-sha2-256 and hmac-sha2-512 over the plain text as the last choice. libssh2 1.10 (curl, `dropgate probe` and
          # `dropgate pull` of Debian 12) and JSch 0.1 know nothing better that is offered here. `false` leaves encrypt-then-MAC
          # and the AEAD ciphers, and keeps those clients out.
          #encrypt_and_mac: true
          # Names that are temporary, of a file or of a directory above it, in any case: such a file is delivered when it is
          # renamed to a final name.
          #provisional: ["*.filepart", "*.part", "*.partial", "*.tmp", "*.temp", "*.writing", "*.uploading", "*.inprogress", "*.in_progress", "*.in-progress", "*.incomplete", "*.new", "*.crdownload", ".*", "*~", tmp, temp, uploading, inprogress, in_progress, in-progress]

        # Pages, API and metrics for the people of the gate. Keep it on loopback, or put a proxy with TLS in front.
        console:
          listen: 127.0.0.1:8080
          token_file: /var/lib/dropgate/console.token

        # What was accepted, whole and durable, for its consumers.
        staging:
          #path: /var/lib/dropgate/staging
          # Below this much free space (bytes, inodes) senders are told to come back before they send.
          #reserve: 1GiB
          #reserve_inodes: 1000
          # Webhook events as one file each (file) or as NDJSON batches (ndjson).
          #layout: file
          # How long files and receipts stay: after `dropgate drops ack`, in quarantine, after the file was taken.
          # `forever` keeps them.
          #keep_acknowledged: 24h
          #keep_quarantined: 30d
          #keep_receipts: 90d

        # Every attempt, accepted or rejected, append-only, under signed checkpoints (C2SP tlog-checkpoint).
        ledger:
          #path: /var/lib/dropgate/ledger.sqlite
          # Signs checkpoints; `dropgate init` makes it. Give auditors KEY.pub, and keep a copy of it elsewhere.
          #key: /var/lib/dropgate/keys/ledger.key
          # How soon after an entry a checkpoint is signed.
          #checkpoint_every: 10s
          # Who keeps checkpoints where this machine cannot change them: files on another mount, https URLs (POST of each
          # checkpoint), or syslog (the target of forward.syslog). Without a witness nobody can prove that the whole ledger
          # was not replaced.
          #witnesses: [/mnt/worm/gate-1.notes]
          # When old entries move to compressed files, and how long they are kept at least (six years); `forever` keeps them.
          #seal_after: 400d
          #retain: 2192d

        # Entries as they come, to other systems. After an outage forwarding goes on where it stopped: the ledger is the buffer.
        #forward:
        #   # RFC 5424 over TCP or TLS, octet-counted. Of TLS: the authorities' PEM (default: the system's), and the gate's own.
        #   syslog: {address: "tls://logs.example.org:6514", authorities: ca.pem, certificate: gate.pem, key: gate.key}
        #   # Lines for a log shipper: jsonl, ecs or ocsf. It may be renamed at any time (logrotate without copytruncate).
        #   file: {path: /var/log/dropgate/entries.jsonl, format: jsonl}

        """#

    /// Config/sources/vsee-qatar.yaml
    package static let sourceList = #"""
        # The addresses from which VSee (Qatar) calls in: webhooks, callbacks and SFTP.
        # `dropgate source list` shows them, `dropgate source explain IP` says what they decide for an address.
        # Dropgate reads this file again when it changes; a mistake in it keeps the old list in force and is reported.
        name: vsee-qatar
        document:
          title: Network Security Diagram (Qatar)
          page: Outbound Connections
          read: 2026-11-23
        # Who answers for these entries, and the day by which somebody reads VSee's document again.
        owner: integration team
        review_by: 2027-02-23
        channels: [webhook, sftp]
        # How often they should be heard from; overdue silence is an entry, a warning and a metric. Off unless given:
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
