//! Real programs decode and validate, and what the operator reader sees of them is consistent.

import Foundation
import TestSupport
import Testing

@testable import WasmModule

@Suite struct RealModuleTests {
    static let folders = ["corpus", "sightglass", "wasi-testsuite"]

    @Test(.needs("corpus", "sightglass", "wasi-testsuite"), arguments: folders)
    func everyModuleIsValid(folder: String) throws {
        for url in try TestData.files(in: folder, withExtension: "wasm") {
            do {
                let module = try validate(try TestData.bytes(at: url))
                #expect(module.bodies.count + module.importedFunctionCount == module.functions.count)
            } catch {
                Issue.record("\(url.lastPathComponent): \(error)")
            }
        }
    }

    /// The unchecked reader must agree with the checked one on every instruction of every body.
    @Test(.needs("corpus", "sightglass", "wasi-testsuite"), arguments: folders)
    func operatorReaderEndsWhereTheBodyEnds(folder: String) throws {
        for url in try TestData.files(in: folder, withExtension: "wasm") {
            let module = try validate(try TestData.bytes(at: url))
            module.bytes.withUnsafeBufferPointer { buffer in
                for (index, body) in module.bodies.enumerated() {
                    var reader = OperatorReader(body: body, in: buffer.baseAddress!)
                    let ended = skipBody(&reader)
                    if !ended || !reader.atEnd || reader.position != body.range.count {
                        Issue.record("\(url.lastPathComponent): body \(index) is misread at \(reader.position)")
                    }
                }
            }
        }
    }

    @Test(.needs("corpus"))
    func namesAreRead() throws {
        let module = try validate(try TestData.bytes("corpus/qjs.wasm"))
        for name in module.names.functions.values { #expect(!name.isEmpty) }
        #expect(module.exports.contains { $0.name == "memory" && $0.kind == .memory })
        #expect(module.exports.contains { $0.name == "_start" && $0.kind == .function })
    }

    @Test(.needs("corpus"))
    func bodiesValidateInParallel() async throws {
        let module = try DecodedModule(decoding: try TestData.bytes("corpus/qjs.wasm"))
        let workers = 4
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var validator = FunctionValidator(module: module)
                    for index in stride(from: worker, to: module.bodies.count, by: workers) {
                        try validator.validate(body: index)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Prints, but does not judge: times of shared machines prove nothing. Meaningful in a release build.
    @Test(.needs("corpus"))
    func throughput() throws {
        for name in ["corpus/qjs.wasm", "corpus/speedtest1.wasm"] {
            let bytes = try TestData.bytes(name)
            var decoding = Duration.seconds(1000)
            var validation = Duration.seconds(1000)
            var code = 0
            for _ in 0..<5 {
                let clock = ContinuousClock()
                let start = clock.now
                let module = try DecodedModule(decoding: bytes)
                let middle = clock.now
                try module.validateBodies()
                decoding = min(decoding, middle - start)
                validation = min(validation, clock.now - middle)
                code = module.bodies.reduce(0) { $0 + $1.range.count }
            }
            print(
                "\(name): decoding \(decoding) (\(bytes.count) bytes), validation \(validation) "
                    + "(\(code) bytes of code, \(Int(Double(code) / (validation / .seconds(1)) / 1e6)) MB/s)")
        }
    }
}

/// Reads a body to its last `end`, instruction by instruction. False when something in it is no instruction.
func skipBody(_ reader: inout OperatorReader) -> Bool {
    for _ in 0..<reader.readLocalRunCount() { _ = reader.readLocalRun() }
    var depth = 1
    while depth > 0 {
        guard let opcode = reader.readOpcode() else { return false }
        switch opcode {
        case .block, .loop, .if:
            _ = reader.readBlockType()
            depth += 1
        case .end: depth -= 1
        case .br, .brIf, .call, .returnCall, .localGet, .localSet, .localTee, .globalGet, .globalSet, .tableGet,
            .tableSet, .refFunc,
            .memorySize, .memoryGrow:
            _ = reader.readU32()
        case .brTable: for _ in 0...reader.readU32() { _ = reader.readU32() }
        case .callIndirect, .returnCallIndirect:
            _ = reader.readU32()
            _ = reader.readU32()
        case .selectTyped: for _ in 0..<reader.readU32() { _ = reader.readValueType() }
        case .i32Const: _ = reader.readS32()
        case .i64Const: _ = reader.readS64()
        case .f32Const: _ = reader.readF32Bits()
        case .f64Const: _ = reader.readF64Bits()
        case .refNull: _ = reader.readValueType()
        case .i32Load, .i64Load, .f32Load, .f64Load, .i32Load8S, .i32Load8U, .i32Load16S, .i32Load16U, .i64Load8S,
            .i64Load8U, .i64Load16S, .i64Load16U, .i64Load32S, .i64Load32U, .i32Store, .i64Store, .f32Store, .f64Store,
            .i32Store8, .i32Store16, .i64Store8, .i64Store16, .i64Store32:
            _ = reader.readMemoryArgument()
        case .prefixFC:
            guard let prefixed = reader.readOpcodeFC() else { return false }
            switch prefixed {
            case .memoryInit, .memoryCopy, .tableInit, .tableCopy:
                _ = reader.readU32()
                _ = reader.readU32()
            case .dataDrop, .memoryFill, .elemDrop, .tableGrow, .tableSize, .tableFill: _ = reader.readU32()
            default: break
            }
        case .prefixFD:
            guard let vector = VectorOpcode(rawValue: UInt16(clamping: reader.readVectorCode())) else { return false }
            skipImmediates(of: vector, &reader)
        default: break
        }
    }
    return true
}

private func skipImmediates(of vector: VectorOpcode, _ reader: inout OperatorReader) {
    switch VectorSignature(vector).immediates {
    case .none: break
    case .memory: _ = reader.readMemoryArgument()
    case .memoryAndLane:
        _ = reader.readMemoryArgument()
        _ = reader.readLane()
    case .lane: _ = reader.readLane()
    case .constant, .shuffle: _ = reader.readV128()
    }
}
