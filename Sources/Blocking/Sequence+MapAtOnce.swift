// Several things that each wait for something, waited for together.

extension Sequence where Element: Sendable {
    /// What `transform` makes of each element, in the order of the elements, however long each of them takes. All of them are begun
    /// at once: it is for few.
    package func mapAtOnce<Value: Sendable>(
        _ transform: @escaping @Sendable (Element) async -> Value
    ) async -> [Value] {
        await withTaskGroup(of: (index: Int, value: Value).self) { group in
            for (index, element) in enumerated() { group.addTask { (index, await transform(element)) } }
            var values: [(index: Int, value: Value)] = []
            for await value in group { values.append(value) }
            return values.sorted { $0.index < $1.index }.map(\.value)
        }
    }
}
