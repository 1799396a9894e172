//! The text form of a function, for tests and for reading while debugging.
//!
//! ```
//! function 3 type 1
//! block0(v0: i32, v1: i32):
//!     v2 = add.i32 v0, v1
//!     v3 = compare.i32 v2 lessSigned v0
//!     branch v3, block1(v2), block2
//! ```
//! Removed instructions are left out; the argument for a removed parameter is printed as `_`.

import WasmModule

struct IRPrinter {
    /// The text of a whole function.
    static func text(_ function: borrowing IRFunction) -> String {
        var text = "function \(function.functionIndex) type \(function.typeIndex)\n"
        for index in 0..<function.blocks.count {
            let block = function.blocks[index]
            text += "block\(index)"
            let parameters = (block.first..<block.first + block.parameterCount).compactMap { id -> String? in
                let parameter = function.instructions[id]
                return parameter.operation == .nop ? nil : "v\(id): \(parameter.type)"
            }
            if !parameters.isEmpty { text += "(" + parameters.joined(separator: ", ") + ")" }
            text += ":"
            var notes: [String] = []
            if block.isLoopHeader { notes.append("loop") }
            if block.loopDepth > 0 { notes.append("depth \(block.loopDepth)") }
            if block.isCold { notes.append("cold") }
            if !notes.isEmpty { text += " ; " + notes.joined(separator: ", ") }
            text += "\n"
            for id in block.first + block.parameterCount..<block.end where function.instructions[id].operation != .nop {
                text += "    " + line(id, in: function) + "\n"
            }
        }
        return text
    }

    /// The text of one instruction.
    static func line(_ id: UInt32, in function: borrowing IRFunction) -> String {
        let instruction = function.instructions[id]
        let body = right(instruction, in: function)
        return instruction.type == .none ? body : "v\(id) = \(body)"
    }

    private static func right(_ i: IRInstruction, in function: borrowing IRFunction) -> String {
        let name = "\(i.operation).\(i.type)"
        switch i.operation {
        case .nop: return "nop"
        case .parameter: return "\(name) block\(i.a) #\(i.b)"
        case .integerConstant:
            let value =
                i.type == .i32 ? Int64(Int32(truncatingIfNeeded: i.constantBits)) : Int64(bitPattern: i.constantBits)
            return "constant.\(i.type) \(value)"
        case .floatConstant:
            let value = i.type == .f32 ? "\(Float(bitPattern: i.a))" : "\(Double(bitPattern: i.constantBits))"
            return "constant.\(i.type) \(value)"
        case .vectorConstant: return "constant.v128 \(i.vector)"
        case .vectorUnary, .vectorBinary, .vectorTernary:
            var operands: [String] = []
            function.forEachOperand(of: i) { operands.append("v\($0)") }
            let lane = VectorSignature(i.vectorOpcode).immediates == .lane ? " lane \(i.c)" : ""
            return "\(i.vectorOpcode)\(lane) \(operands.joined(separator: ", "))"
        case .result: return "\(name) v\(i.a) #\(i.b)"
        case .functionReference: return "functionReference \(i.a)"
        case .integerCompare:
            return "compare.\(function.instructions[i.a].type) v\(i.a) \(i.integerCondition) v\(i.b)"
        case .floatCompare:
            return "compare.\(function.instructions[i.a].type) v\(i.a) \(i.floatCondition) v\(i.b)"
        case .load: return "load.\(i.type) \(i.memoryAccess) memory\(i.c)[v\(i.a) + \(i.b)]"
        case .store: return "store \(i.memoryAccess) memory\(i.d)[v\(i.a) + \(i.c)] = v\(i.b)"
        case .memorySize: return "memorySize \(i.a)"
        case .globalGet: return "globalGet \(i.a)"
        case .globalSet: return "globalSet \(i.b) = v\(i.a)"
        case .tableSize: return "tableSize \(i.a)"
        case .tableGet: return "tableGet table\(i.b)[v\(i.a)]"
        case .tableSet: return "tableSet table\(i.c)[v\(i.a)] = v\(i.b)"
        case .payFuel, .checkFuel, .settleFuel: return "\(i.operation) v\(i.a) - \(i.b)"
        case .call, .tailCall: return "\(i.operation) function\(i.a)(\(values(i.b, i.c, in: function)))"
        case .callIndirect, .tailCallIndirect:
            return "\(i.operation) table\(function.lists[i.a + 1])[v\(function.lists[i.a])] type \(i.d) "
                + "(\(values(i.a + 2, i.b, in: function)))"
        case .callRuntime:
            let callee = RuntimeFunction(rawValue: i.a).map { "\($0)" } ?? "\(i.a)"
            return "callRuntime \(callee)(\(values(i.b, i.c, in: function)))"
        case .jump: return "jump \(edge(i.a, in: function))"
        case .branch: return "branch v\(i.a), \(edge(i.b, in: function)), \(edge(i.c, in: function))"
        case .branchTable:
            return "branchTable v\(i.a), " + (i.b..<i.b + i.c).map { edge($0, in: function) }.joined(separator: ", ")
        case .return: return i.b == 0 ? "return" : "return \(values(i.a, i.b, in: function))"
        case .trap: return "trap \(TrapCode(rawValue: i.flags).map { "\($0)" } ?? "\(i.flags)")"
        case .tryCall, .tryCallIndirect:
            var edges: [String] = []
            function.forEachEdge(of: i) { edges.append(edge($0, in: function)) }
            let callee =
                i.operation == .tryCall
                ? "function\(i.a)(\(values(i.b, i.c, in: function)))"
                : "table\(function.lists[i.b + 1])[v\(function.lists[i.b])](\(values(i.b + 2, i.c, in: function)))"
            return "\(i.operation) \(callee) type \(function.lists[i.d]), \(edges.joined(separator: ", "))"
        case .throw: return "throw tag\(i.a)(\(values(i.b, i.c, in: function)))"
        default:
            var operands: [String] = []
            function.forEachOperand(of: i) { operands.append("v\($0)") }
            return "\(name) \(operands.joined(separator: ", "))"
        }
    }

    private static func values(_ first: UInt32, _ count: UInt32, in function: borrowing IRFunction) -> String {
        (first..<first + count).map { "v\(function.lists[$0])" }.joined(separator: ", ")
    }

    private static func edge(_ index: UInt32, in function: borrowing IRFunction) -> String {
        let edge = function.edges[index]
        guard edge.argumentCount > 0, edge.target < function.blocks.count else { return "block\(edge.target)" }
        let first = function.blocks[edge.target].first
        let arguments = (0..<edge.argumentCount).map { position in
            function.instructions[first + position].operation == .nop
                ? "_" : "v\(function.lists[edge.firstArgument + position])"
        }
        return "block\(edge.target)(\(arguments.joined(separator: ", ")))"
    }
}
