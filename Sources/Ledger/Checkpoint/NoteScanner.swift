// Finds the notes in a file of them while it is read, so that no more than one note has to be in memory. Pure.

extension SignedNote {
    /// A piece of a file of notes.
    package struct Piece: Sendable, Hashable {
        /// The number of its first line, from 1.
        package var line: Int
        /// As it stands in the file, without the end of its last line.
        package var text: String
        /// nil when the piece is not one whole note: altered, cut at the beginning or the end, or something else.
        package var note: SignedNote?
    }

    /// All that stands in a file of notes, piece by piece. Notes stand one after the other, with empty lines between them or
    /// without.
    package static func pieces(_ file: String) -> [Piece] {
        var scanner = NoteScanner()
        return (scanner.take(Array(file.utf8)) + scanner.end()).map(\.piece)
    }
}

/// A piece of a file of notes as it was found, before anybody has looked at what it says.
struct FoundPiece: Sendable {
    /// The number of its first line, from 1.
    var line: Int
    /// Its lines, without the end of the last one. Of a piece that is longer than any note, as much as shows that.
    var bytes: [UInt8] = []
    /// false: its last line has no end.
    var isWhole = true

    var piece: SignedNote.Piece {
        let text = String(decoding: bytes, as: UTF8.self)
        return SignedNote.Piece(
            line: line, text: text, note: isWhole ? SignedNote(parsing: text + "\n") : nil)
    }

    /// What a checkpoint would say in its second line; nil where no number stands there.
    var size: Int64? {
        let lines = bytes.split(separator: 0x0A, maxSplits: 2, omittingEmptySubsequences: false)
        return lines.count == 3 ? Int64(String(decoding: lines[1], as: UTF8.self)) : nil
    }

    /// Whether it is this note, byte for byte.
    func isSame(as note: String) -> Bool {
        let note = note.utf8
        return isWhole && note.count == bytes.count + 1 && note.last == 0x0A && note.starts(with: bytes)
    }
}

/// Takes a file in order, in pieces of any size.
struct NoteScanner {
    private enum State {
        case between(isAfterEmptyLine: Bool)
        case text
        /// After the empty line behind a text: what follows says whether signatures belong to it.
        case gap
        case signatures
    }

    private var state = State.between(isAfterEmptyLine: false)
    private var piece = FoundPiece(line: 0)
    /// What is there of the line that has not ended yet.
    private var line: [UInt8] = []
    private var lines = 0

    /// Takes what follows in the file, and returns the pieces that have ended.
    mutating func take(_ bytes: [UInt8]) -> [FoundPiece] {
        var found: [FoundPiece] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0A) {
            Self.append(rest[..<end], to: &line)
            endLine(&found)
            rest = rest[(end + 1)...]
        }
        Self.append(rest, to: &line)
        return found
    }

    /// The file ends here: returns the pieces that are left.
    mutating func end() -> [FoundPiece] {
        var found: [FoundPiece] = []
        if !line.isEmpty { endLine(&found, isWhole: false) }
        if case .between = state { return found }
        found.append(piece)
        state = .between(isAfterEmptyLine: false)
        return found
    }

    private mutating func endLine(_ found: inout [FoundPiece], isWhole: Bool = true) {
        lines += 1
        // Mail and some editors change the ends of lines.
        if isWhole, line.last == 0x0D { line.removeLast() }
        defer { line.removeAll(keepingCapacity: true) }
        let isSignature = Self.beginsSignature(line)
        switch state {
        case .text:
            if line.isEmpty { state = .gap } else { addLine(isWhole) }
            return
        case .gap where isSignature:
            // The empty line, too.
            Self.append([0x0A], to: &piece.bytes)
            addLine(isWhole)
            state = .signatures
            return
        case .signatures where isSignature:
            addLine(isWhole)
            return
        case .gap:
            found.append(piece)
            state = .between(isAfterEmptyLine: true)
        case .signatures:
            found.append(piece)
            state = .between(isAfterEmptyLine: false)
        case .between: break
        }
        begin(isSignature: isSignature, isWhole)
    }

    /// With the line in hand, which belongs to no piece before it.
    private mutating func begin(isSignature: Bool, _ isWhole: Bool) {
        guard case .between(let isAfterEmptyLine) = state else { return }
        guard !line.isEmpty else {
            state = .between(isAfterEmptyLine: true)
            return
        }
        // Signatures whose text is gone begin with the empty line before them.
        let isTextGone = isSignature && isAfterEmptyLine
        piece = FoundPiece(line: isTextGone ? lines - 1 : lines, bytes: isTextGone ? [0x0A] : line)
        piece.isWhole = isWhole
        if isTextGone { Self.append(line[...], to: &piece.bytes) }
        state = isTextGone ? .signatures : .text
    }

    private mutating func addLine(_ isWhole: Bool) {
        Self.append([0x0A], to: &piece.bytes)
        Self.append(line[...], to: &piece.bytes)
        piece.isWhole = isWhole
    }

    /// No more than shows that it is longer than any note.
    private static func append(_ bytes: ArraySlice<UInt8>, to all: inout [UInt8]) {
        all += bytes.prefix(max(0, SignedNote.longest + 1 - all.count))
    }

    /// Whether a line is one of a signature, or what is left of one that was cut within the first character.
    private static func beginsSignature(_ line: [UInt8]) -> Bool {
        guard let first = line.first, first >= 0x80 else { return false }
        return line.starts(with: "\u{2014}".utf8)
            || String(decoding: line, as: UTF8.self).allSatisfy { $0 == "\u{FFFD}" }
    }
}
