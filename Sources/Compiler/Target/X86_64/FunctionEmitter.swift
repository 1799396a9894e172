//! Emission: machine instructions with their allocations become bytes.
//!
//! This file has the function's frame, block layout, moves and bookkeeping; how each operation is encoded is in the
//! extensions. Rare paths (traps, special cases of sequences) are collected and placed behind the function's last block.
//!
//! Frame, downwards from the frame pointer: saved rbp (at rbp), callee-saved registers, spill slots; below them the areas
//! that calls with stack arguments make and remove. Everything is addressed from rbp, so the stack pointer may move.
//! No red zone: nothing below the stack pointer is ever in use.

import WasmModule

struct FunctionEmitter: ~Copyable {
    struct TrapSite: BitwiseCopyable {
        var offset: UInt32
        var code: TrapCode
    }
    struct SourceSite: BitwiseCopyable {
        var offset: UInt32
        var source: UInt32
    }
    /// Code to place behind the function.
    struct OutOfLine: BitwiseCopyable {
        enum Kind: UInt8 {
            case trap
            case minimumMaximumUnordered, minimumMaximumEqual
            case remainderByMinusOne
            case convertFromUnsigned64
            case truncate, truncateUnsigned64Big, truncateUnsigned64Bad
            case nextSlice
        }
        var kind: Kind
        var trap: TrapCode = .unreachable
        var label: Label
        /// Where to continue.
        var back: Label
        var instruction: UInt32
        var source: UInt32
    }

    /// After the instruction that ends at `position` the zero flag says whether `register` is 0.
    struct ZeroFlag: BitwiseCopyable {
        var position: UInt32
        var register: UInt8
        var width: Width
    }

    /// External symbols beyond the functions of the module.
    enum Stub: UInt32 {
        case runtimeCall = 0
    }

    var assembler: Assembler
    var traps = Vector<TrapSite>(capacity: 256)
    var sources = Vector<SourceSite>(capacity: 256)
    var outOfLine = Vector<OutOfLine>(capacity: 128)
    private(set) var zeroFlag = ZeroFlag(position: .max, register: 0, width: .w32)
    private var pendingTables = Vector<(label: Label, first: UInt32, count: UInt32)>(capacity: 8)
    private var resolvedBlocks = Vector<UInt32>(capacity: 64)
    private var isThreaded = Vector<UInt8>(capacity: 64)
    private var order = Vector<UInt32>(capacity: 64)
    private var firstBlockLabel: UInt32 = 0

    let module: ModuleContext
    let layout: VMContextLayout

    // Views of the function being emitted.
    var instructions: UnsafeMutablePointer<MachineInstruction>
    var vectorConstants: UnsafeMutablePointer<V128>
    private var operandStart: UnsafeMutablePointer<UInt32>
    private var operands: UnsafeMutablePointer<Operand>
    private var allocations: UnsafeMutablePointer<Allocation>
    private var savedBytes: Int32 = 0
    private(set) var frameBytes: Int32 = 0
    private var calleeSaved: UInt32 = 0
    private(set) var incomingArgumentBytes: Int32 = 0
    var experiment = FunctionExperiment()
    /// By ascending offset; empty unless the settings ask for it.
    private(set) var origins = Vector<CodeOrigin>()

    init(module: ModuleContext, layout: VMContextLayout) {
        assembler = Assembler(capacity: 1 << 16, usesVEX: module.usesVEX)
        self.module = module
        self.layout = layout
        // Replaced by `emit`; stand-ins keep the fields free of optionals.
        instructions = UnsafeMutablePointer(bitPattern: 64)!
        vectorConstants = UnsafeMutablePointer(bitPattern: 64)!
        operandStart = UnsafeMutablePointer(bitPattern: 64)!
        operands = UnsafeMutablePointer(bitPattern: 64)!
        allocations = UnsafeMutablePointer(bitPattern: 64)!
    }

