//! Vector constants that loops keep in registers.
//!
//! A table for `pshufb`, a mask to shift and what else must be a first source needs an instruction at each use; what can be an
//! operand in memory needs a load, of which a processor starts two or three in a cycle. In a loop, both are better before it.
//! So such a constant gets one register for all its uses in a loop, and is loaded at the end of the block that enters the
//! loop: the only one which does, so it comes before each use. Selection goes backwards and meets the uses first.
//!
//! The innermost loop counts, so that live ranges stay short, and there are at most as many as leave registers for what the
//! loop computes. If that was too many, one is spilled, and its slot is read instead of the constant.

import WasmModule

/// A constant in a register throughout a loop.
struct LoopConstant: BitwiseCopyable {
    var vector: V128
    var register: UInt32
    /// The next one of the same loop + 1, or 0.
    var next: UInt32
}

extension InstructionSelector {
    /// At most so many for a loop. An operand that could be in memory leaves some to those that cannot.
    private static var most: Int { 8 }
    private static var mostWithOperands: Int { 6 }
    /// Of the machine's, without the scratch register and those that hold intermediate values of a sequence.
    private static var registersOfLoops: Int { 11 }

    /// In the place of the output block that enters a loop, where there are several ways.
    private static var severalEntries: UInt32 { .max - 1 }

    /// The register that has `vector` throughout the loop of the block at hand, or nil if it is better made at its use.
    ///
    /// - Parameter isOperand: whether it could be an operand in memory.
    mutating func loopConstant(_ vector: V128, isOperand: Bool = false) -> UInt32? {
        guard currentLoop != 0, experiment.has(.loopConstants) else { return nil }
        // Of zeros or ones alone: where it is to be in a register of its own, an instruction without an operand makes it.
        if !isOperand && vector.low == vector.high && (vector.low == 0 || vector.low == .max) { return nil }
        let header = currentLoop &- 1
        var count = 0
        var index = firstLoopConstants[header]
        while index != 0 {
            let constant = loopConstants[index &- 1]
            if constant.vector == vector { return constant.register }
            index = constant.next
            count += 1
        }
        let room = Int(loopRoom[header])
        guard count < (isOperand ? min(room, Self.mostWithOperands) : room) else { return nil }
        let register = temporary(.vector)
        loopConstants.append(
            LoopConstant(vector: vector, register: register, next: firstLoopConstants[header]))
        firstLoopConstants[header] = UInt32(loopConstants.count)
        return register
    }

    /// Lets `machine`, if its last operand is a constant in memory that the loop keeps, have that operand in a register.
    mutating func useLoopConstant(in machine: inout MachineInstruction) {
        // The legacy encoding could not have the register in a spill slot instead, which need not be aligned.
        guard module.usesVEX else { return }
        let operation: MachineOperation
        switch machine.operation {
        case .vectorBinaryConstant: operation = .vectorBinary
        case .vectorBinaryImmediateConstant: operation = .vectorBinaryImmediate
        default: return
        }
        guard let register = loopConstant(vectorConstants[Int(machine.immediate >> 32)], isOperand: true) else {
            return
        }
        machine.operation = operation
        machine.immediate &= 0xFFFF_FFFF
        operands.append(Operand(virtualRegister: register, constraint: .any, role: .use))
    }

    private func vectorParameters(of block: UInt32) -> Int {
        let first = irBlocks[Int(block)].first
        var count = 0
        for index in 0..<irBlocks[Int(block)].parameterCount {
            let parameter = ir[Int(first &+ index)]
            if parameter.operation == .parameter && parameter.type.registerClass == .vector { count += 1 }
        }
        return count
    }

    /// The loop of a block in which constants may be kept, as 1 + its header, or 0.
    func loopForConstants(_ block: UInt32) -> UInt32 {
        let loop = irBlocks[Int(block)].loop
        return loop != 0 && !irBlocks[Int(block)].isCold && loopRoom[loop &- 1] > 0 ? loop : 0
    }

    /// Loads what the loop keeps that `block`, an output block whose terminator has been selected, enters with `edge`.
    mutating func loadLoopConstants(entering edge: UInt32, from block: Int) {
        let target = edges[Int(edge)].target
        guard loopEntries[target] == UInt32(block) else { return }
        var index = firstLoopConstants[target]
        while index != 0 {
            let constant = loopConstants[index &- 1]
            var machine = MachineInstruction(operation: .loadVectorConstant)
            machine.immediate = place(constant.vector)
            define(constant.register, .register)
            finish(machine)
            index = constant.next
        }
    }

    /// Notes for each loop the output block that enters it, and if it is only one, for how many constants there is room.
    mutating func findLoopEntries() {
        loopEntries.reset(to: .max, count: irBlockCount)
        loopRoom.reset(to: 0, count: irBlockCount)
        firstLoopConstants.reset(to: 0, count: irBlockCount)
        loopConstants.removeAll()
        for block in 0..<irBlockCount {
            // All edges into a loop come from blocks before its header, so they have been seen, but for those back to it.
            if irBlocks[block].isLoopHeader, loopEntries[block] < Self.severalEntries {
                let room = Self.registersOfLoops - vectorParameters(of: UInt32(block))
                loopRoom[block] = UInt8(max(min(room, Self.most), 0))
            }
            let range = edgeRange(ir[Int(irBlocks[block].end) - 1])
            for index in 0..<range.count {
                let edge = edge(range, index)
                let target = edges[Int(edge)].target
                guard irBlocks[Int(target)].isLoopHeader, target > UInt32(block) else { continue }
                let entry = range.count == 1 ? blockNumbers[block] : edgeTargets[edge]
                if entry == blockNumbers[target] || (loopEntries[target] != .max && loopEntries[target] != entry) {
                    loopEntries[target] = Self.severalEntries
                } else {
                    loopEntries[target] = entry
                }
            }
        }
    }
}
