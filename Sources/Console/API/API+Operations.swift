// All that can be asked. The first operation of a path answers it: words come before parameters.
import HTTPTypes
import Management

extension API {
    static let operations =
        [description, status, reachability] + attemptOperations + evidenceOperations + jobOperations
        + sourceOperations + ruleOperations + accountOperations + dropOperations

    private static let description = Operation(
        path: "openapi.json", id: "description", summary: "This description", about: "Needs no token.",
        permission: nil, answer: .json("Description")
    ) { _, call in json(OpenAPIDocument.bytes, for: call.request) }

    private static let status = Operation(
        path: "status", id: "status", summary: "The state of the gate",
        about: "Whether it accepts, and what is wrong: since when, and what to do.", permission: .status,
        answer: .json("Status")
    ) { try $0.status($1) }

    private static let reachability = Operation(
        path: "reachability", id: "reachability",
        summary: "When sources last called, and what the gate's checks find",
        about:
            "Both are worked out in the background: `contacts` or `findings` is missing until that is done, and when nobody has "
            + "asked for two minutes; ask again in some seconds. What `dropgate doctor` finds by connecting to the gate is not included.",
        permission: .status, answer: .json("Reachability")
    ) { try $0.reachability($1) }

    // MARK: Attempts

    private static let noEntry = Operation.Refusal(404, "There is no such entry, or none any more.")
    private static let tooMany = Operation.Refusal(503, "Too many streams are open.")
    private static let tooOften = Operation.Refusal(
        429,
        "The token has had too many accesses recorded recently; `Retry-After` says when the next one is allowed."
    )

    private static let attemptOperations = [
        Operation(
            path: "attempts", id: "attempts", summary: "Attempts, newest first",
            about: "Entries of the ledger, as they are stored.", permission: .readAttempts,
            parameters: Parameter.filters + [.attemptLimit, .before], answer: .json("AttemptPage")
        ) { try $0.attempts($1) },
        Operation(
            path: "attempts/stream", id: "attemptStream", summary: "Attempts as they come",
            about:
                "`event: attempt`, `id:` the entry's number, `data:` the entry. Continues after `Last-Event-ID`, or after "
                + "`after`, or starts with what comes from now on. Ends when the gate stops or the token is revoked.",
            permission: .readAttempts, parameters: Parameter.filters + [.after, .lastEvent], answer: .events,
            problems: [tooMany, tooOften]
        ) { try await $0.attemptStream($1) },
        Operation(
            path: "attempts/export", id: "attemptExport", summary: "All attempts that match, oldest first",
            about:
                "In the forms of `dropgate attempts --format`, up to the export's own entry. If an answer ends "
                + "too soon, that is another entry.",
            permission: .export, parameters: Parameter.filters + [.exportFormat], answer: .bytes,
            problems: [tooOften]
        ) { try await $0.export($1) },
        Operation(
            path: "attempts/{seq}", id: "attempt", summary: "One entry",
            about: "Byte for byte as it is stored and hashed.", permission: .readAttempts, parameters: [.seq],
            answer: .json("Entry"), problems: [noEntry]
        ) { try $0.attempt($1) },
    ]

    private static let evidenceOperations = [
        Operation(
            path: "attempts/{seq}/proof", id: "attemptProof",
            summary: "Proof that an entry is in the signed ledger",
            about:
                "A C2SP tlog-proof: with the entry's bytes and the ledger's public key it verifies offline "
                + "(Deploy/verify-bundle.py).",
            permission: .readAttempts, parameters: [.seq], answer: .text,
            problems: [noEntry, .init(409, "No checkpoint covers the entry yet; ask again in some seconds.")]
        ) { try await $0.proof($1) },
        Operation(
            path: "ledger", id: "ledger", summary: "How far the ledger is signed and witnessed",
            about: "`unsigned` and `unwitnessed` count entries.", permission: .readAttempts,
            answer: .json("Ledger")
        ) { try $0.ledger($1) },
        Operation(
            path: "ledger/checkpoint", id: "checkpoint", summary: "The newest checkpoint",
            about:
                "A signed note (C2SP tlog-checkpoint). Keep it elsewhere: what it covers cannot be changed afterwards "
                + "without being noticed.",
            permission: .readAttempts, answer: .text, problems: [.init(404, "None is signed yet.")]
        ) { try $0.checkpoint($1) },
        Operation(
            path: "ledger/keys", id: "ledgerKeys", summary: "The ledger's public keys",
            about: "One per line, the newest last. Compare them with what was kept elsewhere.",
            permission: .readAttempts, answer: .text
        ) { try $0.keys($1) },
    ]

