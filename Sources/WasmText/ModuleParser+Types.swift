//! Types: of values, references, functions, structures and arrays, and where they are used.

/// What is known of a type of the module.
struct TypeDefinition {
    /// Parameters and results as in the binary format, if it is a function type.
    var signature: [UInt8]?
    var parameterCount: UInt32 = 0
    /// Of a structure, by name.
    var fields = IndexSpace("field")
}

/// A type that was named or written out where it is used.
struct TypeUse {
    var index: UInt32 = 0
    var parameterCount: UInt32 = 0
    /// Of the parameters that are written out.
    var parameterNames: [(UInt32, [UInt8], Token)] = []
}

/// Parameters and results that were written out.
struct Signature {
    var parameters = ByteWriter()
    var parameterCount: UInt32 = 0
    var results = ByteWriter()
    var resultCount: UInt32 = 0
    var names: [(UInt32, [UInt8], Token)] = []
    /// There is a list of parameters or results, if only an empty one.
    var isWritten = false

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.unsigned(parameterCount)
        writer.append(parameters.bytes)
        writer.unsigned(resultCount)
        writer.append(results.bytes)
        return writer.bytes
    }
}

extension ModuleParser {
    // MARK: Definitions

    mutating func typeField() throws(TextError) {
        let next = Int(cursor.token.partner) + 1
        defer { cursor.position = next }
        var group = ByteWriter()
        var count = 0
        var isPlain = false
        let first = definitions.count
        if cursor.take(form: "type") {
            isPlain = try typeDefinition(into: &group)
            count = 1
        } else if cursor.take(form: "rec") {
            while cursor.token.kind == .leftParenthesis {
                guard cursor.take(form: "type") else {
                    cursor.position += 1
                    throw cursor.unexpected("type")
                }
                isPlain = try typeDefinition(into: &group)
                try cursor.close()
                count += 1
            }
        } else {
            return
        }
        try cursor.close()
        // A group of one is that type.
        if count != 1 {
            typeGroups.byte(0x4E)
            typeGroups.count(count)
        } else if isPlain, let signature = definitions[first].signature, functionTypes[signature] == nil {
            functionTypes[signature] = UInt32(first)
        }
        typeGroups.append(group.bytes)
        typeGroupCount += 1
    }

    /// Reads a type behind `(type`. Returns whether nothing is said of its place among the subtypes.
    private mutating func typeDefinition(into out: inout ByteWriter) throws(TextError) -> Bool {
        skipIdentifier()
        var isPlain = true
        let isSub = cursor.take(form: "sub")
        if isSub {
            let isFinal = cursor.take(word: "final")
            var supertypes = ByteWriter()
            var count = 0
            while isIndex {
                supertypes.unsigned(try index(types))
                count += 1
            }
            isPlain = isFinal && count == 0
            if !isPlain {
                out.byte(isFinal ? 0x4F : 0x50)
                out.count(count)
                out.append(supertypes.bytes)
            }
        }
        var definition = TypeDefinition()
        if cursor.take(form: "func") {
            out.byte(0x60)
            let signature = try self.signature(bindsNames: true)
            definition.signature = signature.bytes
            definition.parameterCount = signature.parameterCount
            out.append(signature.bytes)
        } else if cursor.take(form: "struct") {
            out.byte(0x5F)
            var fields = ByteWriter()
            while cursor.take(form: "field") {
                if cursor.token.kind == .identifier {
                    try definition.fields.add(&cursor)
                    try fieldType(into: &fields)
                } else {
                    while cursor.token.kind != .rightParenthesis {
                        try fieldType(into: &fields)
                        definition.fields.addUnnamed()
                    }
                }
                try cursor.close()
            }
            out.unsigned(definition.fields.count)
            out.append(fields.bytes)
        } else if cursor.take(form: "array") {
            out.byte(0x5E)
            try fieldType(into: &out)
        } else {
            throw cursor.unexpected("(func …), (struct …) or (array …)")
        }
        try cursor.close()
        if isSub { try cursor.close() }
        definitions.append(definition)
        return isPlain
    }

    private mutating func fieldType(into out: inout ByteWriter) throws(TextError) {
        let isMutable = cursor.take(form: "mut")
        if cursor.take(word: "i8") {
            out.byte(0x78)
        } else if cursor.take(word: "i16") {
            out.byte(0x77)
        } else {
            try valueType(into: &out)
        }
        if isMutable { try cursor.close() }
        out.byte(isMutable ? 1 : 0)
    }

    // MARK: Values and references

    mutating func valueType(into out: inout ByteWriter) throws(TextError) {
        let bytes: UInt8? =
            switch true {
            case cursor.isWord("i32"): 0x7F
            case cursor.isWord("i64"): 0x7E
            case cursor.isWord("f32"): 0x7D
            case cursor.isWord("f64"): 0x7C
            case cursor.isWord("v128"): 0x7B
            default: nil
            }
        if let bytes {
            cursor.position += 1
            out.byte(bytes)
        } else {
            try referenceType(into: &out)
        }
    }

    /// The next tokens are a reference type.
    var isReferenceType: Bool { cursor.isForm("ref") || abbreviation(cursor.token) != nil }

