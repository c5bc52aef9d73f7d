// Config/rules/vsee-qatar.yaml as it is shipped. A test compares them; change both.

extension Shipped {
    package static let rules = #"""
        # VSee's network rules (Qatar), row by row as its document has them: what your network must let out to VSee.
        # `dropgate rules list` shows them, `dropgate rules export` writes firewall rules, `dropgate rules check` tries them.
        #
        # The copy that was read shows the rows, and for most of them neither ports nor servers. `undocumented` names what it
        # does not show; such a row keeps its place and is exported and tried as the row that falls_back_to names. When you have
        # VSee's full tables, fill in ports and servers and remove `undocumented`.
        name: vsee-qatar
        document:
          title: Network Security Diagram (Qatar)
          page: Network Security Diagram
          read: 2026-11-23
        note: >-
          The cells of the copy are empty; what stands here of ports and servers is what other public copies still show.
          VSee may change its addresses without notice.

        tables:
          - id: simplified
            title: Simplified Rules
            note: "To be used if *.vsee.qa can be whitelisted."
            rows:
              - id: simplified-core
                purpose: VSee Directory, Relay, Call management, Diagnostics, etc.
                detail: >-
                  Required for VSee Messenger authentication, address book services, establishing video calls, video packets
                  relay, VSee Messenger chat communication. Measure bandwidth for video quality adjustment
                servers: ["*.vsee.qa"]
                ports:
                  - TCP 80
                  - TCP 443
                  - TCP 3478
                  - TCP 5222
                  - UDP 1853
                  - UDP 3478
                  - UDP 6000
                  - UDP 6001
                  - UDP 6256
                  - UDP 10000
                  - UDP 49152-65535
                note: UDP 49152-65535 are the ports that the TURN servers allocate.

              - id: simplified-presence
                purpose: Call presence and reporting
                detail: Update VSee user's status, e.g. Offline, Online, In a call, Busy, etc.
                servers: ["*.vsee.qa"]
                ports: [TCP 443]

              - id: simplified-recording
                purpose: Cloud recording service
                detail: >-
                  Record video calls performed via VSee Messenger and/or in-browser calls. The calls will be recorded on the
                  server side and will be available via a cloud link.
                optional: true
                servers: [s3.amazonaws.com]
                ports: [TCP 443]
                note: Optional, depends on contract.

          - id: messenger
            title: Detailed Rules, Messenger Service
            note: "To be used if *.vsee.qa cannot be whitelisted."
            rows:
              - id: messenger-directory
                purpose: VSee Directory
                undocumented: [ports, servers]
                falls_back_to: simplified-core

              - id: messenger-turn
                purpose: Qatar TURN Servers
                ports: [UDP 3478]
                undocumented: [servers]
                falls_back_to: simplified-core
                note: >-
                  The port is from the document's section on proxy servers. In one copy 20.173.76.208 stands near this row; that
                  it is a TURN server is not documented.

              - id: messenger-region
                purpose: Region Identification Service
                servers: [region.vsee.qa]
                ports: [TCP 443]

              - id: messenger-video-bridge
                purpose: Video Bridge
                ports: [UDP 10000]
                undocumented: [servers]
                falls_back_to: simplified-core
                note: The port is from the document's section on proxy servers.

              - id: messenger-update
                purpose: Messenger update service
                detail: Automated check for new versions of VSee Messenger
                undocumented: [ports, servers]
                falls_back_to: simplified-core

              - id: messenger-profile
                purpose: Profile management
                detail: Managing VSee user profile, changing password, etc.
                undocumented: [ports, servers]
                falls_back_to: simplified-core
                note: A line of empty cells follows this row in the copy; what it said is not known.

              - id: messenger-diagnostics
                purpose: Messenger diagnostics
                detail: Diagnostic information gathered by VSee Messenger
                undocumented: [ports, servers]
                falls_back_to: simplified-core

          - id: clinic
            title: Detailed Rules, Clinic Service
            note: "To be used if *.vsee.qa cannot be whitelisted."
            rows:
              - id: clinic-web
                purpose: Clinic web and API cluster
                detail: Basic Clinic functionality
                undocumented: [ports, servers]
                falls_back_to: simplified-core

              - id: clinic-presence
                purpose: Call presence and reporting
                detail: Update VSee users' presence status.
                undocumented: [ports, servers]
                falls_back_to: simplified-presence
                note: A line of empty cells follows this row in the copy; what it said is not known.

          - id: optional
            title: Optional Firewall Rules
            rows:
              - id: optional-sso
                purpose: SSO / AD
                detail: Enables login with MFA or using an SSO identity provider.
                optional: true
                ports: [TCP 443]
                undocumented: [servers]
                note: The document says "See SCALE info" in place of servers. No other row stands for them, so none is exported.

              - id: optional-recording
                purpose: Cloud recording
                detail: >-
                  Record video calls performed via VSee Messenger and/or in-browser calls. The calls will be recorded on the
                  server side and will be available via a cloud link.
                optional: true
                servers: [s3.amazonaws.com]
                ports: [TCP 443]
                note: Depends on contract.

        # The section on proxy servers. `means` is what a check can try: bypass (nothing, it is advice), persistent-tcp, direct-udp.
        proxy:
          - id: proxy-bypass
            purpose: Bypass proxies for VSee traffic
            means: bypass
            optional: true
            note: Recommended; VSee's traffic is already encrypted, and a proxy can add latency and packet loss.

          - id: proxy-persistent-tcp
            purpose: Proxy servers should allow persistent TCP connections
            means: persistent-tcp

          - id: proxy-turn-direct
            purpose: UDP traffic to the VSee TURN Servers at port 3478 proceeds directly
            means: direct-udp
            row: messenger-turn

          - id: proxy-video-bridge-direct
            purpose: UDP traffic to the Video Bridges at port 10000 proceeds directly
            means: direct-udp
            row: messenger-video-bridge

        # The section on outbound connections: VSee to you. The gate itself goes by its source lists, not by this.
        outbound:
          - id: outbound-messenger
            service: Messenger Service
            address: 20.21.208.105

          - id: outbound-clinic
            service: Clinic Service
            address: 20.21.208.105

        """#
}