    // MARK: Jobs

    private static let busy = Operation.Refusal(409, "Another one is already running.")
    private static let unprocessable = Operation.Refusal(
        422, "The body is well formed, but its values make no sense together.")

    private static let jobOperations = [
        Operation(
            path: "jobs/{id}", id: "job", summary: "How far a job has got, and its result",
            about: "Jobs are kept until newer ones take their places, or the gate stops.",
            permission: .status,
            parameters: [.jobID], answer: .json("Job"), problems: [.init(404, "There is no such job.")]
        ) { try $0.job($1) },
        Operation(
            method: .post, path: "ledger/verify", success: 202, id: "verifyLedger",
            summary: "Verify the whole ledger",
            about: "Hashes every entry, and compares with everything that was signed. A job.",
            permission: .verify, answer: .json("Job"), problems: [busy]
        ) { try await $0.verify($1) },
        Operation(
            method: .post, path: "reports", body: ("Period", true), success: 202, id: "report",
            summary: "Report on a period",
            about: "A job; its result is that of `dropgate report --format json`.",
            permission: .export, answer: .json("Job"), problems: [busy, unprocessable]
        ) { try await $0.report($1) },
        Operation(
            method: .post, path: "probes", body: ("Probe", true), success: 202, id: "probe",
            summary: "Probe a webhook's URL or an SFTP server from the gate's machine",
            about: "A job; its result is that of `dropgate probe --format json`. Without credentials.",
            permission: .probe, answer: .json("Job"), problems: [busy, unprocessable]
        ) { try await $0.probe($1) },
        Operation(
            method: .post, path: "rules/check", success: 202, id: "checkRules",
            summary: "Try VSee's network rules from the gate's machine",
            about: "A job; its result is that of `dropgate rules check --format json`.",
            permission: .probe, answer: .json("Job"), problems: [busy]
        ) { try await $0.checkRules($1) },
    ]

    // MARK: Rules, accounts

    private static let ruleOperations = [
        Operation(
            path: "rules", id: "rules", summary: "VSee's network rules", about: "As its documents have them.",
            permission: .status, answer: .json("Rules")
        ) { try $0.rules($1) },
        Operation(
            path: "rules/export", id: "rulesExport", summary: "The rules in a firewall's format",
            about:
                "ingress: who may call the gate, from its source lists. egress: what must be let out to VSee; names are not "
                + "looked up.",
            permission: .status, parameters: [Parameter.direction.needed, Parameter.firewall.needed],
            answer: .text,
            problems: [.init(409, "The rules cannot be written in this format without looking names up.")]
        ) { try await $0.rulesExport($1) },
    ]

    private static let accountOperations = [
        Operation(
            path: "accounts", id: "accounts", summary: "Who may log in by SFTP",
            about: "Without what they log in with.", permission: .readAccounts, answer: .json("Accounts")
        ) { try $0.accounts($1) },
        Operation(
            path: "accounts/{name}", id: "account", summary: "One account",
            about: "Without what it logs in with.", permission: .readAccounts, parameters: [.accountName],
            answer: .json("Account"), problems: [.init(404, "There is no such account.")]
        ) { try $0.account($1) },
    ]

    // MARK: Source lists

    private static let sourceOperations = [
        Operation(
            path: "sources", id: "sources", summary: "The source lists",
            about:
                "Who may call in, as the files say; if they have mistakes, as the gate has it in force.",
            permission: .readSources, answer: .json("Sources")
        ) { try $0.sources($1) },
        Operation(
            path: "sources/explain", id: "explainSource", summary: "What is decided for an address",
            about: "On each channel, with the trace; as `dropgate source explain` shows it.",
            permission: .readSources, parameters: [.ip, .listedChannel, .at], answer: .json("Decisions")
        ) { try $0.explain($1) },
        Operation(
            method: .post, path: "sources/preview", body: ("ListText", true), id: "previewSources",
            summary: "The effect of a changed list",
            about:
                "What would differ, and for which callers of the last 30 days the decision would change. Nothing is changed.",
            permission: .readSources, answer: .json("Preview"),
            problems: [unprocessable]
        ) { try await $0.preview($1) },
    ]

