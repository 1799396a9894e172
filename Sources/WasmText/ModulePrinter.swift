//! A module in the binary format as text.
//!
//! Two passes over the sections: a survey of what there is of each kind, since names and types are used before their
//! definition; and the printing, section after section in the order of the binary, functions where their code is. One field
//! is one line, and one instruction in a function.
//!
//! Only what cannot be told in text is an error: whether the module is valid is for others to say. The text is about as long
//! as the module, times a constant, whatever the module is: what a few bytes can repeat (names where they are used,
//! parameters of functions' types) is drawn from an allowance, and left out when that is used up.

extension WasmText {
    /// Prints a module in the binary format as text that ``encode(_:fileName:names:)-([UInt8],_,_)`` makes the same module of.
    ///
    /// The names of the name section become identifiers: made unique where several things of a kind have the same one, and
    /// left out where they are empty or not UTF-8. Other custom sections are printed as `(@custom …)`, and so are name
    /// sections that are malformed, or if there are several. What is valid in WebAssembly 3.0 is printed, and what is not
    /// valid but can be written, such as indices of what does not exist.
    ///
    /// What does not come back, as the text format has no words for it:
    /// - How numbers were encoded, and which of several encodings of the same thing was used: the shortest is.
    /// - The data count section of a module whose code does not need it.
    /// - Names that no identifier can be given to: of parameters of imported functions, and in unknown parts of the name
    ///   section. And the place of the name section: it comes behind all sections that are not custom.
    ///
    /// - Throws: ``PrintError`` with the place of what is malformed or not known.
    public static func print(_ module: [UInt8]) throws(PrintError) -> String {
        var printer = ModulePrinter(module)
        try printer.printModule()
        return String(decoding: printer.out.bytes, as: UTF8.self)
    }

    /// The instructions of all functions, each by its place in the binary, as ``print(_:)`` has them.
    ///
    /// - Throws: as ``print(_:)``.
    package static func instructions(of module: [UInt8]) throws(PrintError) -> [Int: String] {
        var printer = ModulePrinter(module)
        printer.listing = []
        try printer.printModule()
        return (printer.listing ?? []).reduce(into: [:]) { instructions, line in
            instructions[line.offset] = String(decoding: printer.out.bytes[line.text], as: UTF8.self)
        }
    }
}

struct ModulePrinter {
    /// Things that have names and indices, as the name section numbers them.
    enum Space: UInt8 {
        case functions = 1
        case types = 4, tables, memories, globals, elements, data
        case tags = 11
    }

    var reader: BinaryReader
    var out = TextWriter()
    let opcodes = OpcodeTable.shared

    var sections: [Section] = []
    var survey = Survey()
    private var namePosition: Int?
    private var names = ModuleNames()
    /// By space.
    private var identifiers = [Identifiers](repeating: Identifiers(), count: 12)
    /// Of structures, by type.
    private var fieldNames: [UInt32: Identifiers] = [:]
    /// How many things have been printed already, by space.
    private var printed = [UInt32](repeating: 0, count: 12)

    /// Of the function that is being printed.
    var locals = Identifiers()
    var labels = LabelStack()
    /// Where in the binary the instructions of functions are, and in the text; nil if nobody asks.
    var listing: [(offset: Int, text: Range<Int>)]?

    /// Bytes of text that repeat what is elsewhere in the module.
    private var allowance: Int
    /// Locals that may still be printed, which two bytes make any number of.
    var localAllowance: UInt64

    init(_ module: [UInt8]) {
        reader = BinaryReader(module)
        allowance = 16 * module.count + 1 << 20
        localAllowance = 16 * UInt64(module.count) + 1 << 20
    }

