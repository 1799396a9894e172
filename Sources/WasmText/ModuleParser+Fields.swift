//! Imports, functions, tables, memories, globals, tags, exports and segments.

extension ModuleParser {
    // MARK: Imports and exports

    mutating func importField() throws(TextError) {
        imports.vector(try cursor.name())
        imports.vector(try cursor.name())
        importCount += 1
        try cursor.open()
        let kind = cursor.token
        cursor.position += 1
        skipIdentifier()
        switch String(decoding: cursor.bytes(kind), as: UTF8.self) {
        case "func":
            _ = functions.next()
            try importedFunction()
        case "table":
            _ = tables.next()
            imports.byte(1)
            imports.append(try tableType())
        case "memory":
            _ = memories.next()
            imports.byte(2)
            imports.append(try memoryType())
        case "global":
            _ = globals.next()
            imports.byte(3)
            imports.append(try globalType())
        default:
            _ = tags.next()
            try importedTag()
        }
        try cursor.close()
    }

    private mutating func importedFunction() throws(TextError) {
        imports.byte(0)
        imports.unsigned(try typeUse(bindsNames: true).index)
    }

    private mutating func importedTag() throws(TextError) {
        imports.byte(4)
        imports.byte(0)
        imports.unsigned(try typeUse(bindsNames: true).index)
    }

    mutating func exportField() throws(TextError) {
        try exportName()
        try cursor.open()
        let kind = cursor.token
        cursor.position += 1
        switch String(decoding: cursor.bytes(kind), as: UTF8.self) {
        case "func":
            exports.byte(0)
            exports.unsigned(try index(functions))
        case "table":
            exports.byte(1)
            exports.unsigned(try index(tables))
        case "memory":
            exports.byte(2)
            exports.unsigned(try index(memories))
        case "global":
            exports.byte(3)
            exports.unsigned(try index(globals))
        case "tag":
            exports.byte(4)
            exports.unsigned(try index(tags))
        default:
            cursor.position -= 1
            throw cursor.unexpected("func, table, memory, global or tag")
        }
        try cursor.close()
    }

    private mutating func exportName() throws(TextError) {
        exports.vector(try cursor.name())
        exportCount += 1
    }

    /// Identifier, exports and import of a definition. True if it is imported: the two names are written then.
    private mutating func head(_ kind: UInt8, _ index: UInt32) throws(TextError) -> Bool {
        skipIdentifier()
        while cursor.take(form: "export") {
            try exportName()
            exports.byte(kind)
            exports.unsigned(index)
            try cursor.close()
        }
        guard cursor.take(form: "import") else { return false }
        imports.vector(try cursor.name())
        imports.vector(try cursor.name())
        importCount += 1
        try cursor.close()
        return true
    }

    // MARK: Functions

    mutating func functionField() throws(TextError) {
        let index = functions.next()
        if try head(0, index) { return try importedFunction() }
        let use = try typeUse(bindsNames: true)
        functionSection.unsigned(use.index)
        functionCount += 1
        locals = IndexSpace("local")
        for (number, name, token) in use.parameterNames {
            locals.addUnnamed(number - locals.count)
            guard locals.indices[name] == nil else {
                throw cursor.error("duplicate local \(cursor.shown(token))", at: token)
            }
            locals.add(name)
        }
        locals.addUnnamed(use.parameterCount - min(locals.count, use.parameterCount))
        var runs = ByteWriter()
        var runCount = 0
        var last: (type: [UInt8], count: UInt32)?
        func finish() {
            guard let last else { return }
            runs.unsigned(last.count)
            runs.append(last.type)
            runCount += 1
        }
        while cursor.take(form: "local") {
            let isNamed = cursor.token.kind == .identifier
            if isNamed { try locals.add(&cursor) }
            while isNamed || cursor.token.kind != .rightParenthesis {
                var type = ByteWriter()
                try valueType(into: &type)
                if last?.type == type.bytes {
                    last!.count += 1
                } else {
                    finish()
                    last = (type.bytes, 1)
                }
                if isNamed { break }
                locals.addUnnamed()
            }
            try cursor.close()
        }
        finish()
        labels = []
        labelPositions = [:]
        labelsSeen = []
        labelCount = 0
        var body = ByteWriter()
        body.count(runCount)
        body.append(runs.bytes)
        try instructions(into: &body)
        body.byte(0x0B)
        code.vector(body.bytes)
        if !locals.names.isEmpty { localNames.append((index, locals.names)) }
        if !labelsSeen.isEmpty { labelNames.append((index, labelsSeen)) }
    }

