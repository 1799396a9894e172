//! `mayfly inspect`: what a module consists of, and what became of it.

import ArgumentParser
import Mayfly
import WasmModule

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show a module's sections, imports, exports, image and code.",
        discussion: """
            MODULE is a module in the binary format, which is compiled for this, or, with --allow-precompiled only, \
            what `mayfly compile` wrote. The latter is loaded, not run, but its tables are believed. With FUNCTION, an index or a name (an export's or the name section's), only that function is shown.

            --disassemble shows the machine code, of FUNCTION or of all functions, and beside it the WebAssembly that it \
            was made for: in a compiled file only where something may trap. It needs objdump on the PATH (in \
            most distributions part of the package binutils).

            EXIT CODES
            \(CommandFailure.exitCodeTable)
            """)

    @Argument(help: ArgumentHelp("A module in the binary format, or a compiled one.", valueName: "module"))
    var module: String

    @Argument(help: ArgumentHelp("Show this function only.", valueName: "function"))
    var function: String?

    @Flag(help: ModuleFile.allowPrecompiledHelp)
    var allowPrecompiled = false

    @OptionGroup var cache: CacheOptions

    @Flag(help: "Show machine code.")
    var disassemble = false

    func run() throws {
        try reportingFailures(module: module) {
            let file = try ModuleFile(path: module)
            let engine = try ModuleFile.makeEngine(cache, keepsOrigins: disassemble)
            let compiled = try file.program(engine, allowingPrecompiled: allowPrecompiled, metersFuel: nil).module
            let functions = try function.map { [try find($0, in: compiled)] } ?? compiled.functions
            if disassemble {
                try Disassembly(compiled).show(functions)
            } else {
                let decoded: DecodedModule
                do throws(WasmError) { decoded = try DecodedModule(decoding: compiled.binary) } catch {
                    throw CompileError.module(error)
                }
                if function == nil { showModule(file, compiled, decoded) }
                showCode(compiled, functions)
            }
        }
    }

    private func find(_ name: String, in module: Module) throws -> Module.CompiledFunction {
        var matches = module.functions.filter { $0.name == name }
        if matches.isEmpty, let index = Int(name) { matches = module.functions.filter { $0.index == index } }
        if matches.isEmpty, let decoded = try? DecodedModule(decoding: module.binary),
            let export = decoded.exports.first(where: { $0.kind == .function && $0.name == name })
        {
            matches = module.functions.filter { $0.index == Int(export.index) }
        }
        guard let match = matches.first else {
            throw CommandFailure(
                .usage,
                "\(self.module) defines no function '\(name)': give an index or a name that `mayfly inspect` shows")
        }
        return match
    }

    private func showModule(_ file: ModuleFile, _ module: Module, _ decoded: DecodedModule) {
        print(
            "\(file.path): \(file.bytes.count) bytes\(file.isCompiled ? ", compiled" : file.isSnapshot ? ", a snapshot" : "")"
        )
        if let name = module.name { print("name: \(name)") }

        print("\nsections")
        for section in BinarySection.all(in: module.binary) {
            let size = section.size.description
            print("  \(section.name.padded(20)) \(size.padded(10)) at 0x\(hexadecimal(section.offset))")
        }
        print("\nimports: \(module.imports.count)")
        for entry in module.imports { print("  \(entry.module) \(entry.name): \(entry.type)") }
        print("\nexports: \(module.exports.count)")
        for entry in module.exports { print("  \(entry.name): \(entry.type)") }

        print("\nmemories: \(decoded.memories.count)")
        for (index, memory) in decoded.memories.enumerated() {
            let maximum = memory.limits.maximum.map { "\($0)" } ?? "none"
            print("  \(index): \(memory.limits.minimum) pages of 64 KiB at first, maximum \(maximum)")
            MemoryLayoutReport(decoded, memory: index).show()
        }
        if !decoded.tables.isEmpty { print("\ntables: \(decoded.tables.count)") }
        for (index, table) in decoded.tables.enumerated() {
            let maximum = table.limits.maximum.map { "\($0)" } ?? "none"
            print("  \(index): \(table.limits.minimum) elements of \(table.element.name) at first, maximum \(maximum)")
        }
        print("\ncontext: \(module.contextSize) bytes")
    }

    private func showCode(_ module: Module, _ functions: [Module.CompiledFunction]) {
        if function == nil { print("\ncode: \(module.codeSize) bytes, \(functions.count) functions") }
        print("  \("index".padded(8)) \("offset".padded(10)) \("code".padded(8)) \("body".padded(8)) name")
        for function in functions {
            let columns = [
                function.index.description.padded(8), "0x\(hexadecimal(function.codeRange.lowerBound))".padded(10),
                function.codeRange.count.description.padded(8), function.bodyRange.count.description.padded(8),
                function.name ?? "",
            ]
            print("  " + columns.joined(separator: " "))
        }
    }
}