    mutating func printModule() throws(PrintError) {
        try readSections()
        try takeSurvey()
        readNames()
        out.text("(module")
        if let name = names.module {
            let moduleName = Identifiers([(0, name)], in: reader.bytes) { _ in true }
            if let identifier = moduleName[0] {
                out.space()
                out.text(identifier)
            }
        }
        let lastSection = sections.last { $0.id != 0 }?.id
        var last: UInt8?
        var isBehindNames = false
        for section in sections {
            reader.position = section.content.lowerBound
            reader.end = section.content.upperBound
            if section.id == 0 {
                if section.content.lowerBound == namePosition {
                    isBehindNames = true
                } else {
                    try customSection(after: last, isLast: isBehindNames && last == lastSection)
                }
            } else {
                last = section.id
                try content(of: section.id)
                guard reader.isAtEnd else { throw reader.error("section size mismatch") }
            }
        }
        if sections.contains(where: { $0.id != 0 || $0.content.lowerBound != namePosition }) {
            out.line(indentation: 0)
        }
        out.text(")\n")
    }

    // MARK: Names

    /// A name section is one of names only if it is the only one, and well formed.
    private mutating func readNames() {
        var candidates: [Section] = []
        for section in sections where section.id == 0 {
            var content = BinaryReader(reader.bytes, section.content)
            if let name = try? content.name(), reader.bytes[name].elementsEqual("name".utf8) {
                candidates.append(Section(id: 0, content: section.content))
            }
        }
        guard candidates.count == 1, let section = candidates.first else { return }
        var content = BinaryReader(reader.bytes, section.content)
        guard (try? content.name()) != nil, let names = try? ModuleNames(content) else { return }
        self.names = names
        namePosition = section.content.lowerBound
        for (id, map) in names.maps {
            guard let space = Space(rawValue: id) else { continue }
            let count = survey.count(space)
            identifiers[Int(id)] = Identifiers(map, in: reader.bytes) { $0 < count }
        }
        for type in (names.indirectMaps[ModuleNames.fields] ?? [:]).keys {
            guard Int(type) < survey.types.count, case .structure(let count) = survey.types[Int(type)] else { continue }
            fieldNames[type] = Identifiers(self.names(ModuleNames.fields, of: type), in: reader.bytes) { $0 < count }
        }
    }

    /// What the section has of a function or type.
    func names(_ subsection: UInt8, of index: UInt32) -> ModuleNames.Map {
        guard let maps = names.indirectMaps[subsection], let position = maps[index] else { return [] }
        return ModuleNames.map(reader, at: position)
    }

    /// Identifiers of those locals of a function.
    func localNames(of function: UInt32, _ range: Range<UInt64>) -> Identifiers {
        Identifiers(names(ModuleNames.locals, of: function), in: reader.bytes) { range.contains(UInt64($0)) }
    }

    // MARK: Indices

    /// Whether so many bytes may be printed that the module does not have at this place.
    mutating func spend(_ count: Int) -> Bool {
        guard count <= allowance else { return false }
        allowance -= count
        return true
    }

    /// An identifier where it is used, or the index.
    mutating func use(_ identifiers: Identifiers, _ index: UInt32) {
        if !identifiers.isEmpty, let name = identifiers[index], spend(name.count) {
            out.text(name)
        } else {
            out.decimal(index)
        }
    }

    mutating func use(_ space: Space, _ index: UInt32) { use(identifiers[Int(space.rawValue)], index) }

    /// An index behind a space.
    mutating func use(_ space: Space) throws(PrintError) {
        let index = try reader.unsigned()
        out.space()
        use(space, index)
    }

    func fieldNames(of type: UInt32) -> Identifiers { fieldNames[type] ?? Identifiers() }

    /// The identifier, if there is one, and as a comment the index of the next thing of the kind.
    @discardableResult
    mutating func define(_ space: Space) -> UInt32 {
        let index = printed[Int(space.rawValue)]
        printed[Int(space.rawValue)] += 1
        if let name = identifiers[Int(space.rawValue)][index] {
            out.space()
            out.text(name)
        }
        out.text(" (;")
        out.decimal(index)
        out.text(";)")
        return index
    }

    /// Begins a field of the module.
    mutating func field(_ keyword: StaticString) {
        out.line(indentation: 2)
        out.byte(UInt8(ascii: "("))
        out.text(keyword)
    }

    mutating func close() { out.byte(UInt8(ascii: ")")) }

    /// Prints what there is so many times of.
    mutating func each(_ print: (inout ModulePrinter) throws(PrintError) -> Void) throws(PrintError) {
        for _ in 0..<(try reader.unsigned()) { try print(&self) }
    }
}