    // MARK: Tables

    mutating func tableField() throws(TextError) {
        let index = tables.next()
        if try head(1, index) {
            imports.byte(1)
            imports.append(try tableType())
            return
        }
        tableCount += 1
        let is64 = addressType()
        if isReferenceType {
            var type = ByteWriter()
            try referenceType(into: &type)
            guard cursor.take(form: "elem") else { throw cursor.unexpected("(elem …)") }
            _ = elements.next()
            var items = ByteWriter()
            var count: UInt64 = 0
            let isList = isIndex || cursor.token.kind == .rightParenthesis
            if isList {
                while isIndex {
                    items.unsigned(try self.index(functions))
                    count += 1
                }
            } else {
                while cursor.token.kind != .rightParenthesis {
                    items.append(try elementExpression())
                    count += 1
                }
            }
            try cursor.close()
            tableSection.append(type.bytes)
            tableSection.byte(1 | (is64 ? 4 : 0))
            tableSection.unsigned(count)
            tableSection.unsigned(count)
            var offset = ByteWriter()
            offset.byte(is64 ? 0x42 : 0x41)
            offset.byte(0)
            offset.byte(0x0B)
            writeActiveElement(
                table: index, offset: offset.bytes, type: type.bytes, isList: isList, count: count, items: items.bytes)
            return
        }
        var limits = ByteWriter()
        try self.limits(is64: is64, into: &limits)
        var type = ByteWriter()
        try referenceType(into: &type)
        if cursor.token.kind == .rightParenthesis {
            tableSection.append(type.bytes)
            tableSection.append(limits.bytes)
        } else {
            tableSection.byte(0x40)
            tableSection.byte(0)
            tableSection.append(type.bytes)
            tableSection.append(limits.bytes)
            tableSection.append(try expression())
        }
    }

    private mutating func tableType() throws(TextError) -> [UInt8] {
        let is64 = addressType()
        var limits = ByteWriter()
        try self.limits(is64: is64, into: &limits)
        var out = ByteWriter()
        try referenceType(into: &out)
        return out.bytes + limits.bytes
    }

    // MARK: Memories

    mutating func memoryField() throws(TextError) {
        let index = memories.next()
        if try head(2, index) {
            imports.byte(2)
            imports.append(try memoryType())
            return
        }
        memoryCount += 1
        var cursor = cursor
        let is64 = cursor.take(word: "i64")
        if !is64 { _ = cursor.take(word: "i32") }
        guard cursor.take(form: "data") else {
            memorySection.append(try memoryType())
            return
        }
        _ = data.next()
        let bytes = try cursor.strings()
        try cursor.close()
        self.cursor = cursor
        let pages = UInt64((bytes.count + 0xFFFF) >> 16)
        memorySection.byte(1 | (is64 ? 4 : 0))
        memorySection.unsigned(pages)
        memorySection.unsigned(pages)
        dataCount += 1
        if index == 0 {
            dataSection.byte(0)
        } else {
            dataSection.byte(2)
            dataSection.unsigned(index)
        }
        dataSection.byte(is64 ? 0x42 : 0x41)
        dataSection.byte(0)
        dataSection.byte(0x0B)
        dataSection.vector(bytes)
    }

    private mutating func memoryType() throws(TextError) -> [UInt8] {
        let is64 = addressType()
        var out = ByteWriter()
        try limits(is64: is64, into: &out)
        return out.bytes
    }

    // MARK: Globals and tags

    mutating func globalField() throws(TextError) {
        let index = globals.next()
        if try head(3, index) {
            imports.byte(3)
            imports.append(try globalType())
            return
        }
        globalCount += 1
        globalSection.append(try globalType())
        globalSection.append(try expression())
    }

    private mutating func globalType() throws(TextError) -> [UInt8] {
        var out = ByteWriter()
        let isMutable = cursor.take(form: "mut")
        try valueType(into: &out)
        if isMutable { try cursor.close() }
        out.byte(isMutable ? 1 : 0)
        return out.bytes
    }

