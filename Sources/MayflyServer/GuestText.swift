//! Text that a guest had a hand in, made fit for a line of a log.
//!
//! Names of functions, what a guest logs, errors that quote either: all of it may hold line breaks and escape
//! sequences, by which a guest would write log lines of its own or talk to the terminal of who reads them. Invariant:
//! what comes out is one line without control and format characters, of a bounded number of bytes.

extension String {
    /// Room for what tells that there was more.
    private static let ellipsis = "…"

    /// A text on one line: characters that control where and how text appears (line breaks, escape sequences, the
    /// direction of writing, what cannot be seen) stand as `\n`, `\t`, `\r` or `\u{…}`.
    ///
    /// - Parameters:
    ///   - text: any text. It is not read further than it is needed.
    ///   - limit: bytes of UTF-8 that the result may have; it ends with `…` where something is left out.
    init(onOneLine text: some StringProtocol, limit: Int) {
        var result = ""
        var count = 0
        // Up to here the ellipsis has a place too.
        var shortened = 0
        for scalar in text.unicodeScalars {
            let piece = Self.piece(scalar)
            let pieceCount = piece.utf8.count
            if count + pieceCount > limit {
                self = String(decoding: result.utf8.prefix(shortened), as: UTF8.self)
                if Self.ellipsis.utf8.count <= limit { self += Self.ellipsis }
                return
            }
            result += piece
            count += pieceCount
            if count + Self.ellipsis.utf8.count <= limit { shortened = count }
        }
        self = result
    }

    private static func piece(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        case " "..."~": String(scalar)
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            default: String(scalar)
            }
        }
    }
}
