//! A module's text into the binary format.
//!
//! The fields are gone through three times: to number what they define, so that names can be used before their definition;
//! to encode the types; and to encode all else, each kind into its section. Types that are only written out where they are
//! used are added behind the others, in the order of the text.
//!
//! Only what the text format itself forbids is an error here. Whether the module is valid is for whoever reads the binary.

struct ModuleParser {
    var cursor: TokenCursor
    let end: Int
    var moduleName: [UInt8]?

    var types = IndexSpace("type")
    var functions = IndexSpace("func")
    var tables = IndexSpace("table")
    var memories = IndexSpace("memory")
    var globals = IndexSpace("global")
    var tags = IndexSpace("tag")
    var elements = IndexSpace("elem segment")
    var data = IndexSpace("data segment")

    /// What is known of each type.
    var definitions: [TypeDefinition] = []
    /// By encoding: the first type that is this function type and nothing more.
    var functionTypes: [[UInt8]: UInt32] = [:]
    /// Entries of the type section.
    var typeGroups = ByteWriter()
    var typeGroupCount = 0

    var imports = ByteWriter(), importCount = 0
    var functionSection = ByteWriter(), functionCount = 0
    var tableSection = ByteWriter(), tableCount = 0
    var memorySection = ByteWriter(), memoryCount = 0
    var globalSection = ByteWriter(), globalCount = 0
    var tagSection = ByteWriter(), tagCount = 0
    var exports = ByteWriter(), exportCount = 0
    var exportNames: Set<[UInt8]> = []
    var start: UInt32?
    var elementSection = ByteWriter(), elementCount = 0
    var code = ByteWriter()
    var dataSection = ByteWriter(), dataCount = 0
    /// Code names data segments, so their number must be known before it.
    var usesDataCount = false
    var customSections: [CustomSection] = []

    var localNames: [(function: UInt32, names: [(UInt32, [UInt8])])] = []
    var labelNames: [(function: UInt32, names: [(UInt32, [UInt8])])] = []
    /// Of the function that is being read.
    var locals = IndexSpace("local")
    var labels: [[UInt8]?] = []
    /// Where in `labels` each name stands, the innermost last: a search for every branch would be quadratic.
    var labelPositions: [[UInt8]: [Int]] = [:]
    var labelsSeen: [(UInt32, [UInt8])] = []
    var labelCount: UInt32 = 0

    /// A parser of the fields between two tokens.
    init(_ text: LexedText, fields: Range<Int>, name: [UInt8]?) {
        cursor = TokenCursor(text, at: fields.lowerBound)
        end = fields.upperBound
        moduleName = name
    }

    /// The module in the binary format.
    mutating func encode(names: Bool) throws(TextError) -> [UInt8] {
        let first = cursor.position
        try numberFields()
        cursor.position = first
        while cursor.position < end { try typeField() }
        cursor.position = first
        while cursor.position < end { try field() }
        return assemble(names: names)
    }

    // MARK: Numbering

    private mutating func numberFields() throws(TextError) {
        // What is not imported, once there is any.
        var defined: String?
        while cursor.position < end {
            guard cursor.token.kind == .leftParenthesis || cursor.token.kind == .annotation else {
                throw cursor.unexpected("a module field")
            }
            let next = Int(cursor.token.partner) + 1
            defer { cursor.position = next }
            if cursor.token.kind == .annotation { continue }
            cursor.position += 1
            let keyword = cursor.token
            guard keyword.kind == .keyword else { throw cursor.unexpected("a module field") }
            cursor.position += 1
            switch String(decoding: cursor.bytes(keyword), as: UTF8.self) {
            case "type": try types.add(&cursor)
            case "rec":
                while cursor.take(form: "type") {
                    let end = Int(cursor.text.tokens[cursor.position - 2].partner) + 1
                    try types.add(&cursor)
                    cursor.position = end
                }
            case "import":
                _ = try cursor.name()
                _ = try cursor.name()
                try cursor.open()
                if let defined { throw cursor.error("import after \(defined)", at: keyword) }
                let kind = cursor.token
                cursor.position += 1
                switch String(decoding: cursor.bytes(kind), as: UTF8.self) {
                case "func": try functions.add(&cursor)
                case "table": try tables.add(&cursor)
                case "memory": try memories.add(&cursor)
                case "global": try globals.add(&cursor)
                case "tag": try tags.add(&cursor)
                default:
                    cursor.position -= 1
                    throw cursor.unexpected("func, table, memory, global or tag")
                }
            case "func":
                try functions.add(&cursor)
                try noteDefinition("function", keyword, &defined)
            case "table":
                try tables.add(&cursor)
                try noteDefinition("table", keyword, &defined)
                if hasInline("elem") { elements.addUnnamed() }
            case "memory":
                try memories.add(&cursor)
                try noteDefinition("memory", keyword, &defined)
                if hasInline("data") { data.addUnnamed() }
            case "global":
                try globals.add(&cursor)
                try noteDefinition("global", keyword, &defined)
            case "tag":
                try tags.add(&cursor)
                try noteDefinition("tag", keyword, &defined)
            case "elem": try elements.add(&cursor)
            case "data": try data.add(&cursor)
            case "export", "start": break
            default:
                cursor.position -= 1
                throw cursor.unexpected("a module field")
            }
        }
    }

