// The canonical bytes of JSON in the ledger: members sorted by the UTF-8 bytes of their names, no spaces,
// shortest escapes (RFC 8785 section 3.2.2.2). What is hashed is exactly what is stored. No I/O here.

/// Writes canonical JSON into one growing buffer. Members of an object must be written in sorted order;
/// `value` sorts by itself, hand-written callers do it in their source.
package struct CanonicalJSON {
    package private(set) var bytes: [UInt8]
    private var needsComma = false

    package init(capacity: Int = 512) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    package static func encode(_ value: JSONValue) -> [UInt8] {
        var writer = CanonicalJSON()
        writer.value(value)
        return writer.bytes
    }

    package mutating func openObject() { open(0x7B) }
    package mutating func closeObject() { close(0x7D) }
    package mutating func openArray() { open(0x5B) }
    package mutating func closeArray() { close(0x5D) }

    package mutating func key(_ name: StaticString) {
        separate()
        bytes.append(0x22)
        bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(0x22)
        bytes.append(0x3A)
        needsComma = false
    }

    package mutating func string(_ text: String) {
        separate()
        quoted(text)
    }

    package mutating func int(_ number: some FixedWidthInteger) {
        separate()
        bytes.append(contentsOf: String(number).utf8)
    }

    /// A member of an object; nil: none.
    package mutating func member(_ name: StaticString, _ text: String?) {
        guard let text else { return }
        key(name)
        string(text)
    }

    /// A member of an object; nil: none.
    package mutating func member(_ name: StaticString, _ number: Int64?) {
        guard let number else { return }
        key(name)
        int(number)
    }

    package mutating func value(_ value: JSONValue) {
        switch value {
        case .string(let text): string(text)
        case .int(let number): int(number)
        case .bool(let flag):
            separate()
            bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        case .array(let values):
            openArray()
            for element in values { self.value(element) }
            closeArray()
        case .object(let members):
            openObject()
            for (name, member) in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                separate()
                quoted(name)
                bytes.append(0x3A)
                needsComma = false
                self.value(member)
            }
            closeObject()
        }
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(0x2C) }
        needsComma = true
    }

    private mutating func quoted(_ text: String) {
        bytes.append(0x22)
        JSONEscaping.append(text, to: &bytes)
        bytes.append(0x22)
    }

    // MARK: Lines

    /// A value whose canonical bytes are known already.
    package mutating func canonical(_ value: ArraySlice<UInt8>) {
        separate()
        bytes.append(contentsOf: value)
    }

    /// Ends a line of NDJSON; the next one may follow.
    package mutating func endLine() {
        bytes.append(0x0A)
        needsComma = false
    }

    /// Begins anew in the same memory.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }
}
