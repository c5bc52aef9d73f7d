// Encodes the answers of draft section 7 into one buffer, which is sent with one write per batch.
// It knows field layouts only; which answer is right, the drop box decides.

struct ReplyWriter {
    /// Complete packets, ready to send.
    private(set) var bytes: [UInt8] = []

    mutating func removeFirst(_ count: Int) {
        if count >= bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= WireLimit.output)
        } else {
            bytes.removeFirst(count)
        }
    }

    mutating func version() {
        packet(.version) { reply in
            reply.put(UInt32(3))
            for (name, version) in Extension.advertised {
                reply.put(string: name.utf8)
                reply.put(string: version.utf8)
            }
        }
    }

    /// The status of nearly every WRITE; kept free of closures and strings.
    mutating func ok(_ id: UInt32) {
        put(UInt32(17))
        bytes.append(PacketType.status.rawValue)
        put(id)
        put(StatusCode.ok.rawValue)
        put(UInt32(0))
        put(UInt32(0))
    }

    mutating func status(_ id: UInt32, _ code: StatusCode, _ message: String) {
        packet(.status) { reply in
            reply.put(id)
            reply.put(code.rawValue)
            reply.put(string: message.utf8)
            reply.put(string: "en".utf8)
        }
    }

    mutating func handle(_ id: UInt32, _ handle: HandleID) {
        packet(.handle) { reply in
            reply.put(id)
            reply.put(UInt32(8))
            reply.put(handle.slot)
            reply.put(handle.generation)
        }
    }

    mutating func attributes(_ id: UInt32, _ node: Node) {
        packet(.attributes) { reply in
            reply.put(id)
            reply.put(node)
        }
    }

    /// The answer to REALPATH: one name and, as the draft has it, dummy attributes.
    mutating func path(_ id: UInt32, _ path: VirtualPath) {
        packet(.name) { reply in
            reply.put(id)
            reply.put(UInt32(1))
            reply.put(string: path.absolute)
            reply.put(string: path.absolute)
            reply.put(UInt32(0))
        }
    }

    /// As many of `entries` as one answer takes.
    /// - Returns: how many went in; at least one when there is one.
    mutating func names(_ id: UInt32, _ entries: ArraySlice<DirectoryEntry>, account: String, now: Int64)
        -> Int
    {
        var count = 0
        packet(.name) { reply in
            reply.put(id)
            let countAt = reply.bytes.count
            reply.put(UInt32(0))
            for entry in entries.prefix(WireLimit.namesPerReply) {
                if count > 0, reply.bytes.count - countAt > WireLimit.bytesPerNameReply { break }
                reply.put(string: entry.name)
                reply.put(string: longName(entry, account: account, now: now))
                reply.put(entry.node)
                count += 1
            }
            reply.replace(UInt32(count), at: countAt)
        }
        return count
    }

    /// Draft of `limits@openssh.com`: packet, read and write lengths, open handles.
    mutating func limits(_ id: UInt32) {
        packet(.extendedReply) { reply in
            reply.put(id)
            reply.put(UInt64(WireLimit.advertisedPacket))
            reply.put(UInt64(WireLimit.advertisedData))
            reply.put(UInt64(WireLimit.advertisedData))
            reply.put(UInt64(WireLimit.openHandles))
        }
    }

    /// DATA with up to `count` bytes that `fill` puts in place.
    /// - Returns: what `fill` returned. When that is not above 0, nothing was added.
    mutating func data(_ id: UInt32, _ count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
        let start = bytes.count
        put(UInt32(0))
        bytes.append(PacketType.data.rawValue)
        put(id)
        put(UInt32(0))
        let dataAt = bytes.count
        bytes.append(contentsOf: [UInt8](repeating: 0, count: count))
        let filled = bytes.withUnsafeMutableBytes {
            fill(UnsafeMutableRawBufferPointer(rebasing: $0[dataAt...]))
        }
        guard filled > 0 else {
            bytes.removeLast(bytes.count - start)
            return filled
        }
        bytes.removeLast(count - filled)
        replace(UInt32(bytes.count - start - 4), at: start)
        replace(UInt32(filled), at: dataAt - 4)
        return filled
    }

    private mutating func packet(_ type: PacketType, _ body: (inout ReplyWriter) -> Void) {
        let start = bytes.count
        put(UInt32(0))
        bytes.append(type.rawValue)
        body(&self)
        replace(UInt32(bytes.count - start - 4), at: start)
    }

    private mutating func put(_ value: UInt32) {
        bytes.append(UInt8(truncatingIfNeeded: value >> 24))
        bytes.append(UInt8(truncatingIfNeeded: value >> 16))
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value))
    }

    private mutating func put(_ value: UInt64) {
        put(UInt32(truncatingIfNeeded: value >> 32))
        put(UInt32(truncatingIfNeeded: value))
    }

    private mutating func put(string: some Collection<UInt8>) {
        put(UInt32(string.count))
        bytes.append(contentsOf: string)
    }

    /// Size, permissions with type bits, and times: what every client in use needs.
    private mutating func put(_ node: Node) {
        put(UInt32(0x1 | 0x4 | 0x8))
        put(UInt64(clamping: node.size))
        put(node.permissions)
        put(UInt32(clamping: node.modified))
        put(UInt32(clamping: node.modified))
    }

    private mutating func replace(_ value: UInt32, at index: Int) {
        for byte in 0..<4 {
            bytes[index + byte] = UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32(byte)))
        }
    }
}
