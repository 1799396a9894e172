//! The sections that declare: types, imports, functions, tables, memories, globals, exports, start, elements.

extension ModuleDecoder {
    mutating func typeSection(_ reader: inout ByteReader) throws(WasmError) {
        let count = try reader.count(limit: limits.types, of: "types")
        module.types.reserveCapacity(count)
        module.canonicalTypeIndices.reserveCapacity(count)
        var seen: [FunctionType: UInt32] = [:]
        for index in 0..<UInt32(count) {
            let start = reader.offset
            switch try reader.byte() {
            case 0x60: break
            case 0x4E, 0x4F, 0x50, 0x5E, 0x5F:
                throw WasmError(.unsupported, at: start, UnsupportedFeature.garbageCollection.message)
            case let form:
                throw reader.malformed("malformed type form 0x\(String(form, radix: 16))", at: start)
            }
            let parameters = try valueTypes(&reader, limit: limits.parameters, of: "parameters")
            let results = try valueTypes(&reader, limit: limits.results, of: "results")
            let type = FunctionType(parameters: parameters, results: results)
            module.types.append(type)
            if let first = seen[type] {
                module.canonicalTypeIndices.append(first)
            } else {
                seen[type] = index
                module.canonicalTypeIndices.append(index)
            }
        }
    }

    private func valueTypes(
        _ reader: inout ByteReader, limit: Int, of what: StaticString
    ) throws(WasmError) -> [ValueType] {
        let count = try reader.count(limit: limit, of: what)
        var types: [ValueType] = []
        types.reserveCapacity(count)
        for _ in 0..<count { types.append(try reader.valueType()) }
        return types
    }

    mutating func importSection(_ reader: inout ByteReader) throws(WasmError) {
        let count = try reader.count(limit: limits.imports, of: "imports")
        module.imports.reserveCapacity(count)
        for _ in 0..<count {
            let moduleName = try reader.name(limit: limits.nameSize)
            let name = try reader.name(limit: limits.nameSize)
            let kindOffset = reader.offset
            let type: ExternalType
            switch try reader.byte() {
            case 0:
                let typeIndex = try reader.u32()
                try addFunction(typeIndex, at: kindOffset)
                module.importedFunctionCount += 1
                type = .function(typeIndex: typeIndex)
            case 1:
                let table = try tableType(&reader)
                try addTable(table, at: kindOffset)
                module.importedTableCount += 1
                type = .table(table)
            case 2:
                let memory = try memoryType(&reader)
                try addMemory(memory, at: kindOffset)
                module.importedMemoryCount += 1
                type = .memory(memory)
            case 3:
                let global = try globalType(&reader)
                try addGlobal(global, at: kindOffset)
                module.importedGlobalCount += 1
                type = .global(global)
            case 4: throw WasmError(.unsupported, at: kindOffset, UnsupportedFeature.exceptions.message)
            case let kind: throw reader.malformed("malformed import kind \(kind)", at: kindOffset)
            }
            module.imports.append(Import(module: moduleName, name: name, type: type))
        }
    }

    mutating func functionSection(_ reader: inout ByteReader) throws(WasmError) {
        let count = try reader.count(limit: limits.functions, of: "functions")
        module.functions.reserveCapacity(module.functions.count + count)
        for _ in 0..<count {
            let start = reader.offset
            try addFunction(try reader.u32(), at: start)
        }
    }

    private mutating func addFunction(_ typeIndex: UInt32, at offset: Int) throws(WasmError) {
        guard typeIndex < module.types.count else { throw unknown("type", typeIndex, at: offset) }
        guard module.functions.count < limits.functions else { throw tooMany("functions", limits.functions, offset) }
        module.functions.append(typeIndex)
    }

    // MARK: Tables, memories, globals

    mutating func tableSection(_ reader: inout ByteReader) throws(WasmError) {
        let count = try reader.count(limit: limits.tables, of: "tables")
        for _ in 0..<count {
            let start = reader.offset
            if try reader.peek() == 0x40 {
                // A table with an initial value for its elements.
                throw WasmError(.unsupported, at: start, UnsupportedFeature.typedFunctionReferences.message)
            }
            try addTable(try tableType(&reader), at: start)
        }
    }

