// The files that settings name by patterns, as they are when somebody asks. A running gate goes by the patterns
// (`PolicyReloader`), so whatever else speaks of its lists has to look again, too, and by the same function.
package import Files

extension GateSettings {
    /// Source list files, absolute, sorted, each once. A list that came after the start is one, and one that is gone is none.
    package var sources: FoundFiles { PolicyLoader.files(sourcePatterns) }

    /// Files of VSee's network rules, absolute, sorted, each once. Reading a place among them that could not be looked at fails.
    package var rules: [String] { Array(PolicyLoader.files(rulePatterns)) }
}
