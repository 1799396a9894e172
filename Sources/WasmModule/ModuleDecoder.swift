//! Decodes and validates a module in one pass over its sections, in the order of the binary.
//!
//! Sections come in a fixed order in which everything is declared before it is referred to, so each entry is validated
//! as it is read. The first thing wrong in the bytes is the error that is reported. Memory in use stays proportional
//! to the bytes read: counts are checked against the bytes that are left before anything is reserved for them.

extension DecodedModule {
    /// Decodes a module and validates all of it but the function bodies (`validateBodies`, `FunctionValidator`).
    ///
    /// - Throws: the first error in the order of the bytes.
    public init(decoding bytes: [UInt8], limits: ImplementationLimits = .default) throws(WasmError) {
        guard bytes.count <= limits.moduleSize else {
            throw WasmError(
                .limitExceeded, at: limits.moduleSize,
                "module of \(bytes.count) bytes, and the limit is \(limits.moduleSize)")
        }
        self = try bytes.withUnsafeBufferPointer { (buffer) throws(WasmError) -> DecodedModule in
            guard let base = buffer.baseAddress else { throw WasmError(.malformed, at: 0, "unexpected end: no bytes") }
            var decoder = ModuleDecoder(limits: limits)
            try decoder.decode(ByteReader(base: base, range: 0..<buffer.count))
            return decoder.module
        }
        self.bytes = bytes
        self.limits = limits
    }
}

struct ModuleDecoder {
    let limits: ImplementationLimits
    var module = DecodedModule()
    /// What the data count section says.
    private var dataCount: Int?
    /// The number of element items so far, over all segments.
    var elementItemCount = 0
    /// Position in `order` of the last section that was not a custom section.
    private var lastRank = 0
    private var sawNames = false
    /// Index of the function that each entry of the code section belongs to counts from here.
    private var definedFunctionCount: Int { module.functions.count - module.importedFunctionCount }

    init(limits: ImplementationLimits) { self.limits = limits }

    enum Section: UInt8 {
        case custom = 0, type, `import`, function, table, memory, global, export, start, element, code, data, dataCount

        /// Place in the order of sections, from 1. The data count stands before the code, which needs it.
        var rank: Int {
            switch self {
            case .custom: 0
            case .type, .import, .function, .table, .memory, .global, .export, .start, .element: Int(rawValue)
            case .dataCount: 10
            case .code: 11
            case .data: 12
            }
        }
    }

    // MARK: Sections

    mutating func decode(_ input: ByteReader) throws(WasmError) {
        var reader = input
        try header(&reader)
        while !reader.atEnd { try section(&reader) }

        guard module.bodies.count == definedFunctionCount else {
            throw reader.malformed(
                "function and code section have inconsistent lengths: "
                    + "\(definedFunctionCount) functions, \(module.bodies.count) bodies")
        }
        guard dataCount == nil || dataCount == module.data.count else { throw inconsistentDataCount(reader.offset) }
    }

    private func inconsistentDataCount(_ offset: Int) -> WasmError {
        WasmError(
            .malformed, at: offset,
            "data count and data section have inconsistent lengths: \(dataCount ?? 0) and \(module.data.count) segments"
        )
    }

    private func header(_ reader: inout ByteReader) throws(WasmError) {
        let magic: [UInt8] = [0x00, 0x61, 0x73, 0x6D]
        if reader.remaining < magic.count { throw reader.malformed("unexpected end: a module begins with \\0asm") }
        for expected in magic where try reader.byte() != expected {
            throw reader.malformed("magic header not detected: this is not a WebAssembly binary", at: 0)
        }
        if reader.remaining < 4 { throw reader.malformed("unexpected end: the version is missing") }
        var version: UInt32 = 0
        for shift in stride(from: UInt32(0), to: 32, by: 8) { version |= UInt32(try reader.byte()) << shift }
        guard version != 1 else { return }
        if version >> 16 == 1 {
            throw reader.malformed("unknown binary version: this is a component; use the core module in it", at: 4)
        }
        throw reader.malformed("unknown binary version \(version); only version 1 exists", at: 4)
    }