    /// Emits one function at the start of the (reset) assembler.
    mutating func emit(_ function: borrowing SelectedFunction, _ allocation: borrowing AllocationOutput) {
        assembler.reset()
        origins.removeAll()
        assembler.experiment = experiment
        assembler.chaos = experiment.chaos(salt: 2)
        traps.removeAll()
        sources.removeAll()
        outOfLine.removeAll()
        pendingTables.removeAll()
        zeroFlag.position = .max
        instructions = function.instructions.base
        vectorConstants = function.vectorConstants.base
        operandStart = function.input.operandStart.base
        operands = function.input.operands.base
        allocations = allocation.allocations.base
        calleeSaved = allocation.calleeSavedUsed
        savedBytes = Int32(calleeSaved.nonzeroBitCount) * 8
        frameBytes = (savedBytes + Int32(allocation.slotCount) * 8 + 15) & ~15
        incomingArgumentBytes = function.incomingArgumentBytes

        layOut(function, allocation)
        firstBlockLabel = assembler.newLabels(function.input.blocks.count).id
        noteOrigin(instructions[0].source)
        emitPrologue(function)
        var position = 0
        while position < order.count {
            let block = order[position]
            position += 1
            let next = position < order.count ? order[position] : UInt32.max
            emitBlock(block, next: next, function, allocation)
        }
        emitOutOfLine()
        emitTables(function)
        assembler.finish()
        // `finish` shortens jumps, which moves what follows them.
        for index in 0..<traps.count { traps[index].offset = assembler.adjusted(traps[index].offset) }
        for index in 0..<sources.count { sources[index].offset = assembler.adjusted(sources[index].offset) }
        for index in 0..<origins.count { origins[index].code = assembler.adjusted(origins[index].code) }
    }

    // MARK: Block layout

    /// Decides the order of blocks and which ones are only detours.
    private mutating func layOut(
        _ function: borrowing SelectedFunction, _ allocation: borrowing AllocationOutput
    ) {
        let count = function.input.blocks.count
        isThreaded.removeAll()
        var move = 0
        for number in 0..<count {
            let block = function.input.blocks[number]
            while move < allocation.moves.count, allocation.moves[move].position < block.firstInstruction { move += 1 }
            let hasMoves = move < allocation.moves.count && allocation.moves[move].position < block.endInstruction
            let isDetour =
                number != 0 && block.endInstruction &- block.firstInstruction == 1 && !hasMoves
                && experiment.has(.jumpThreading) && function.instructions[block.firstInstruction].operation == .jump
            isThreaded.append(isDetour ? 1 : 0)
        }
        resolvedBlocks.removeAll()
        for number in 0..<count {
            var target = UInt32(number)
            var steps = 0
            while isThreaded[target] != 0, steps < 8 {
                target = function.input.successors[function.input.blocks[target].firstSuccessor]
                steps += 1
            }
            // An empty loop never ends its chain: its blocks stay as they are.
            resolvedBlocks.append(isThreaded[target] != 0 ? UInt32(number) : target)
        }
        order.removeAll()
        let coldComesLast = experiment.has(.coldLayout)
        for number in 0..<count
        where resolvedBlocks[number] == UInt32(number) && !(function.input.blocks[number].isCold && coldComesLast) {
            order.append(UInt32(number))
        }
        guard coldComesLast else { return }
        // The entry comes first even if all there is to do is to trap.
        if function.input.blocks[0].isCold {
            let hot = order.count
            order.append(0)
            var index = hot
            while index > 0 {
                order[index] = order[index - 1]
                index -= 1
            }
            order[0] = 0
        }
        for number in 1..<max(count, 1)
        where resolvedBlocks[number] == UInt32(number) && function.input.blocks[number].isCold {
            order.append(UInt32(number))
        }
    }

    @inline(__always)
    func label(_ block: UInt32) -> Label { Label(id: firstBlockLabel &+ resolvedBlocks[block]) }

    private mutating func emitBlock(
        _ number: UInt32, next: UInt32, _ function: borrowing SelectedFunction, _ allocation: borrowing AllocationOutput
    ) {
        assembler.bind(Label(id: firstBlockLabel &+ number))
        zeroFlag.position = .max
        let block = function.input.blocks[number]
        var move = firstMove(allocation, atOrAfter: block.firstInstruction)
        for index in block.firstInstruction..<block.endInstruction {
            noteOrigin(instructions[Int(index)].source)
            while move < allocation.moves.count, allocation.moves[move].position == index {
                emitMove(allocation.moves[move])
                move += 1
            }
            let instruction = instructions[Int(index)]
            if index == block.endInstruction &- 1 {
                emitTerminator(instruction, index, next: next, block, function)
            } else {
                emit(instruction, index)
            }
        }
    }

