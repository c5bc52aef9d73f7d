// What was typed as a user name and is not an account: people type their password there. Neither the ledger nor a log
// may hold it; the ledger holds what tells one such name from another.
import JSON
import TLS

struct TypedNames: Sendable {
    /// One place is out of reach: as root, sshd itself adds failed names to the system's btmp (lastb(1)), and has no
    /// option against it. A gate with a user of its own, as it is installed, cannot write there.
    ///
    /// Made when the gate starts and kept nowhere. A plain SHA-256 of a password can be found by trying words,
    /// and so can a keyed one by whoever reads the key on the same disk; the ledger is kept for years and handed
    /// on. The price: digests tell whether two entries of one run of the gate are about the same name, and
    /// nothing about entries from before a restart.
    private let key = RandomBytes.make(32)

    /// `length` is in bytes. sshd cuts names: at about 900 bytes, and where it logs no requests at 100.
    func facts(_ name: String) -> JSONValue {
        var facts: [String: JSONValue] = ["length": .int(Int64(name.utf8.count))]
        facts["hmac_sha256"] = HMAC.code(.sha256, key: key, Array(name.utf8)).map { .string(Hex.text($0)) }
        return .object(facts)
    }
}