    private mutating func section(_ reader: inout ByteReader) throws(WasmError) {
        let start = reader.offset
        let id = try reader.byte()
        guard let section = Section(rawValue: id) else {
            if id == 13 { throw WasmError(.unsupported, at: start, UnsupportedFeature.exceptions.message) }
            throw reader.malformed("malformed section id \(id)", at: start)
        }
        let size = try reader.u32()
        let range = try reader.take(size, orElse: "length out of bounds: unexpected end inside section \(id)")
        if section != .custom {
            guard section.rank > lastRank else {
                throw reader.malformed(
                    "unexpected content after last section: section \(id) is repeated or out of order", at: start)
            }
            lastRank = section.rank
        }

        var content = ByteReader(base: reader.base, range: range)
        switch section {
        case .custom: try customSection(&content)
        case .type: try typeSection(&content)
        case .import: try importSection(&content)
        case .function: try functionSection(&content)
        case .table: try tableSection(&content)
        case .memory: try memorySection(&content)
        case .global: try globalSection(&content)
        case .export: try exportSection(&content)
        case .start: try startSection(&content)
        case .element: try elementSection(&content)
        case .dataCount:
            dataCount = Int(try content.u32())
            module.hasDataCount = true
        case .code: try codeSection(&content)
        case .data: try dataSection(&content)
        }
        guard content.atEnd else {
            throw content.malformed("section size mismatch: \(content.remaining) bytes left in section \(id)")
        }
    }

    private mutating func customSection(_ reader: inout ByteReader) throws(WasmError) {
        let start = reader.offset
        let name = try reader.name(limit: limits.nameSize)
        let payload = reader.offset..<(reader.offset + reader.remaining)
        try reader.skip(reader.remaining)
        if name == "name" {
            // Should there be several, the first counts.
            if !sawNames {
                module.names = Names(decoding: ByteReader(base: reader.base, range: payload), limits: limits)
            }
            sawNames = true
            return
        }
        guard module.customSections.count < limits.customSections else {
            throw tooMany("custom sections", limits.customSections, start)
        }
        module.customSections.append((name, payload))
    }

    private mutating func codeSection(_ reader: inout ByteReader) throws(WasmError) {
        let start = reader.offset
        module.codeSection = start..<(start + reader.remaining)
        let count = try reader.count(limit: limits.functions, of: "function bodies")
        guard count == definedFunctionCount else {
            throw reader.malformed(
                "function and code section have inconsistent lengths: \(definedFunctionCount) functions, \(count) bodies",
                at: start)
        }
        module.bodies.reserveCapacity(count)
        for body in 0..<count {
            let start = reader.offset
            let size = try reader.u32()
            let range = try reader.take(size, orElse: "unexpected end of section or function: a body is cut off")
            guard range.count <= limits.functionBodySize else {
                throw WasmError(
                    .limitExceeded, at: start,
                    "function body of \(size) bytes, and the limit is \(limits.functionBodySize)",
                    function: module.functionIndex(ofBody: body))
            }
            module.bodies.append(FunctionBody(range: range))
        }
    }

    private mutating func dataSection(_ reader: inout ByteReader) throws(WasmError) {
        let start = reader.offset
        let count = try reader.count(limit: limits.dataSegments, of: "data segments")
        module.data.reserveCapacity(count)
        for _ in 0..<count {
            let start = reader.offset
            let mode: DataSegment.Mode
            switch try reader.u32() {
            case 0: mode = try activeData(memory: 0, &reader, start)
            case 1: mode = .passive
            case 2: mode = try activeData(memory: try reader.u32(), &reader, start)
            case let flags: throw reader.malformed("malformed data segment kind \(flags)", at: start)
            }
            let size = try reader.u32()
            let range = try reader.take(
                size, orElse: "unexpected end of section or function: a data segment is cut off")
            module.data.append(DataSegment(mode: mode, range: range))
        }
        if dataCount != nil && dataCount != count { throw inconsistentDataCount(start) }
    }

    private mutating func activeData(
        memory: UInt32, _ reader: inout ByteReader, _ start: Int
    ) throws(WasmError) -> DataSegment.Mode {
        guard memory < module.memories.count else { throw WasmError(.invalid, at: start, "unknown memory \(memory)") }
        let address = module.memories[Int(memory)].address
        return .active(memory: memory, offset: try constantExpression(&reader, address))
    }

    // MARK: Shared checks

    func tooMany(_ what: String, _ limit: Int, _ offset: Int) -> WasmError {
        WasmError(.limitExceeded, at: offset, "too many \(what): the limit is \(limit)")
    }

    func unknown(_ what: String, _ index: UInt32, at offset: Int) -> WasmError {
        WasmError(.invalid, at: offset, "unknown \(what) \(index)")
    }

    /// A reference to a function from outside the bodies, which allows bodies to take it as well.
    mutating func declareReference(to function: UInt32, at offset: Int) throws(WasmError) {
        guard function < module.functions.count else { throw unknown("function", function, at: offset) }
        module.declaredFunctionReferences.insert(function)
    }
}
