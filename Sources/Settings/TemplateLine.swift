// How the shipped template shows a key. A key that says nothing of it has its text in a comment above, and below that its
// default, commented out.

struct TemplateLine: Sendable {
    enum Value: Sendable {
        /// The default, behind a comment sign.
        case standard
        /// Something that is not a default, behind a comment sign.
        case example(String)
        /// In force.
        case given(String)
        /// The key is named in another one's text only.
        case absent
    }

    enum Comment: Sendable {
        case text
        /// What is to be said of this key and of those that follow, in place of its text.
        case heading(String)
        case none
    }

    var value = Value.standard
    var comment = Comment.text
    /// Spaces between the value and the text behind it; nil: the text does not stand there.
    var gap: Int?
    /// An empty line goes before.
    var isSpaced = false
    /// The key before it. Without one a key comes after the one that is declared before it: messages name the keys in the
    /// order of declaration, and the template in one that is easier to read.
    var follows: String?
}