/// Where the data of a memory lies in its image.
private struct MemoryLayoutReport {
    private var segmentCount = 0
    private var byteCount = 0
    private var bounds: Range<UInt64>?
    private var pages: Set<UInt64> = []
    private var dynamicCount = 0

    init(_ module: DecodedModule, memory: Int) {
        for segment in module.data {
            guard case .active(let index, let offset) = segment.mode, Int(index) == memory else { continue }
            segmentCount += 1
            byteCount += segment.range.count
            guard offset.instructions.count == 1, case .i32(let value)? = offset.instructions.first else {
                // Known when the imports are: a sum, or an imported global.
                dynamicCount += 1
                continue
            }
            guard !segment.range.isEmpty else { continue }
            let start = UInt64(UInt32(bitPattern: value))
            let end = start + UInt64(segment.range.count)
            bounds = min(bounds?.lowerBound ?? start, start)..<max(bounds?.upperBound ?? end, end)
            for page in start / 4096...(end - 1) / 4096 { pages.insert(page) }
        }
    }

    func show() {
        print("     image: \(segmentCount) data segments, \(byteCount) bytes", terminator: "")
        if let bounds {
            print(
                " from 0x\(String(bounds.lowerBound, radix: 16)) to 0x\(String(bounds.upperBound, radix: 16)),",
                "on \(pages.count) pages of 4 KiB", terminator: "")
        }
        print(dynamicCount > 0 ? "; \(dynamicCount) placed when the imports are known" : "")
    }
}

/// A section as it lies in the binary.
private struct BinarySection {
    var name: String
    /// Bytes from the start of the binary to the section's contents.
    var offset: Int
    /// Bytes of the contents.
    var size: Int

    private static let names = [
        "custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code",
        "data",
        "data count", "tag",
    ]

    /// The sections of a module that has been decoded before.
    static func all(in binary: [UInt8]) -> [BinarySection] {
        var sections: [BinarySection] = []
        var position = 8
        func number(at position: inout Int) -> Int? {
            var result = 0
            for shift in stride(from: 0, to: 35, by: 7) {
                guard position < binary.count else { return nil }
                let byte = binary[position]
                position += 1
                result |= Int(byte & 0x7F) << shift
                if byte & 0x80 == 0 { return result }
            }
            return nil
        }
        while position < binary.count {
            let id = Int(binary[position])
            position += 1
            guard let size = number(at: &position), size <= binary.count - position else { break }
            var name = id < names.count ? names[id] : "section \(id)"
            var inner = position
            if id == 0, let length = number(at: &inner), length <= position + size - inner {
                name = "custom \(String(decoding: binary[inner..<inner + length], as: UTF8.self))"
            }
            sections.append(BinarySection(name: name, offset: position, size: size))
            position += size
        }
        return sections
    }
}

func hexadecimal(_ value: Int) -> String { String(value, radix: 16) }

extension String {
    /// With spaces to the right, to this many characters at least.
    func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
