//! What a module has, before any of it is printed: its sections, its types, and how many things there are of each kind.

/// A section and where its contents lie.
struct Section {
    var id: UInt8
    var content: Range<Int>
}

/// What is known of the whole module.
struct Survey {
    enum DefinedType {
        case function(FunctionType)
        /// Of so many fields.
        case structure(UInt32)
        case array
    }

    /// Where its parameters and results lie.
    struct FunctionType {
        var parameterCount: UInt32
        /// Of the first parameter's type.
        var parameters: Int
        var resultCount: UInt32
        var results: Int
    }

    var types: [DefinedType] = []
    /// The types of all functions, the imported ones first.
    var functions: [UInt32] = []
    var importedFunctionCount = 0
    /// As the sections say: nothing is allocated by these.
    var tableCount = 0
    var memoryCount = 0
    var globalCount = 0
    var tagCount = 0
    var elementCount = 0
    var dataCount = 0

    func count(_ space: ModulePrinter.Space) -> Int {
        switch space {
        case .functions: functions.count
        case .types: types.count
        case .tables: tableCount
        case .memories: memoryCount
        case .globals: globalCount
        case .elements: elementCount
        case .data: dataCount
        case .tags: tagCount
        }
    }

    func functionType(_ index: UInt32) -> FunctionType? {
        guard Int(index) < types.count, case .function(let type) = types[Int(index)] else { return nil }
        return type
    }
}

extension ModulePrinter {
    /// The sections in their order, and what `(after …)` of a custom section calls them.
    static let order: [(id: UInt8, name: StaticString)] = [
        (1, "type"), (2, "import"), (3, "func"), (4, "table"), (5, "memory"), (13, "tag"), (6, "global"), (7, "export"),
        (8, "start"), (9, "elem"), (12, "datacount"), (10, "code"), (11, "data"),
    ]

    mutating func readSections() throws(PrintError) {
        guard reader.bytes.count >= 4, reader.bytes.starts(with: [0x00, 0x61, 0x73, 0x6D]) else {
            throw reader.error("magic header not detected")
        }
        reader.position = 4
        guard reader.bytes.count >= 8, reader.bytes[4..<8].elementsEqual([1, 0, 0, 0]) else {
            throw reader.error("unknown binary version")
        }
        reader.position = 8
        var last = -1
        while !reader.isAtEnd {
            let start = reader.position
            let id = try reader.byte()
            let content = try reader.vector()
            sections.append(Section(id: id, content: content))
            guard id != 0 else { continue }
            guard let place = Self.order.firstIndex(where: { $0.id == id }) else {
                throw reader.error("malformed section id", at: start)
            }
            guard place > last else { throw reader.error("unexpected content after last section", at: start) }
            last = place
        }
    }

    mutating func takeSurvey() throws(PrintError) {
        var bodyCount = 0
        var announcedDataCount: Int?
        for section in sections where section.id != 0 {
            reader.position = section.content.lowerBound
            reader.end = section.content.upperBound
            switch section.id {
            case 1: try surveyTypes()
            case 2:
                for _ in 0..<(try reader.unsigned()) { try surveyImport() }
                survey.importedFunctionCount = survey.functions.count
            case 3:
                for _ in 0..<(try reader.unsigned()) { survey.functions.append(try reader.unsigned()) }
            case 4: survey.tableCount += Int(try reader.unsigned())
            case 5: survey.memoryCount += Int(try reader.unsigned())
            case 6: survey.globalCount += Int(try reader.unsigned())
            case 13: survey.tagCount += Int(try reader.unsigned())
            case 9: survey.elementCount = Int(try reader.unsigned())
            case 10: bodyCount = Int(try reader.unsigned())
            case 11: survey.dataCount = Int(try reader.unsigned())
            case 12: announcedDataCount = Int(try reader.unsigned())
            default: break
            }
        }
        reader.position = reader.bytes.count
        guard bodyCount == survey.functions.count - survey.importedFunctionCount else {
            throw reader.error("function and code section have inconsistent lengths")
        }
        guard announcedDataCount == nil || announcedDataCount == survey.dataCount else {
            throw reader.error("data count and data section have inconsistent lengths")
        }
    }

    private mutating func surveyTypes() throws(PrintError) {
        for _ in 0..<(try reader.unsigned()) {
            if reader.peek() == 0x4E {
                reader.position += 1
                for _ in 0..<(try reader.unsigned()) { try surveyType() }
            } else {
                try surveyType()
            }
        }
    }

    private mutating func surveyType() throws(PrintError) {
        if reader.peek() == 0x4F || reader.peek() == 0x50 {
            reader.position += 1
            for _ in 0..<(try reader.unsigned()) { _ = try reader.unsigned() }
        }
        let start = reader.position
        switch try reader.byte() {
        case 0x60:
            let parameterCount = try reader.unsigned()
            let parameters = reader.position
            for _ in 0..<parameterCount { _ = try reader.valueType() }
            let resultCount = try reader.unsigned()
            let results = reader.position
            for _ in 0..<resultCount { _ = try reader.valueType() }
            survey.types.append(
                .function(
                    Survey.FunctionType(
                        parameterCount: parameterCount, parameters: parameters, resultCount: resultCount,
                        results: results)))
        case 0x5F:
            let count = try reader.unsigned()
            for _ in 0..<count { _ = try reader.fieldType() }
            survey.types.append(.structure(count))
        case 0x5E:
            _ = try reader.fieldType()
            survey.types.append(.array)
        default: throw reader.error("malformed type definition", at: start)
        }
    }

    private mutating func surveyImport() throws(PrintError) {
        _ = try reader.vector()
        _ = try reader.vector()
        let start = reader.position
        switch try reader.byte() {
        case 0: survey.functions.append(try reader.unsigned())
        case 1:
            _ = try reader.tableType()
            survey.tableCount += 1
        case 2:
            _ = try reader.limits()
            survey.memoryCount += 1
        case 3:
            _ = try reader.globalType()
            survey.globalCount += 1
        case 4:
            _ = try reader.tagType()
            survey.tagCount += 1
        default: throw reader.error("malformed import kind", at: start)
        }
    }
}
