//! The name section, and identifiers made of its names.
//!
//! What is a name for the section need not be an identifier of the text: those are UTF-8, not empty, of something that
//! exists, and unique among the things of their kind.

/// Names as the section has them: of each kind, indices and where the names lie.
struct ModuleNames {
    typealias Map = [(index: UInt32, name: Range<Int>)]

    var module: Range<Int>?
    /// By the number of the subsection.
    var maps: [UInt8: Map] = [:]
    /// Of locals, labels and fields: by the number of the subsection, then by the index of the function or type, where the
    /// map of the names lies.
    var indirectMaps: [UInt8: [UInt32: Int]] = [:]

    static let locals: UInt8 = 2
    static let labels: UInt8 = 3
    static let fields: UInt8 = 10

    init() {}

    /// Reads the contents of the section. Subsections that are not known are left out.
    init(_ reader: BinaryReader) throws(PrintError) {
        var reader = reader
        while !reader.isAtEnd {
            let id = try reader.byte()
            let part = try reader.vector()
            var content = BinaryReader(reader.bytes, part)
            switch id {
            case 0: module = try content.vector()
            case 1, 4...9, 11: maps[id] = try Self.map(&content)
            case Self.locals, Self.labels, Self.fields: indirectMaps[id] = try Self.indirectMap(&content)
            default: content.position = content.end
            }
            guard content.isAtEnd else { throw content.error("unexpected content in the name section") }
        }
    }

    /// The map that begins there, which has been read before.
    static func map(_ reader: BinaryReader, at position: Int) -> Map {
        var reader = reader
        reader.position = position
        reader.end = reader.bytes.count
        return (try? map(&reader)) ?? []
    }

    private static func map(_ reader: inout BinaryReader) throws(PrintError) -> Map {
        var map: Map = []
        for _ in 0..<(try reader.unsigned()) {
            let index = try reader.unsigned()
            map.append((index, try reader.vector()))
        }
        return map
    }

    private static func indirectMap(_ reader: inout BinaryReader) throws(PrintError) -> [UInt32: Int] {
        var maps: [UInt32: Int] = [:]
        for _ in 0..<(try reader.unsigned()) {
            let index = try reader.unsigned()
            if maps[index] == nil { maps[index] = reader.position }
            for _ in 0..<(try reader.unsigned()) {
                _ = try reader.unsigned()
                _ = try reader.vector()
            }
        }
        return maps
    }
}

/// The identifiers of the things of one kind, as the text has them.
struct Identifiers {
    private var text: [UInt8] = []
    private var places: [UInt32: Range<Int>] = [:]

    init() {}

    /// - Parameters:
    ///   - isUnique: of names that several things have, the later ones get a number behind them.
    ///   - exists: whether there is a thing of that index.
    init(
        _ map: ModuleNames.Map, in bytes: [UInt8], isUnique: Bool = true, where exists: (UInt32) -> Bool
    ) {
        var writer = TextWriter()
        var taken: Set<[UInt8]> = []
        var repeated: ModuleNames.Map = []
        for (index, range) in map.sorted(by: { $0.index < $1.index }) {
            let name = Array(bytes[range])
            guard exists(index), places[index] == nil, !name.isEmpty, firstMalformedUTF8(name) == nil else { continue }
            if isUnique, !taken.insert(name).inserted {
                repeated.append((index, range))
            } else {
                add(name, index, &writer)
            }
        }
        var numbers: [[UInt8]: Int] = [:]
        for (index, range) in repeated where places[index] == nil {
            let name = Array(bytes[range])
            var number = numbers[name] ?? 1
            while !taken.insert(name + Array("_\(number)".utf8)).inserted { number += 1 }
            add(name + Array("_\(number)".utf8), index, &writer)
            numbers[name] = number + 1
        }
        text = writer.bytes
    }

    private mutating func add(_ name: [UInt8], _ index: UInt32, _ writer: inout TextWriter) {
        let start = writer.bytes.count
        writer.identifier(name[...])
        places[index] = start..<writer.bytes.count
    }

    var isEmpty: Bool { places.isEmpty }

    subscript(index: UInt32) -> ArraySlice<UInt8>? { places[index].map { text[$0] } }
}
