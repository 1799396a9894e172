//! The sections: imports, definitions, exports, segments, custom ones.

extension ModulePrinter {
    /// Prints what a section has.
    mutating func content(of id: UInt8) throws(PrintError) {
        switch id {
        case 1: try each { printer throws(PrintError) in try printer.typeGroup() }
        case 2: try each { printer throws(PrintError) in try printer.importField() }
        // Printed with the code.
        case 3: reader.position = reader.end
        case 4: try each { printer throws(PrintError) in try printer.tableField() }
        case 5: try each { printer throws(PrintError) in try printer.memoryField() }
        case 13: try each { printer throws(PrintError) in try printer.tagField() }
        case 6: try each { printer throws(PrintError) in try printer.globalField() }
        case 7: try each { printer throws(PrintError) in try printer.exportField() }
        case 8:
            field("start")
            try use(.functions)
            close()
        case 9: try each { printer throws(PrintError) in try printer.elementField() }
        // Written where it is needed.
        case 12: _ = try reader.unsigned()
        case 10: try each { printer throws(PrintError) in try printer.functionField() }
        default: try each { printer throws(PrintError) in try printer.dataField() }
        }
    }

    // MARK: Imports and exports

    /// A string behind a space.
    private mutating func name() throws(PrintError) {
        out.space()
        out.name(reader.bytes[try reader.name()])
    }

    private mutating func importField() throws(PrintError) {
        field("import")
        try name()
        try name()
        let start = reader.position
        switch try reader.byte() {
        case 0:
            out.text(" (func")
            let index = define(.functions)
            let type = try reader.unsigned()
            let count = UInt64(survey.functionType(type)?.parameterCount ?? 0)
            try typeUse(type, names: localNames(of: index, 0..<count))
        case 1:
            out.text(" (table")
            define(.tables)
            tableType(try reader.tableType())
        case 2:
            out.text(" (memory")
            define(.memories)
            limits(try reader.limits())
        case 3:
            out.text(" (global")
            define(.globals)
            out.space()
            fieldType(try reader.globalType())
        case 4:
            out.text(" (tag")
            define(.tags)
            try typeUse(try reader.tagType())
        default: throw reader.error("malformed import kind", at: start)
        }
        out.text("))")
    }

    private mutating func exportField() throws(PrintError) {
        field("export")
        try name()
        let start = reader.position
        switch try reader.byte() {
        case 0:
            out.text(" (func")
            try use(.functions)
        case 1:
            out.text(" (table")
            try use(.tables)
        case 2:
            out.text(" (memory")
            try use(.memories)
        case 3:
            out.text(" (global")
            try use(.globals)
        case 4:
            out.text(" (tag")
            try use(.tags)
        default: throw reader.error("malformed export kind", at: start)
        }
        out.text("))")
    }

    // MARK: Definitions

    private mutating func tableField() throws(PrintError) {
        field("table")
        define(.tables)
        if reader.peek() == 0x40 {
            reader.position += 1
            guard try reader.byte() == 0 else { throw reader.error("malformed table", at: reader.position - 1) }
            tableType(try reader.tableType())
            out.space()
            try expression()
        } else {
            tableType(try reader.tableType())
        }
        close()
    }

    private mutating func memoryField() throws(PrintError) {
        field("memory")
        define(.memories)
        limits(try reader.limits())
        close()
    }

    private mutating func tagField() throws(PrintError) {
        field("tag")
        define(.tags)
        try typeUse(try reader.tagType())
        close()
    }

    private mutating func globalField() throws(PrintError) {
        field("global")
        define(.globals)
        out.space()
        fieldType(try reader.globalType())
        out.space()
        try expression()
        close()
    }

    // MARK: Segments

    private mutating func elementField() throws(PrintError) {
        field("elem")
        define(.elements)
        let start = reader.position
        let flags = try reader.unsigned()
        guard flags < 8 else { throw reader.error("malformed elements segment kind", at: start) }
        // Bit 0: not active. Bit 1: declared, or of an active one: says its table and type. Bit 2: items are expressions.
        if flags & 1 == 0 {
            try place(.tables, "table", isNamed: flags & 2 != 0)
        } else if flags & 2 != 0 {
            out.text(" declare")
        }
        if flags & 4 == 0 {
            if flags & 3 != 0 {
                guard try reader.byte() == 0 else {
                    throw reader.error("malformed element kind", at: reader.position - 1)
                }
            }
            out.text(" func")
            try each { printer throws(PrintError) in
                let index = try printer.reader.unsigned()
                printer.item()
                printer.use(.functions, index)
            }
        } else {
            out.space()
            if flags & 3 == 0 { out.text("funcref") } else { referenceType(try reader.referenceType()) }
            try each { printer throws(PrintError) in
                printer.item()
                try printer.expression(.item)
            }
        }
        close()
    }

    /// Where the next item of a long list goes.
    private mutating func item() {
        if out.column > 100 { out.line(indentation: 4) } else { out.space() }
    }

    /// ` (memory 1)` or ` (table 1)` unless it is the first, and the offset.
    private mutating func place(_ space: Space, _ keyword: StaticString, isNamed: Bool) throws(PrintError) {
        let index = isNamed ? try reader.unsigned() : 0
        if index != 0 {
            out.text(" (")
            out.text(keyword)
            out.space()
            use(space, index)
            close()
        }
        out.space()
        try expression(.offset)
    }

    private mutating func dataField() throws(PrintError) {
        field("data")
        define(.data)
        let start = reader.position
        switch try reader.unsigned() {
        case 0: try place(.memories, "memory", isNamed: false)
        case 1: break
        case 2: try place(.memories, "memory", isNamed: true)
        default: throw reader.error("malformed data segment flag", at: start)
        }
        out.data(reader.bytes[try reader.vector()], indentation: 4)
        close()
    }

    // MARK: Custom sections

    /// - Parameters:
    ///   - section: behind which it is; none is the beginning.
    ///   - isLast: it is behind the names, too.
    mutating func customSection(after section: UInt8?, isLast: Bool) throws(PrintError) {
        field("@custom")
        try name()
        if isLast {
            out.text(" (after last)")
        } else if let section, let place = Self.order.first(where: { $0.id == section }) {
            out.text(" (after ")
            out.text(place.name)
            close()
        } else {
            out.text(" (before first)")
        }
        out.data(reader.bytes[reader.position..<reader.end], indentation: 4)
        reader.position = reader.end
        close()
    }
}
