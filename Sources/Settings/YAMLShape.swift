// Refuses what a tree should not be made of, by the events of libyaml, the parser that Yams runs on, too. In the tree it would be
// too late: Yams puts in place of each alias what it stands for, and hashes a mapping's keys with all that is in them, so that a
// few hundred bytes of aliases of aliases keep it busy for years. What is no YAML at all is left to Yams to tell.
//
// Yams has no door to these events, so this imports CYaml, the module of its package that has them.
import CYaml

/// Something that YAML has and that is not read here.
struct YAMLRefusal: Error {
    /// Begin with 1.
    let line: Int
    let column: Int
    let message: String
}

enum YAMLShape {
    /// How deep lists and mappings may stand in each other, the root among them. Nothing that is read goes half as deep, while
    /// hashing keys takes time, and composing takes stack, by the depth.
    static let deepest = 16

    /// Throws for an anchor, for an alias, and for what is nested too deep: for the first of them.
    static func check(_ text: String) throws(YAMLRefusal) {
        let bytes = Array(text.utf8)
        if let refusal = bytes.withUnsafeBufferPointer({ Self.firstRefusal(in: $0) }) { throw refusal }
    }

    private static func firstRefusal(in bytes: UnsafeBufferPointer<UInt8>) -> YAMLRefusal? {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return nil }
        // A place of its own: libyaml keeps the address of its parser.
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else { return nil }
        defer { yaml_parser_delete(parser) }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, start, bytes.count)
        var depth = 0
        while true {
            var event = yaml_event_t()
            // Who composes the tree comes to the same place, and says what is wrong there.
            guard yaml_parser_parse(parser, &event) == 1 else { return nil }
            defer { yaml_event_delete(&event) }
            if isNamed(event) {
                return refusal(
                    event,
                    "& and * at the beginning of a value are YAML anchors and aliases, which are not supported here; "
                        + "write the value out, or put it in quotes if it is meant literally")
            }
            switch event.type {
            case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT:
                depth += 1
                if depth > deepest {
                    return refusal(
                        event,
                        "lists and mappings are nested more than \(deepest) deep, which nothing needs here"
                    )
                }
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: depth -= 1
            case YAML_STREAM_END_EVENT: return nil
            default: break
            }
        }
    }

    /// Whether it is an alias, or has an anchor.
    private static func isNamed(_ event: yaml_event_t) -> Bool {
        switch event.type {
        case YAML_ALIAS_EVENT: true
        case YAML_SCALAR_EVENT: event.data.scalar.anchor != nil
        case YAML_SEQUENCE_START_EVENT: event.data.sequence_start.anchor != nil
        case YAML_MAPPING_START_EVENT: event.data.mapping_start.anchor != nil
        default: false
        }
    }

    private static func refusal(_ event: yaml_event_t, _ message: String) -> YAMLRefusal {
        YAMLRefusal(
            line: event.start_mark.line + 1, column: event.start_mark.column + 1, message: message)
    }
}
