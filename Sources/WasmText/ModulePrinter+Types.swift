//! Types, and parameters and locals.

extension ModulePrinter {
    // MARK: Definitions

    /// An entry of the type section: a type or a group of them.
    mutating func typeGroup() throws(PrintError) {
        guard reader.peek() == 0x4E else { return try typeDefinition(indentation: 2) }
        reader.position += 1
        out.line(indentation: 2)
        out.text("(rec")
        let count = try reader.unsigned()
        for _ in 0..<count { try typeDefinition(indentation: 4) }
        if count > 0 { out.line(indentation: 2) }
        close()
    }

    private mutating func typeDefinition(indentation: Int) throws(PrintError) {
        out.line(indentation: indentation)
        out.text("(type")
        let index = define(.types)
        var isSub = false
        if let byte = reader.peek(), byte == 0x4F || byte == 0x50 {
            reader.position += 1
            isSub = true
            out.text(byte == 0x4F ? " (sub final" : " (sub")
            try each { printer throws(PrintError) in try printer.use(.types) }
        }
        let start = reader.position
        switch try reader.byte() {
        case 0x60:
            out.text(" (func")
            try declarations("param", count: reader.unsigned())
            try declarations("result", count: reader.unsigned())
        case 0x5F:
            out.text(" (struct")
            let names = fieldNames(of: index)
            for field in 0..<(try reader.unsigned()) {
                out.text(" (field ")
                if let name = names[field] {
                    out.text(name)
                    out.space()
                }
                fieldType(try reader.fieldType())
                close()
            }
        case 0x5E:
            out.text(" (array ")
            fieldType(try reader.fieldType())
        default: throw reader.error("malformed type definition", at: start)
        }
        out.text(isSub ? ")))" : "))")
    }

    // MARK: Uses

    /// ` (type n)` and the type's parameters and results; the parameters with names if there are any.
    ///
    /// - Returns: whether all parameters there are have been printed.
    @discardableResult
    mutating func typeUse(_ index: UInt32, names: Identifiers = Identifiers()) throws(PrintError) -> Bool {
        out.text(" (type ")
        use(.types, index)
        close()
        guard let type = survey.functionType(index) else { return true }
        guard spend(4 * (Int(type.parameterCount) + Int(type.resultCount))) else { return false }
        let position = reader.position
        let end = reader.end
        defer {
            reader.position = position
            reader.end = end
        }
        reader.end = reader.bytes.count
        reader.position = type.parameters
        try declarations("param", count: type.parameterCount, names: names)
        reader.position = type.results
        try declarations("result", count: type.resultCount)
        return true
    }

    /// ` (param …)` or ` (result …)` of so many types, those with names on their own.
    private mutating func declarations(
        _ keyword: StaticString, count: UInt32, names: Identifiers = Identifiers()
    ) throws(PrintError) {
        var list = DeclarationList(keyword: keyword)
        for index in 0..<count { declare(try reader.valueType(), names[index], in: &list) }
        if list.isOpen { close() }
    }

    /// Adds one to a list of parameters, results or locals.
    mutating func declare(_ type: ValueType, _ name: ArraySlice<UInt8>?, in list: inout DeclarationList) {
        if !list.isOpen || name != nil {
            if list.isOpen { close() }
            let breaksLine = list.breaksLines && (list.isEmpty || out.column > 100)
            if breaksLine { out.line(indentation: 4) } else { out.space() }
            out.byte(UInt8(ascii: "("))
            out.text(list.keyword)
            list.isOpen = true
            list.isEmpty = false
        } else if list.breaksLines, out.column > 100 {
            out.line(indentation: 5)
        }
        out.space()
        if let name {
            out.text(name)
            out.space()
        }
        valueType(type)
        if name != nil {
            close()
            list.isOpen = false
        }
    }

    mutating func valueType(_ type: ValueType) {
        switch type {
        case .number(.i32): out.text("i32")
        case .number(.i64): out.text("i64")
        case .number(.f32): out.text("f32")
        case .number(.f64): out.text("f64")
        case .number(.v128): out.text("v128")
        case .reference(let type): referenceType(type)
        }
    }

    mutating func fieldType(_ type: FieldType) {
        if type.isMutable { out.text("(mut ") }
        switch type.storage {
        case .i8: out.text("i8")
        case .i16: out.text("i16")
        case .value(let type): valueType(type)
        }
        if type.isMutable { close() }
    }

    mutating func referenceType(_ type: ReferenceType) {
        if type.isNullable, case .abstract(let kind) = type.heapType {
            out.text(kind.abbreviation)
        } else {
            out.text(type.isNullable ? "(ref null " : "(ref ")
            heapType(type.heapType)
            close()
        }
    }

    mutating func heapType(_ type: HeapType) {
        switch type {
        case .abstract(let kind): out.text(kind.name)
        case .index(let index): use(.types, index)
        }
    }

    /// Behind a space.
    mutating func limits(_ limits: Limits) {
        if limits.is64 { out.text(" i64") }
        out.space()
        out.decimal(limits.minimum)
        if let maximum = limits.maximum {
            out.space()
            out.decimal(maximum)
        }
        if limits.isShared { out.text(" shared") }
    }

    mutating func tableType(_ type: TableType) {
        limits(type.limits)
        out.space()
        referenceType(type.type)
    }
}

/// Parameters, results or locals that are being printed.
struct DeclarationList {
    let keyword: StaticString
    /// Whether it begins on a new line, and long lines are broken.
    var breaksLines = false
    var isEmpty = true
    /// A parenthesis is open that takes more without names.
    var isOpen = false
}

extension HeapType.Abstract {
    var name: StaticString {
        switch self {
        case .func: "func"
        case .extern: "extern"
        case .any: "any"
        case .eq: "eq"
        case .i31: "i31"
        case .struct: "struct"
        case .array: "array"
        case .exn: "exn"
        case .none: "none"
        case .noextern: "noextern"
        case .nofunc: "nofunc"
        case .noexn: "noexn"
        }
    }

    /// Of the reference type that takes null.
    var abbreviation: StaticString {
        switch self {
        case .func: "funcref"
        case .extern: "externref"
        case .any: "anyref"
        case .eq: "eqref"
        case .i31: "i31ref"
        case .struct: "structref"
        case .array: "arrayref"
        case .exn: "exnref"
        case .none: "nullref"
        case .noextern: "nullexternref"
        case .nofunc: "nullfuncref"
        case .noexn: "nullexnref"
        }
    }
}