    private mutating func addTable(_ table: TableType, at offset: Int) throws(WasmError) {
        guard module.tables.count < limits.tables else { throw tooMany("tables", limits.tables, offset) }
        module.tables.append(table)
    }

    private func tableType(_ reader: inout ByteReader) throws(WasmError) -> TableType {
        let element = try reader.referenceType()
        let start = reader.offset
        let (limits, is64) = try limitsOf(&reader)
        let table = TableType(element: element, limits: limits, is64: is64)
        guard is64 || max(table.limits.minimum, table.limits.maximum ?? 0) <= UInt64(UInt32.max) else {
            throw WasmError(.invalid, at: start, "table size must be at most 2^32-1 elements")
        }
        return table
    }

    mutating func memorySection(_ reader: inout ByteReader) throws(WasmError) {
        let count = try reader.count(limit: limits.memories, of: "memories")
        for _ in 0..<count {
            let start = reader.offset
            try addMemory(try memoryType(&reader), at: start)
        }
    }

    private mutating func addMemory(_ memory: MemoryType, at offset: Int) throws(WasmError) {
        guard module.memories.count < limits.memories else { throw tooMany("memories", limits.memories, offset) }
        module.memories.append(memory)
    }

    private func memoryType(_ reader: inout ByteReader) throws(WasmError) -> MemoryType {
        let start = reader.offset
        let (range, is64) = try limitsOf(&reader)
        let memory = MemoryType(limits: range, is64: is64)
        let pages = max(memory.limits.minimum, memory.limits.maximum ?? 0)
        guard !is64 else {
            guard pages <= 1 << 48 else {
                throw WasmError(.invalid, at: start, "memory size must be at most 2^48 pages (2^64 bytes)")
            }
            return memory
        }
        guard pages <= 65_536 else {
            throw WasmError(.invalid, at: start, "memory size must be at most 65536 pages (4 GiB)")
        }
        guard pages <= UInt64(limits.memoryPages) else {
            throw WasmError(
                .limitExceeded, at: start, "memory of \(pages) pages, and the limit is \(limits.memoryPages)")
        }
        return memory
    }

    private func limitsOf(_ reader: inout ByteReader) throws(WasmError) -> (Limits, is64: Bool) {
        let start = reader.offset
        let flags = try reader.byte()
        // Bit 0: there is a maximum. Bit 1: shared. Bit 2: 64-bit addresses.
        guard flags < 8 else {
            throw reader.malformed("malformed limits flags 0x\(String(flags, radix: 16))", at: start)
        }
        guard flags & 2 == 0 else { throw WasmError(.unsupported, at: start, UnsupportedFeature.threads.message) }
        let is64 = flags & 4 != 0
        let minimum = try reader.u64()
        guard flags & 1 != 0 else { return (Limits(minimum: minimum), is64) }
        let maximum = try reader.u64()
        guard minimum <= maximum else {
            throw WasmError(.invalid, at: start, "size minimum must not be greater than maximum")
        }
        return (Limits(minimum: minimum, maximum: maximum), is64)
    }

    mutating func globalSection(_ reader: inout ByteReader) throws(WasmError) {
        let count = try reader.count(limit: limits.globals, of: "globals")
        module.globals.reserveCapacity(module.globals.count + count)
        module.globalInitializers.reserveCapacity(count)
        for _ in 0..<count {
            let start = reader.offset
            let type = try globalType(&reader)
            // The initial value sees the globals before this one, not itself.
            module.globalInitializers.append(try constantExpression(&reader, type.value))
            try addGlobal(type, at: start)
        }
    }

    private mutating func addGlobal(_ global: GlobalType, at offset: Int) throws(WasmError) {
        guard module.globals.count < limits.globals else { throw tooMany("globals", limits.globals, offset) }
        module.globals.append(global)
    }

    private func globalType(_ reader: inout ByteReader) throws(WasmError) -> GlobalType {
        let value = try reader.valueType()
        let start = reader.offset
        switch try reader.byte() {
        case 0: return GlobalType(value: value, isMutable: false)
        case 1: return GlobalType(value: value, isMutable: true)
        case 2, 3: throw WasmError(.unsupported, at: start, UnsupportedFeature.threads.message)
        case let flag: throw reader.malformed("malformed mutability \(flag)", at: start)
        }
    }