    /// Binary search: blocks are not emitted in order.
    private func firstMove(_ allocation: borrowing AllocationOutput, atOrAfter position: UInt32) -> Int {
        var low = 0
        var high = allocation.moves.count
        while low < high {
            let middle = (low + high) / 2
            if allocation.moves[middle].position < position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Operands

    @inline(__always)
    func allocation(_ instruction: UInt32, _ operand: Int) -> Allocation {
        allocations[Int(operandStart[Int(instruction)]) + operand]
    }

    /// The hardware number of the register an operand is in.
    @inline(__always)
    func register(_ instruction: UInt32, _ operand: Int) -> UInt8 {
        let place = allocation(instruction, operand)
        assert(place.isRegister)
        return place.register.hardware
    }

    @inline(__always)
    func isSlot(_ instruction: UInt32, _ operand: Int) -> Bool { allocation(instruction, operand).isSlot }

    @inline(__always)
    func operandCount(_ instruction: UInt32) -> Int {
        Int(operandStart[Int(instruction) + 1] &- operandStart[Int(instruction)])
    }

    /// The first operand of this role.
    func operand(of instruction: UInt32, role: Operand.Role) -> Int {
        let start = Int(operandStart[Int(instruction)])
        for index in 0..<operandCount(instruction) where operands[start + index].role == role { return index }
        preconditionFailure("no operand of that role")
    }

    @inline(__always)
    func slot(_ allocation: Allocation, isVector: Bool = false) -> Memory {
        // The upper bound of frames is checked by `FunctionCompiler`.
        let index = Int32(truncatingIfNeeded: allocation.slot) &+ (isVector ? 1 : 0)
        return .base(X86_64.rbp, 0 &- savedBytes &- 8 &* (index &+ 1))
    }

    @inline(__always)
    func slot(_ instruction: UInt32, _ operand: Int) -> Memory { slot(allocation(instruction, operand)) }

    /// The slot of an operand of 16 bytes.
    @inline(__always)
    func vectorSlot(_ instruction: UInt32, _ operand: Int) -> Memory {
        slot(allocation(instruction, operand), isVector: true)
    }

    /// Memory in the area the caller made.
    @inline(__always)
    func incoming(_ displacement: Int32) -> Memory { .base(X86_64.rbp, 16 &+ displacement) }

    // MARK: Moves

    mutating func emitMove(_ move: AllocationMove) {
        if move.from == move.to { return }
        if move.registerClass == .integer {
            if move.from.isRegister && move.to.isRegister {
                assembler.mov(.w64, move.to.register.hardware, move.from.register.hardware)
            } else if move.from.isRegister {
                assembler.mov(.w64, slot(move.to), move.from.register.hardware)
            } else {
                assembler.mov(.w64, move.to.register.hardware, slot(move.from))
            }
            return
        }
        let isVector = move.registerClass == .vector
        if move.from.isRegister && move.to.isRegister {
            assembler.vmovaps(move.to.register.hardware, move.from.register.hardware)
        } else if move.from.isRegister {
            let memory = slot(move.to, isVector: isVector)
            if isVector {
                assembler.vmovups(memory, move.from.register.hardware)
            } else {
                assembler.vmovs(.f64, memory, move.from.register.hardware)
            }
        } else {
            let memory = slot(move.from, isVector: isVector)
            if isVector {
                assembler.vmovups(move.to.register.hardware, memory)
            } else {
                assembler.vmovs(.f64, move.to.register.hardware, memory)
            }
        }
    }

    // MARK: Frame

    /// A leaf with a smaller frame starts without looking at the stack limit; the reserve below it has room for this.
    static var uncheckedLeafBytes: Int32 { 512 }
    /// A smaller frame is checked by the stack pointer alone.
    static var uncheckedFrameBytes: Int32 { 2048 }

    private mutating func emitPrologue(_ function: borrowing SelectedFunction) {
        assembler.push(X86_64.rbp)
        assembler.mov(.w64, X86_64.rbp, X86_64.rsp)
        let needed = frameBytes &+ function.outgoingBytes
        if function.hasCalls || needed > Self.uncheckedLeafBytes {
            let source = instructions[0].source
            if needed <= Self.uncheckedFrameBytes {
                assembler.alu(.cmp, .w64, X86_64.rsp, .base(X86_64.context, Int32(VMContextLayout.stackLimit)))
            } else {
                assembler.lea(.w64, X86_64.scratch, .base(X86_64.rsp, -needed))
                assembler.alu(.cmp, .w64, X86_64.scratch, .base(X86_64.context, Int32(VMContextLayout.stackLimit)))
            }
            trap(.callStackExhausted, if: .below, source: source)
        }
        if frameBytes > 0 { assembler.alu(.sub, .w64, X86_64.rsp, imm: frameBytes) }
        var offset: Int32 = 0
        var saved = calleeSaved
        while saved != 0 {
            offset &-= 8
            assembler.mov(
                .w64, .base(X86_64.rbp, offset), UInt8(truncatingIfNeeded: saved.trailingZeroBitCount))
            saved &= saved &- 1
        }
    }

    /// The caller's registers, from where the prologue put them.
    mutating func emitRestore() {
        var offset: Int32 = 0
        var saved = calleeSaved
        while saved != 0 {
            offset &-= 8
            assembler.mov(
                .w64, UInt8(truncatingIfNeeded: saved.trailingZeroBitCount), .base(X86_64.rbp, offset))
            saved &= saved &- 1
        }
    }

    mutating func emitReturn() {
        emitRestore()
        if frameBytes > 0 { assembler.leave() } else { assembler.pop(X86_64.rbp) }
        if incomingArgumentBytes > 0 {
            assembler.ret(popping: UInt16(incomingArgumentBytes))
        } else {
            assembler.ret()
        }
    }

    // MARK: Records

    /// Says that the arithmetic just emitted set the zero flag by its result. Anything emitted after it, and any label bound
    /// there, makes that worthless; the position sees to the first, `emitBlock` to the second.
    @inline(__always)
    mutating func noteZeroFlag(_ register: UInt8, _ width: Width) {
        zeroFlag = ZeroFlag(position: assembler.position, register: register, width: width)
    }

    /// Says that a fault at the next instruction is this trap.
    ///
    /// Sources are looked up by offset alone. After a call the offset is its return address, so the instruction moves on.
    @inline(__always)
    mutating func mayTrap(_ code: TrapCode, source: UInt32) {
        if sources.count > 0, sources[sources.count &- 1].offset == assembler.position { assembler.nop() }
        traps.append(TrapSite(offset: assembler.position, code: code))
        sources.append(SourceSite(offset: assembler.position, source: source))
    }

    /// Says that the call just emitted returns here.
    @inline(__always)
    mutating func didCall(source: UInt32) {
        sources.append(SourceSite(offset: assembler.position, source: source))
    }

    /// Says that what comes next was made for an operator.
    @inline(__always)
    private mutating func noteOrigin(_ source: UInt32) {
        guard module.settings.keepsOrigins, origins.isEmpty || origins[origins.count - 1].source != source else {
            return
        }
        origins.append(CodeOrigin(code: assembler.position, source: source))
    }

    /// Traps if the condition holds.
    mutating func trap(_ code: TrapCode, if condition: Condition, source: UInt32) {
        let label = assembler.newLabel()
        assembler.jcc(condition, label)
        outOfLine.append(
            OutOfLine(kind: .trap, trap: code, label: label, back: label, instruction: 0, source: source))
    }

    /// Code behind the function at the returned label; it continues at `back`.
    mutating func detour(_ kind: OutOfLine.Kind, _ instruction: UInt32, back: Label) -> Label {
        let label = assembler.newLabel()
        outOfLine.append(
            OutOfLine(
                kind: kind, label: label, back: back, instruction: instruction,
                source: instructions[Int(instruction)].source))
        return label
    }

    private mutating func emitOutOfLine() {
        // Detours may add traps.
        var index = 0
        while index < outOfLine.count {
            let item = outOfLine[index]
            assembler.bind(item.label)
            noteOrigin(item.source)
            if item.kind == .trap {
                mayTrap(item.trap, source: item.source)
                assembler.ud2()
            } else {
                emitDetour(item)
            }
            index += 1
        }
    }

    // MARK: Jump tables

    mutating func addTable(first: UInt32, count: UInt32) -> Label {
        let label = assembler.newLabel()
        pendingTables.append((label, first, count))
        return label
    }

    private mutating func emitTables(_ function: borrowing SelectedFunction) {
        guard !pendingTables.isEmpty else { return }
        assembler.align(to: 4)
        for index in 0..<pendingTables.count {
            let table = pendingTables[index]
            assembler.bind(table.label)
            for entry in 0..<table.count {
                assembler.emitLabelOffset32(
                    target: label(function.jumpTargets[table.first &+ entry]), relativeTo: table.label)
            }
        }
    }
}
