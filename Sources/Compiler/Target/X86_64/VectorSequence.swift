//! Sequences of machine instructions that compute one vector value, written in the order of execution.
//!
//! Selection goes backwards, and a vector instruction often takes several of the machine's. So a sequence is recorded first,
//! its intermediate values named by their steps, and then handed over from its end. Intermediate values are ordinary
//! virtual registers, so that the allocator places them.

import WasmModule

/// What a step reads: a value of the IR, or the result of an earlier step.
struct VectorSource: BitwiseCopyable {
    var id: UInt32
    var isStep: Bool

    @inline(__always) static func value(_ id: UInt32) -> VectorSource { VectorSource(id: id, isStep: false) }
}

struct VectorStep: BitwiseCopyable {
    var machine: MachineInstruction
    var first = VectorSource(id: 0, isStep: false)
    var second = VectorSource(id: 0, isStep: false)
    var third = VectorSource(id: 0, isStep: false)
    var sourceCount: UInt8 = 0
    /// The last source may be in a spill slot.
    var lastMayBeSlot = false
    /// The result is where the first source was. So it is for all that have two, if the encoding has no place for a third.
    var reusesFirst = false
    var resultClass = RegisterClass.vector
    /// A load that the step takes in as its last operand.
    var load = UInt32.max
    var register: UInt32 = 0
    /// A constant that is in the register already.
    var isLoopConstant = false
}

extension InstructionSelector {
    // MARK: Recording

    mutating func append(_ step: VectorStep) -> VectorSource {
        vectorSteps.append(step)
        return VectorSource(id: UInt32(truncatingIfNeeded: vectorSteps.count &- 1), isStep: true)
    }

    mutating func step(
        _ machine: MachineInstruction, _ a: VectorSource, mayBeSlot: Bool = false, result: RegisterClass = .vector
    ) -> VectorSource {
        append(
            VectorStep(machine: machine, first: a, sourceCount: 1, lastMayBeSlot: mayBeSlot, resultClass: result))
    }

    mutating func step(
        _ machine: MachineInstruction, _ a: VectorSource, _ b: VectorSource, mayBeSlot: Bool = false
    ) -> VectorSource {
        append(
            VectorStep(
                machine: machine, first: a, second: b, sourceCount: 2, lastMayBeSlot: mayBeSlot,
                reusesFirst: !module.usesVEX))
    }

    /// With a load in the place of the last source.
    mutating func step(_ machine: MachineInstruction, _ a: VectorSource, load: UInt32) -> VectorSource {
        append(VectorStep(machine: machine, first: a, sourceCount: 1, reusesFirst: !module.usesVEX, load: load))
    }

    mutating func step(_ machine: MachineInstruction, load: UInt32) -> VectorSource {
        append(VectorStep(machine: machine, load: load))
    }

    mutating func constant(_ vector: V128) -> VectorSource {
        append(VectorStep(machine: MachineInstruction(operation: .loadVectorConstant, immediate: place(vector))))
    }

    /// The index of a constant for the emitter.
    mutating func place(_ vector: V128) -> Int64 {
        vectorConstants.append(vector)
        return Int64(vectorConstants.count &- 1)
    }

    mutating func packed(_ operation: VPacked, _ a: VectorSource, _ b: VectorSource) -> VectorSource {
        if !module.usesVEX { return baselinePacked(operation, a, b) }
        if !b.isStep, let vector = constantVector(b.id) { return packed(operation, a, vector) }
        return step(
            MachineInstruction(operation: .vectorBinary, immediate: Int64(operation.rawValue)), a, b, mayBeSlot: true)
    }

    mutating func packed(_ operation: VPacked, _ a: VectorSource, _ b: V128) -> VectorSource {
        if !module.usesVEX { return baselinePacked(operation, a, b) }
        let immediate = Int64(operation.rawValue) | place(b) << 32
        return step(MachineInstruction(operation: .vectorBinaryConstant, immediate: immediate), a)
    }

    mutating func packed(_ operation: VPackedUnary, _ a: VectorSource) -> VectorSource {
        if !module.usesVEX { return baselinePacked(operation, a) }
        return step(
            MachineInstruction(operation: .vectorUnary, immediate: Int64(operation.rawValue)), a, mayBeSlot: true)
    }