    private func abbreviation(_ token: Token) -> UInt8? {
        guard token.kind == .keyword else { return nil }
        return switch String(decoding: cursor.bytes(token), as: UTF8.self) {
        case "funcref": 0x70
        case "externref": 0x6F
        case "anyref": 0x6E
        case "eqref": 0x6D
        case "i31ref": 0x6C
        case "structref": 0x6B
        case "arrayref": 0x6A
        case "exnref": 0x69
        case "nullref": 0x71
        case "nullexternref": 0x72
        case "nullfuncref": 0x73
        case "nullexnref": 0x74
        default: nil
        }
    }

    mutating func referenceType(into out: inout ByteWriter) throws(TextError) {
        let (isNullable, heapType, isAbstract) = try reference()
        // A nullable abstract type is written as the heap type alone.
        if !isNullable || !isAbstract { out.byte(isNullable ? 0x63 : 0x64) }
        out.append(heapType)
    }

    /// Whether a reference type takes null, and its heap type in the binary format.
    mutating func reference() throws(TextError) -> (isNullable: Bool, heapType: [UInt8], isAbstract: Bool) {
        if let byte = abbreviation(cursor.token) {
            cursor.position += 1
            return (true, [byte], true)
        }
        guard cursor.take(form: "ref") else { throw cursor.unexpected("a type") }
        let isNullable = cursor.take(word: "null")
        let isAbstract = !isIndex
        var heap = ByteWriter()
        try heapType(into: &heap)
        try cursor.close()
        return (isNullable, heap.bytes, isAbstract)
    }

    mutating func heapType(into out: inout ByteWriter) throws(TextError) {
        if isIndex {
            out.signed(Int64(try index(types)))
            return
        }
        let byte: UInt8? =
            switch String(decoding: cursor.token.kind == .keyword ? cursor.bytes(cursor.token) : [], as: UTF8.self) {
            case "func": 0x70
            case "extern": 0x6F
            case "any": 0x6E
            case "eq": 0x6D
            case "i31": 0x6C
            case "struct": 0x6B
            case "array": 0x6A
            case "exn": 0x69
            case "none": 0x71
            case "noextern": 0x72
            case "nofunc": 0x73
            case "noexn": 0x74
            default: nil
            }
        guard let byte else { throw cursor.unexpected("a heap type") }
        cursor.position += 1
        out.byte(byte)
    }

    // MARK: Functions

    /// Parameters, then results.
    mutating func signature(bindsNames: Bool) throws(TextError) -> Signature {
        var signature = Signature()
        while cursor.take(form: "param") {
            signature.isWritten = true
            let token = cursor.token
            if bindsNames, let name = try cursor.identifier() {
                signature.names.append((signature.parameterCount, name, token))
                try valueType(into: &signature.parameters)
                signature.parameterCount += 1
            } else {
                while cursor.token.kind != .rightParenthesis {
                    try valueType(into: &signature.parameters)
                    signature.parameterCount += 1
                }
            }
            try cursor.close()
        }
        while cursor.take(form: "result") {
            signature.isWritten = true
            while cursor.token.kind != .rightParenthesis {
                try valueType(into: &signature.results)
                signature.resultCount += 1
            }
            try cursor.close()
        }
        return signature
    }

    /// A type by index, written out, or both.
    mutating func typeUse(bindsNames: Bool) throws(TextError) -> TypeUse {
        let token = cursor.token
        if cursor.take(form: "type") {
            let index = try index(types)
            try cursor.close()
            let signature = try signature(bindsNames: bindsNames)
            return try typeUse(index, signature, at: token)
        }
        let signature = try signature(bindsNames: bindsNames)
        return TypeUse(
            index: functionType(signature.bytes, parameterCount: signature.parameterCount),
            parameterCount: signature.parameterCount, parameterNames: signature.names)
    }

    func typeUse(_ index: UInt32, _ signature: Signature, at token: Token) throws(TextError) -> TypeUse {
        var use = TypeUse(index: index, parameterNames: signature.names)
        guard Int(index) < definitions.count else {
            if signature.isWritten { throw cursor.error("unknown type", at: token) }
            return use
        }
        let definition = definitions[Int(index)]
        use.parameterCount = definition.parameterCount
        if signature.isWritten, definition.signature != signature.bytes {
            throw cursor.error("inline function type differs from the type named", at: token)
        }
        return use
    }

    /// The first type that is this function type, added if there is none.
    mutating func functionType(_ signature: [UInt8], parameterCount: UInt32) -> UInt32 {
        if let index = functionTypes[signature] { return index }
        let index = UInt32(definitions.count)
        definitions.append(TypeDefinition(signature: signature, parameterCount: parameterCount))
        functionTypes[signature] = index
        typeGroups.byte(0x60)
        typeGroups.append(signature)
        typeGroupCount += 1
        return index
    }

    // MARK: Limits

    /// `i32` or `i64`, if it is said. True for i64.
    mutating func addressType() -> Bool {
        if cursor.take(word: "i32") { return false }
        return cursor.take(word: "i64")
    }

    mutating func limits(is64: Bool, into out: inout ByteWriter) throws(TextError) {
        // Up to 64 bits in either case: whether it is too much is validation's to say.
        let minimum = try cursor.natural(64)
        let maximum = cursor.token.kind == .number ? try cursor.natural(64) : nil
        let isShared = cursor.take(word: "shared")
        out.byte((maximum != nil ? 1 : 0) | (isShared ? 2 : 0) | (is64 ? 4 : 0))
        out.unsigned(minimum)
        if let maximum { out.unsigned(maximum) }
    }
}
