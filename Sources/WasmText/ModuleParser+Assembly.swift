//! The sections put in order, with the custom ones between them and the names behind.

/// A section that a text spells out: `(@custom "name" (after code) "bytes")`.
struct CustomSection {
    var name: [UInt8]
    var content: [UInt8]
    /// Twice the place of a section in the order of the binary format, one more or less for after and before it.
    var place: Int
}

extension ModuleParser {
    /// The sections in their order, as texts call them, and their numbers. Those of one name come together.
    private static let order: [(name: String, id: UInt8)] = [
        ("type", 1), ("import", 2), ("func", 3), ("table", 4), ("memory", 5), ("tag", 13), ("global", 6), ("export", 7),
        ("start", 8), ("elem", 9), ("datacount", 12), ("code", 10), ("data", 11),
    ]

    mutating func customSection() throws(TextError) {
        cursor.position += 1
        let name = try cursor.name()
        // Behind everything, unless said otherwise.
        var place = 2 * Self.order.count + 1
        let isBefore = cursor.isForm("before")
        if isBefore || cursor.isForm("after") {
            cursor.position += 2
            let word = cursor.token
            let text = word.kind == .keyword ? String(decoding: cursor.bytes(word), as: UTF8.self) : ""
            if text == "first", isBefore {
                place = -1
            } else if text == "last", !isBefore {
                place = 2 * Self.order.count + 1
            } else if let index = Self.order.firstIndex(where: { $0.name == text }) {
                place = 2 * index + (isBefore ? -1 : 1)
            } else {
                throw cursor.unexpected("a section")
            }
            cursor.position += 1
            try cursor.close()
        }
        let content = try cursor.strings()
        try cursor.close()
        customSections.append(CustomSection(name: name, content: content, place: place))
    }

    func assemble(names: Bool) -> [UInt8] {
        var out = ByteWriter()
        out.append([0x00, 0x61, 0x73, 0x6D, 0x01, 0x00, 0x00, 0x00])
        writeCustom(at: -1, into: &out)
        for (index, section) in Self.order.enumerated() {
            writeSection(section.id, into: &out)
            writeCustom(at: 2 * index + 1, into: &out)
        }
        if names { writeNames(into: &out) }
        writeCustom(at: 2 * Self.order.count + 1, into: &out)
        return out.bytes
    }

    private func writeCustom(at place: Int, into out: inout ByteWriter) {
        for section in customSections where section.place == place {
            var content = ByteWriter()
            content.vector(section.name)
            content.append(section.content)
            out.section(0, content.bytes)
        }
    }

    private func writeSection(_ id: UInt8, into out: inout ByteWriter) {
        switch id {
        case 1: out.section(1, count: typeGroupCount, typeGroups)
        case 2: out.section(2, count: importCount, imports)
        case 3: out.section(3, count: functionCount, functionSection)
        case 4: out.section(4, count: tableCount, tableSection)
        case 5: out.section(5, count: memoryCount, memorySection)
        case 13: out.section(13, count: tagCount, tagSection)
        case 6: out.section(6, count: globalCount, globalSection)
        case 7: out.section(7, count: exportCount, exports)
        case 8:
            guard let start else { return }
            var content = ByteWriter()
            content.unsigned(start)
            out.section(8, content.bytes)
        case 9: out.section(9, count: elementCount, elementSection)
        case 12:
            guard usesDataCount else { return }
            var content = ByteWriter()
            content.count(dataCount)
            out.section(12, content.bytes)
        case 10: out.section(10, count: functionCount, code)
        default: out.section(11, count: dataCount, dataSection)
        }
    }

    // MARK: Names

    /// The name section: the identifiers of the text.
    private func writeNames(into out: inout ByteWriter) {
        var content = ByteWriter()
        content.vector(Array("name".utf8))
        let empty = content.bytes.count
        if let moduleName {
            var name = ByteWriter()
            name.vector(moduleName)
            content.section(0, name.bytes)
        }
        func write(_ id: UInt8, _ names: [(UInt32, [UInt8])]) {
            guard !names.isEmpty else { return }
            content.section(id, nameMap(names))
        }
        func write(_ id: UInt8, _ names: [(UInt32, [(UInt32, [UInt8])])]) {
            guard !names.isEmpty else { return }
            var map = ByteWriter()
            map.count(names.count)
            for (index, names) in names {
                map.unsigned(index)
                map.append(nameMap(names))
            }
            content.section(id, map.bytes)
        }
        write(1, functions.names)
        write(2, localNames)
        write(3, labelNames)
        write(4, types.names)
        write(5, tables.names)
        write(6, memories.names)
        write(7, globals.names)
        write(8, elements.names)
        write(9, data.names)
        let fields = definitions.enumerated().map { (UInt32($0.offset), $0.element.fields.names) }
        write(10, fields.filter { !$0.1.isEmpty })
        write(11, tags.names)
        if content.bytes.count > empty { out.section(0, content.bytes) }
    }

    private func nameMap(_ names: [(UInt32, [UInt8])]) -> [UInt8] {
        var map = ByteWriter()
        map.count(names.count)
        for (index, name) in names {
            map.unsigned(index)
            map.vector(name)
        }
        return map.bytes
    }
}
