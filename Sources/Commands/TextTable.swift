// Columns of text for people: as wide as their widest cell, two spaces between, no lines drawn.

struct TextTable {
    private let header: [String]
    private var rows: [[String]] = []

    init(_ header: [String]) { self.header = header }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// `colour` is given the column and the padded cell.
    func lines(colour: (Int, String) -> String) -> [String] {
        var widths = header.map(\.count)
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
        }
        func line(_ cells: [String], paint: (Int, String) -> String) -> String {
            let last = cells.count - 1
            return cells.enumerated().map { column, cell in
                let padding = column == last ? 0 : widths[column] - cell.count
                return paint(column, cell) + String(repeating: " ", count: padding)
            }.joined(separator: "  ")
        }
        return [Colour.faint(line(header) { $1 })] + rows.map { line($0, paint: colour) }
    }
}
