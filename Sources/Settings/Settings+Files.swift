// The files that settings name by patterns, as they are when somebody asks. A running gate goes by the patterns
// (`PolicyReloader`), so whatever else speaks of its lists has to look again, too, and by the same function.

extension GateSettings {
    /// Source list files, absolute, sorted, each once. A list that came after the start is one, and one that is gone is none.
    package var sources: [String] { PolicyLoader.files(sourcePatterns) }

    /// Files of VSee's network rules, absolute, sorted, each once.
    package var rules: [String] { PolicyLoader.files(rulePatterns) }
}
