//! What is wrong with a text, and where.

/// An error in WebAssembly text.
///
/// Its description shows the line with a mark below the place:
///
/// ```
/// add.wat:3:12: unknown operator i32.plus
///     (i32.plus (local.get 0) (i32.const 1))
///      ^
/// ```
public struct TextError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, in the words of the specification's test suite where it has some.
    public let message: String
    /// As given to the parser.
    public let fileName: String?
    /// From 1.
    public let line: Int
    /// In Unicode scalars, from 1.
    public let column: Int
    /// In bytes from the beginning of the text.
    public let offset: Int
    /// The line itself, or the part of a long one that is around the place.
    public let sourceLine: String
    /// Unicode scalars of `sourceLine` before the place.
    private let markColumn: Int

    /// Scalars shown on each side of the place, of a long line.
    private static let context = 60

    init(_ message: String, at offset: Int, in source: [UInt8], fileName: String?) {
        self.message = message
        self.fileName = fileName
        self.offset = offset
        var line = 1
        var start = 0
        var index = 0
        while index < min(offset, source.count) {
            if source[index] == 0x0A {
                line += 1
                start = index + 1
            }
            index += 1
        }
        var end = min(offset, source.count)
        while end < source.count, source[end] != 0x0A, source[end] != 0x0D { end += 1 }
        self.line = line
        // What is not UTF-8 shows as replacement characters.
        let before = Array(String(decoding: source[start..<min(offset, source.count)], as: UTF8.self).unicodeScalars)
        let after = Array(String(decoding: source[min(offset, source.count)..<end], as: UTF8.self).unicodeScalars)
        column = before.count + 1
        let shownBefore = before.suffix(Self.context)
        let shownAfter = after.prefix(Self.context)
        var text = String.UnicodeScalarView()
        text.append(contentsOf: shownBefore)
        text.append(contentsOf: shownAfter)
        let (isCutBefore, isCutAfter) = (shownBefore.count < before.count, shownAfter.count < after.count)
        sourceLine = (isCutBefore ? "…" : "") + String(text) + (isCutAfter ? "…" : "")
        markColumn = shownBefore.count + (isCutBefore ? 1 : 0)
    }

    public var description: String {
        let place = fileName.map { "\($0):\(line):\(column)" } ?? "line \(line), column \(column)"
        // Tabs stay tabs, so that the mark is below its place whatever they are wide.
        let indentation = sourceLine.unicodeScalars.prefix(markColumn).map { $0 == "\t" ? "\t" : " " }.joined()
        return "\(place): \(message)\n\(sourceLine)\n\(indentation)^"
    }
}