    mutating func tagField() throws(TextError) {
        let index = tags.next()
        if try head(4, index) { return try importedTag() }
        tagCount += 1
        tagSection.byte(0)
        tagSection.unsigned(try typeUse(bindsNames: true).index)
    }

    // MARK: Segments

    /// An expression up to the closing parenthesis.
    private mutating func expression() throws(TextError) -> [UInt8] {
        labels = []
        labelPositions = [:]
        locals = IndexSpace("local")
        var out = ByteWriter()
        try instructions(into: &out)
        out.byte(0x0B)
        return out.bytes
    }

    /// `(offset …)`, or one instruction in parentheses.
    private mutating func offset() throws(TextError) -> [UInt8] {
        guard cursor.take(form: "offset") else { return try foldedExpression() }
        let bytes = try expression()
        try cursor.close()
        return bytes
    }

    /// One instruction in parentheses.
    private mutating func foldedExpression() throws(TextError) -> [UInt8] {
        guard cursor.token.kind == .leftParenthesis else { throw cursor.unexpected("an instruction in parentheses") }
        labels = []
        labelPositions = [:]
        locals = IndexSpace("local")
        var out = ByteWriter()
        try instructions(into: &out, onlyOne: true)
        out.byte(0x0B)
        return out.bytes
    }

    private mutating func elementExpression() throws(TextError) -> [UInt8] {
        guard cursor.take(form: "item") else { return try foldedExpression() }
        let bytes = try expression()
        try cursor.close()
        return bytes
    }

    mutating func elementField() throws(TextError) {
        _ = elements.next()
        skipIdentifier()
        var table: UInt32?
        var position: [UInt8]?
        let isDeclared = cursor.take(word: "declare")
        if !isDeclared {
            if cursor.take(form: "table") {
                table = try index(tables)
                try cursor.close()
            } else if isIndex {
                // An older way to name the table.
                table = try index(tables)
            }
            if cursor.token.kind == .leftParenthesis, table != nil || !cursor.isForm("ref") {
                position = try offset()
            } else if table != nil {
                throw cursor.unexpected("an offset")
            }
        }
        var type = ByteWriter()
        var items = ByteWriter()
        var count: UInt64 = 0
        // Without a table named, the word may be left out.
        var isList = cursor.take(word: "func")
        if !isList, position != nil, !isReferenceType { isList = true }
        if isList {
            type.byte(0x70)
            while isIndex {
                items.unsigned(try index(functions))
                count += 1
            }
        } else {
            try referenceType(into: &type)
            while cursor.token.kind != .rightParenthesis {
                items.append(try elementExpression())
                count += 1
            }
        }
        if let position {
            writeActiveElement(
                table: table ?? 0, offset: position, type: type.bytes, isList: isList, count: count,
                items: items.bytes)
            return
        }
        elementCount += 1
        elementSection.byte((isDeclared ? 3 : 1) | (isList ? 0 : 4))
        if isList { elementSection.byte(0) } else { elementSection.append(type.bytes) }
        elementSection.unsigned(count)
        elementSection.append(items.bytes)
    }

    private mutating func writeActiveElement(
        table: UInt32, offset: [UInt8], type: [UInt8], isList: Bool, count: UInt64, items: [UInt8]
    ) {
        elementCount += 1
        // The forms without a type are for functions in table 0.
        let isShort = table == 0 && (isList || type == [0x70])
        elementSection.byte((isShort ? 0 : 2) | (isList ? 0 : 4))
        if !isShort { elementSection.unsigned(table) }
        elementSection.append(offset)
        if !isShort {
            if isList { elementSection.byte(0) } else { elementSection.append(type) }
        }
        elementSection.unsigned(count)
        elementSection.append(items)
    }

    mutating func dataField() throws(TextError) {
        _ = data.next()
        skipIdentifier()
        dataCount += 1
        var memory: UInt32?
        if cursor.take(form: "memory") {
            memory = try index(memories)
            try cursor.close()
        } else if isIndex {
            memory = try index(memories)
        }
        if cursor.token.kind == .leftParenthesis {
            if let memory, memory != 0 {
                dataSection.byte(2)
                dataSection.unsigned(memory)
            } else {
                dataSection.byte(0)
            }
            dataSection.append(try offset())
        } else {
            guard memory == nil else { throw cursor.unexpected("an offset") }
            dataSection.byte(1)
        }
        dataSection.vector(try cursor.strings())
    }
}
