//! A random module and what is done with it, whoever made it.
//!
//! All is read off the module: its imports are functions of the host, its exports are called and looked at. So
//! what makes modules has to know nothing of how they are compared.

import TestSupport
import WasmModule

struct FuzzedProgram {
    struct Function {
        var name: String
        var type: FunctionType
    }

    struct Global {
        var name: String
        var type: ValueType
    }

    /// What the program was made from, and its arguments and the host's answers are.
    let number: UInt64
    let bytes: [UInt8]
    /// In the order of the module.
    private(set) var imports: [(module: String, function: Function)] = []
    /// The exports to be called. Those that take or return references are not among them: the engines' cannot be
    /// compared.
    private(set) var functions: [Function] = []
    /// An export to be called before each of them.
    private(set) var preparation: Function?
    private(set) var globals: [Global] = []
    /// The export that is the memory.
    private(set) var memory: String?

    /// In pages. All of a memory is read after each call, in each way.
    private static let largestMemory: UInt64 = 256

    /// - Throws: `ProgramSkipped` if it asks for what the hosts do not have, or for too much; `WasmError` if it is no
    ///   module.
    init(number: UInt64, bytes: [UInt8]) throws {
        self.number = number
        self.bytes = bytes
        let module = try DecodedModule(decoding: bytes)
        for item in module.imports {
            guard case .function(let index) = item.type, !module.types[Int(index)].hasReferences else {
                throw ProgramSkipped("imports other things than functions of numbers")
            }
            imports.append((item.module, Function(name: item.name, type: module.types[Int(index)])))
        }
        for export in module.exports {
            switch export.kind {
            case .function:
                let function = Function(name: export.name, type: module.functionType(export.index))
                // By this name Binaryen exports what sets back the number of calls and rounds that may still be made.
                if function.name == "hangLimitInitializer" {
                    preparation = function
                } else if !function.type.hasReferences {
                    functions.append(function)
                }
            case .global:
                let type = module.globals[Int(export.index)].value
                if !type.isReference { globals.append(Global(name: export.name, type: type)) }
            case .memory:
                guard module.memories[Int(export.index)].limits.maximum ?? .max <= Self.largestMemory else {
                    throw ProgramSkipped("may have a large memory")
                }
                memory = export.name
            case .table: break
            }
        }
    }
}

/// A program that is not compared, and why: reasons are counted, so they are few.
struct ProgramSkipped: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

extension FunctionType {
    fileprivate var hasReferences: Bool { (parameters + results).contains { $0.isReference } }
}

extension ValueType {
    /// A value near one where behaviour changes, as the cells it takes in a call.
    func interestingCells(_ random: inout SeededGenerator) -> V128 {
        guard self == .v128 else { return V128(low: ModuleGenerator.interestingBits(self, &random)) }
        func half() -> UInt64 {
            switch random.below(3) {
            case 0: return ModuleGenerator.interestingBits(.i64, &random)
            case 1: return ModuleGenerator.interestingBits(.f64, &random)
            default:
                let low = ModuleGenerator.interestingBits(.f32, &random)
                return ModuleGenerator.interestingBits(.f32, &random) << 32 | low
            }
        }
        return V128(low: half(), high: half())
    }
}