    /// A definition that is no import, unless it says so itself.
    private mutating func noteDefinition(
        _ kind: String, _ keyword: Token, _ defined: inout String?
    ) throws(TextError) {
        while cursor.isForm("export") { cursor.position = Int(cursor.token.partner) + 1 }
        if !cursor.isForm("import") {
            defined = defined ?? kind
        } else if let defined {
            throw cursor.error("import after \(defined)", at: keyword)
        }
    }

    /// Whether a definition whose exports have been skipped has its contents in itself.
    private func hasInline(_ word: StaticString) -> Bool {
        var cursor = cursor
        if cursor.isForm("import") { return false }
        // An address type and a reference type may come before.
        while cursor.token.kind == .keyword { cursor.position += 1 }
        if cursor.isForm("ref") { cursor.position = Int(cursor.token.partner) + 1 }
        return cursor.isForm(word)
    }

    // MARK: Fields

    private mutating func field() throws(TextError) {
        if cursor.token.kind == .annotation { return try customSection() }
        try cursor.open()
        let keyword = cursor.token
        cursor.position += 1
        switch String(decoding: cursor.bytes(keyword), as: UTF8.self) {
        case "type", "rec":
            // Encoded already.
            cursor.position = Int(cursor.text.tokens[cursor.position - 2].partner)
        case "import": try importField()
        case "func": try functionField()
        case "table": try tableField()
        case "memory": try memoryField()
        case "global": try globalField()
        case "tag": try tagField()
        case "export": try exportField()
        case "start":
            guard start == nil else { throw cursor.error("multiple start sections", at: keyword) }
            start = try index(functions)
        case "elem": try elementField()
        default: try dataField()
        }
        try cursor.close()
    }

    // MARK: Indices

    /// An index, by number or name.
    mutating func index(_ space: borrowing IndexSpace) throws(TextError) -> UInt32 {
        let token = cursor.token
        if let name = try cursor.identifier() {
            guard let index = space.indices[name] else {
                throw cursor.error("unknown \(space.kind) \(cursor.shown(token))", at: token)
            }
            return index
        }
        guard token.kind == .number else { throw cursor.unexpected("an index") }
        return UInt32(try cursor.natural(32))
    }

    /// The next token can be an index.
    var isIndex: Bool { cursor.token.kind == .identifier || cursor.token.kind == .number }

    /// An index if there is one, else 0.
    mutating func optionalIndex(_ space: borrowing IndexSpace) throws(TextError) -> UInt32 {
        isIndex ? try index(space) : 0
    }

    mutating func skipIdentifier() { if cursor.token.kind == .identifier { cursor.position += 1 } }
}

/// The things of one kind, which are numbered from 0.
struct IndexSpace {
    /// In messages.
    let kind: String
    private(set) var count: UInt32 = 0
    private var visited: UInt32 = 0
    private(set) var indices: [[UInt8]: UInt32] = [:]
    private(set) var names: [(UInt32, [UInt8])] = []

    init(_ kind: String) { self.kind = kind }

    /// Numbers the next one, whose name comes next if it has one.
    mutating func add(_ cursor: inout TokenCursor) throws(TextError) {
        let token = cursor.token
        if let name = try cursor.identifier() {
            guard indices[name] == nil else {
                throw cursor.error("duplicate \(kind) \(cursor.shown(token))", at: token)
            }
            indices[name] = count
            names.append((count, name))
        }
        count += 1
    }

    /// Numbers the next one, whose name is new.
    mutating func add(_ name: [UInt8]) {
        indices[name] = count
        names.append((count, name))
        count += 1
    }

    /// The indices in order, one at each call: when what has been numbered is gone through again.
    mutating func next() -> UInt32 {
        visited += 1
        return visited - 1
    }

    /// Numbers the next one, which has no name.
    mutating func addUnnamed(_ number: UInt32 = 1) { count += number }
}