    // MARK: Drops

    private static let noDrop = Operation.Refusal(404, "There is no such drop.")
    private static let wrongState = Operation.Refusal(
        409, "The drop is not in a state in which this can be done.")
    private static let notNow = Operation.Refusal(
        503, "It cannot be done now, because staging or the ledger fails: try again after Retry-After.")

    private static let dropOperations = [
        Operation(
            path: "drops", id: "drops", summary: "Drops, newest first",
            about: "What was accepted, with its receipt's members; not what it holds.",
            permission: .readDrops,
            parameters: [.state, .dropLimit, .before], answer: .json("DropPage")
        ) { try $0.drops($1) },
        Operation(
            path: "drops/stream", id: "dropStream", summary: "Released drops as they come",
            about:
                "`event: drop`, `id:` where to continue, `data:` the drop. Each released drop that nobody has acknowledged or taken, once, "
                + "in the order of entries; one that is released later than others behind it comes later. Continues after "
                + "`Last-Event-ID`, or after `after`, or begins with the oldest that waits. If more than "
                + "\(StreamPosition.mostOpen) drops are still to be released, those behind them wait. Ends when the gate stops or the "
                + "token is revoked.",
            permission: .readDrops, parameters: [.afterDrop, .lastDrop], answer: .events,
            problems: [tooMany, tooOften]
        ) { try await $0.dropStream($1) },
        Operation(
            path: "drops/at", id: "dropsAt", summary: "The drops of a file, oldest first",
            about:
                "One, or those of a batch. For one path, the drop that is there, or was there last: names are used again. None "
                + "if the path belongs to no drop. `next`, if there is one, is the `after` of the next page.",
            permission: .readDrops, parameters: [.path, .after, .dropLimit], answer: .json("DropPage")
        ) { try $0.dropsAt($1) },
        Operation(
            path: "drops/{id}", id: "drop", summary: "One drop",
            about: "Also works for one that is held in quarantine.",
            permission: .readDrops, parameters: [.id], answer: .json("Drop"), problems: [noDrop]
        ) { try $0.drop($1) },
        Operation(
            path: "drops/{id}/content", id: "dropContent", summary: "What a drop holds",
            about:
                "The bytes as they came, of a drop that lies in ready/. Each answer is recorded in the ledger. Compare them "
                + "with the receipt's sha256, which is the ETag, too.",
            permission: .readContent, parameters: [.id], answer: .bytes,
            problems: [
                noDrop, .init(409, "It is not released yet, or its file is not what the ledger says."),
                .init(410, "It is not in ready/ any more."),
                .init(
                    503,
                    "Staging cannot be read, or the disk has no room for the ledger entry of this answer: try again after Retry-After."
                ),
            ]
        ) { try await $0.content($1) },
        Operation(
            method: .post, path: "drops/{id}/acknowledge", id: "acknowledgeDrop",
            summary: "Acknowledge a drop: its consumer is done with it",
            about:
                "Its file and receipt are removed after staging.keep_acknowledged. Recorded in the ledger.",
            permission: .acknowledge, parameters: [.id], answer: .json("Acknowledged"),
            problems: [noDrop, wrongState, notNow]
        ) { try await $0.acknowledge($1) },
        Operation(
            method: .post, path: "drops/{id}/release", id: "releaseHeld",
            summary: "Release an event that is held in quarantine",
            about: "Its source must be listed by now. Recorded in the ledger.", permission: .releaseHeld,
            parameters: [.id], answer: .json("Released"), problems: [noDrop, wrongState, notNow]
        ) { try await $0.release($1) },
        Operation(
            method: .post, path: "drops/{id}/withdraw", id: "withdrawDrop",
            summary: "Take back a drop that no consumer has yet",
            about:
                "An upload that is settling, or lies in ready/, goes to quarantine; an event that is held in quarantine is removed for "
                + "good. Accepted events cannot be withdrawn. Recorded in the ledger. A 500 may say that it is withdrawn all the same, "
                + "and what could not be removed.",
            permission: .withdraw, parameters: [.id], answer: .json("Withdrawn"),
            problems: [noDrop, wrongState, notNow]
        ) { try await $0.withdraw($1) },
    ]
}
