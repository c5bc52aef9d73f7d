// Reads members of an entry straight from its canonical bytes: verification and reports do it for every entry, so
// nothing is decoded that need not be. Pure.
import Admission
import Foundation

/// Where the indexed members of one entry lie in its bytes.
struct EntryScan {
    /// A JSON string without its quotes, escapes as written.
    typealias Text = UnsafeRawBufferPointer

    private(set) var account: Text?
    private(set) var channel: Text?
    private(set) var clock: Text?
    private(set) var count: Int64 = 1
    private(set) var credential: Text?
    /// The whole object, as written.
    private(set) var detail: Text?
    /// The whole list, as written.
    private(set) var entries: Text?
    private(set) var kind: Text?
    private(set) var policy: Text?
    private(set) var reason: Text?
    private(set) var ip: Text?
    private(set) var seq: Int64?
    private(set) var time: Text?
    private(set) var verdict: Text?

    /// nil when the bytes are no object as this program writes it.
    init?(_ bytes: UnsafeRawBufferPointer) {
        var cursor = Cursor(bytes)
        guard cursor.take(0x7B) else { return nil }
        if cursor.take(0x7D) { return nil }
        repeat {
            guard let name = cursor.string(), cursor.take(0x3A), read(name, &cursor) else { return nil }
        } while cursor.take(0x2C)
        guard cursor.take(0x7D), cursor.isAtEnd else { return nil }
    }

    private mutating func read(_ name: Text, _ cursor: inout Cursor) -> Bool {
        guard !name.isEmpty else { return cursor.skip() }
        switch (name.count, name[0]) {
        case (7, 0x61) where name.equals("account"): return Self.text(&account, &cursor)
        case (7, 0x63) where name.equals("channel"): return Self.text(&channel, &cursor)
        case (5, 0x63) where name.equals("clock"): return Self.text(&clock, &cursor)
        case (5, 0x63) where name.equals("count"):
            guard let number = cursor.integer() else { return false }
            count = number
            return true
        case (10, 0x63) where name.equals("credential"): return Self.text(&credential, &cursor)
        case (6, 0x64) where name.equals("detail"): return Self.whole(&detail, &cursor)
        case (7, 0x65) where name.equals("entries"): return Self.whole(&entries, &cursor)
        case (4, 0x6B) where name.equals("kind"): return Self.text(&kind, &cursor)
        case (6, 0x70) where name.equals("policy"): return Self.text(&policy, &cursor)
        case (6, 0x72) where name.equals("reason"): return Self.text(&reason, &cursor)
        case (4, 0x74) where name.equals("time"): return Self.text(&time, &cursor)
        case (7, 0x76) where name.equals("verdict"): return Self.text(&verdict, &cursor)
        case (3, 0x73) where name.equals("seq"):
            seq = cursor.integer()
            return seq != nil
        case (6, 0x73) where name.equals("source"):
            guard cursor.take(0x7B), cursor.string()?.equals("ip") == true, cursor.take(0x3A) else {
                return false
            }
            ip = cursor.string()
            while cursor.take(0x2C) {
                guard cursor.string() != nil, cursor.take(0x3A), cursor.skip() else { return false }
            }
            return ip != nil && cursor.take(0x7D)
        default: return cursor.skip()
        }
    }

    /// A member that is a time; nil when it is none.
    static func instant(_ text: Text?) -> Instant? {
        text.flatMap { Instant(rfc3339: String(decoding: $0, as: UTF8.self)) }
    }

    private static func whole(_ member: inout Text?, _ cursor: inout Cursor) -> Bool {
        let rest = cursor.rest
        guard cursor.skip() else { return false }
        member = UnsafeRawBufferPointer(rebasing: rest[..<(rest.count - cursor.rest.count)])
        return true
    }

    private static func text(_ member: inout Text?, _ cursor: inout Cursor) -> Bool {
        member = cursor.string()
        return member != nil
    }
}

extension UnsafeRawBufferPointer {
    func equals(_ text: StaticString) -> Bool {
        guard let base = baseAddress, count == text.utf8CodeUnitCount else { return false }
        return memcmp(base, text.utf8Start, count) == 0
    }
}

/// A place in canonical JSON: no spaces anywhere.
private struct Cursor {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }
    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[at...]) }

    mutating func take(_ byte: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    /// A string, and past it.
    mutating func string() -> UnsafeRawBufferPointer? {
        guard take(0x22), let base = bytes.baseAddress else { return nil }
        let start = at
        while at < bytes.count, let quote = memchr(base + at, 0x22, bytes.count - at) {
            let end = UnsafeRawPointer(quote) - base
            var escapes = end
            while escapes > start, bytes[escapes - 1] == 0x5C { escapes -= 1 }
            at = end + 1
            if (end - escapes) % 2 == 0 { return UnsafeRawBufferPointer(rebasing: bytes[start..<end]) }
        }
        return nil
    }

    mutating func integer() -> Int64? {
        let isNegative = take(0x2D)
        var value: Int64 = 0
        let start = at
        while at < bytes.count, (0x30...0x39).contains(bytes[at]), at - start < 18 {
            value = value * 10 + Int64(bytes[at] - 0x30)
            at += 1
        }
        return at == start ? nil : isNegative ? -value : value
    }

    /// Past one value of any kind.
    mutating func skip() -> Bool {
        guard at < bytes.count else { return false }
        switch bytes[at] {
        case 0x22: return string() != nil
        case 0x7B, 0x5B: return skipNested()
        default:
            while at < bytes.count, bytes[at] != 0x2C, bytes[at] != 0x7D, bytes[at] != 0x5D { at += 1 }
            return true
        }
    }

    private mutating func skipNested() -> Bool {
        var depth = 0
        while at < bytes.count {
            switch bytes[at] {
            case 0x22: if string() == nil { return false }
            case 0x7B, 0x5B:
                depth += 1
                at += 1
            case 0x7D, 0x5D:
                depth -= 1
                at += 1
                if depth == 0 { return true }
            default: at += 1
            }
        }
        return false
    }
}