    // MARK: Exports and start

    mutating func exportSection(_ reader: inout ByteReader) throws(WasmError) {
        let count = try reader.count(limit: limits.exports, of: "exports")
        module.exports.reserveCapacity(count)
        var seen = Set<ExactName>(minimumCapacity: count)
        for _ in 0..<count {
            let start = reader.offset
            let name = try reader.name(limit: limits.nameSize)
            let kindOffset = reader.offset
            let kindByte = try reader.byte()
            guard let kind = Export.Kind(rawValue: kindByte) else {
                if kindByte == 4 {
                    throw WasmError(.unsupported, at: kindOffset, UnsupportedFeature.exceptions.message)
                }
                throw reader.malformed("malformed export kind \(kindByte)", at: kindOffset)
            }
            let index = try reader.u32()
            switch kind {
            case .function: try declareReference(to: index, at: kindOffset)
            case .table: if index >= module.tables.count { throw unknown("table", index, at: kindOffset) }
            case .memory: if index >= module.memories.count { throw unknown("memory", index, at: kindOffset) }
            case .global: if index >= module.globals.count { throw unknown("global", index, at: kindOffset) }
            }
            guard seen.insert(ExactName(name)).inserted else {
                throw WasmError(.invalid, at: start, "duplicate export name \"\(name)\"")
            }
            module.exports.append(Export(name: name, kind: kind, index: index))
        }
    }

    mutating func startSection(_ reader: inout ByteReader) throws(WasmError) {
        let start = reader.offset
        let index = try reader.u32()
        guard index < module.functions.count else { throw unknown("function", index, at: start) }
        let type = module.functionType(index)
        guard type.parameters.isEmpty && type.results.isEmpty else {
            throw WasmError(.invalid, at: start, "start function must have neither parameters nor results")
        }
        module.start = index
    }

    // MARK: Elements

    mutating func elementSection(_ reader: inout ByteReader) throws(WasmError) {
        let count = try reader.count(limit: limits.elementSegments, of: "element segments")
        module.elements.reserveCapacity(count)
        for _ in 0..<count { module.elements.append(try elementSegment(&reader)) }
    }

    private mutating func elementSegment(_ reader: inout ByteReader) throws(WasmError) -> ElementSegment {
        let start = reader.offset
        let flags = try reader.u32()
        guard flags < 8 else { throw reader.malformed("malformed element segment kind \(flags)", at: start) }
        // Bit 0: not active. Bit 1: explicit table (active) or declarative (not). Bit 2: expressions.
        let usesExpressions = flags & 4 != 0
        var mode: ElementSegment.Mode
        if flags & 1 != 0 {
            mode = flags & 2 != 0 ? .declarative : .passive
        } else {
            let table = flags & 2 != 0 ? try reader.u32() : 0
            guard table < module.tables.count else { throw unknown("table", table, at: start) }
            mode = .active(table: table, offset: try constantExpression(&reader, module.tables[Int(table)].address))
        }

        var type = ValueType.funcref
        if flags & 3 != 0 {
            if usesExpressions {
                type = try reader.referenceType()
            } else {
                let kind = try reader.byte()
                guard kind == 0 else { throw reader.malformed("malformed element kind \(kind)", at: reader.offset - 1) }
            }
        }
        if case .active(let table, _) = mode {
            let element = module.tables[Int(table)].element
            guard element == type else {
                throw WasmError(
                    .invalid, at: start, "type mismatch: table \(table) holds \(element), the segment \(type)")
            }
        }

        let countOffset = reader.offset
        let count = try reader.count(limit: limits.elementItems, of: "element items")
        elementItemCount += count
        guard elementItemCount <= limits.elementItems else {
            throw tooMany("element items", limits.elementItems, countOffset)
        }
        var items: [ConstantExpression] = []
        items.reserveCapacity(count)
        for _ in 0..<count {
            if usesExpressions {
                items.append(try constantExpression(&reader, type))
            } else {
                let at = reader.offset
                let function = try reader.u32()
                try declareReference(to: function, at: at)
                items.append(ConstantExpression(first: .refFunc(function)))
            }
        }
        return ElementSegment(mode: mode, type: type, items: items, byteOffset: start)
    }
}