    mutating func packed(
        _ operation: VPackedImmediate, _ a: VectorSource, _ b: VectorSource, _ detail: UInt8
    ) -> VectorSource {
        if !module.usesVEX { return baselinePacked(operation, a, b, detail) }
        if !b.isStep, let vector = constantVector(b.id) { return packed(operation, a, vector, detail) }
        return step(
            MachineInstruction(
                operation: .vectorBinaryImmediate, detail: detail, immediate: Int64(operation.rawValue)),
            a, b, mayBeSlot: true)
    }

    mutating func packed(_ operation: VPackedImmediate, _ a: VectorSource, _ b: V128, _ detail: UInt8) -> VectorSource {
        if !module.usesVEX { return baselinePacked(operation, a, b, detail) }
        let immediate = Int64(operation.rawValue) | place(b) << 32
        return step(
            MachineInstruction(operation: .vectorBinaryImmediateConstant, detail: detail, immediate: immediate), a)
    }

    mutating func packed(_ operation: VPackedUnaryImmediate, _ a: VectorSource, _ detail: UInt8) -> VectorSource {
        step(
            MachineInstruction(
                operation: .vectorUnaryImmediate, detail: detail, immediate: Int64(operation.rawValue)),
            a, mayBeSlot: module.usesVEX)
    }

    mutating func shifted(_ operation: VShiftImmediate, _ a: VectorSource, by count: UInt8) -> VectorSource {
        step(
            MachineInstruction(
                operation: .vectorShiftImmediate, detail: count, immediate: Int64(operation.rawValue)), a)
    }

    /// For each byte: b where the byte's sign bit in `mask` is set, else a. Not in the baseline instruction set.
    mutating func blended(_ a: VectorSource, _ b: VectorSource, mask: VectorSource) -> VectorSource {
        append(
            VectorStep(
                machine: MachineInstruction(operation: .vectorBlend), first: a, second: b, third: mask, sourceCount: 3))
    }

    /// ±(a · b) + c. Not in the baseline instruction set.
    mutating func fused(
        _ operation: VFusedMultiplyAdd, _ width: Width, _ a: VectorSource, _ b: VectorSource, _ c: VectorSource
    ) -> VectorSource {
        append(
            VectorStep(
                machine: MachineInstruction(
                    operation: .vectorFused, width: width, immediate: Int64(operation.rawValue)),
                first: c, second: a, third: b, sourceCount: 3, lastMayBeSlot: true, reusesFirst: true))
    }

    // MARK: Handing over

    /// Ends the sequence, whose last step computes `value`.
    mutating func finishSequence(_ value: UInt32) {
        var index = vectorSteps.count
        for position in 0..<index &- 1 {
            let machine = vectorSteps[position].machine
            if machine.operation == .loadVectorConstant,
                let register = loopConstant(vectorConstants[Int(machine.immediate)])
            {
                vectorSteps[position].register = register
                vectorSteps[position].isLoopConstant = true
            } else {
                vectorSteps[position].register = temporary(vectorSteps[position].resultClass)
            }
        }
        vectorSteps[index &- 1].register = register(of: value)
        while index > 0 {
            index &-= 1
            let step = vectorSteps[index]
            if step.isLoopConstant { continue }
            var machine = step.machine
            if step.sourceCount > 0 { read(step.first, step, isLast: step.sourceCount == 1) }
            if step.sourceCount > 1 { read(step.second, step, isLast: step.sourceCount == 2) }
            if step.sourceCount > 2 { read(step.third, step, isLast: true) }
            useLoopConstant(in: &machine)
            if step.load != .max {
                selectAddress(of: step.load, into: &machine)
                takeIn(step.load)
            }
            define(step.register, step.reusesFirst ? .reuse : .register, detail: 0)
            finish(machine)
        }
        vectorSteps.removeAll()
    }

    @inline(__always)
    private mutating func read(_ source: VectorSource, _ step: VectorStep, isLast: Bool) {
        let constraint: Operand.Constraint = isLast && step.lastMayBeSlot ? .any : .register
        if source.isStep {
            operands.append(
                Operand(
                    virtualRegister: vectorSteps[source.id].register, constraint: constraint, role: .use))
        } else {
            use(source.id, constraint)
        }
    }

    @inline(__always)
    func constantVector(_ value: UInt32) -> V128? {
        let instruction = ir[Int(value)]
        return instruction.operation == .vectorConstant ? instruction.vector : nil
    }
}
