//! The code between compiled functions and the host: entries, host calls, and the exit that both ends share; and
//! between linked instances: crossings. What suspends a guest and goes on with it is in `TrampolineEmitter+Suspension`.
//!
//! Host stack during a run, downwards from the entry's return address: rbp rbx r12 r13 r14 r15, MXCSR, cells, and the
//! outer run's guest stack pointer, host stack pointer and guest frame pointer; `hostStackPointer` points at the last
//! one, at an address divisible by 16. The exit stub undoes exactly this, so it can be reached from anywhere while r15
//! holds the context, or that of an instance linked with it: from a trap, a failed host call or a normal return.
//!
//! Compiled code runs with MXCSR's control bits at their defaults, whatever the host uses; host functions called from
//! it see the defaults too.

struct TrampolineEmitter: ~Copyable {
    /// The default of MXCSR, and the mask of its control bits.
    private static var defaultControl: Int32 { 0x1F80 }
    private static var controlMask: Int32 { 0xFFC0 }

    var assembler: Assembler
    let exitLabel: Label
    /// What a nonzero status of a host call leads to, and a request that was found after it: called by host calls.
    let statusLabel: Label
    let requestLabel: Label
    /// Calls of those two, to be placed behind the code that they are rare in.
    private var rarities: [(label: Label, target: Label, returns: Label)] = []
    private var firstTrap = 0
    private(set) var traps = Vector<FunctionEmitter.TrapSite>(capacity: 16)
    private let module: ModuleContext
    /// Arguments and results together up to which an imported function has code of its own.
    private static var unsharedValues: Int { 16 }
    /// What the code at a return address begins with (`Assembler.mark`) where it does not matter which instance
    /// returns.
    private static var anyContextMark: Int32 { 0x4D61_7946 }
    /// By type, the code that the other imported functions share.
    private var sharedImports: [UInt32: Label] = [:]

    init(module: ModuleContext) {
        self.module = module
        assembler = Assembler(capacity: 1 << 14, usesVEX: module.usesVEX)
        exitLabel = assembler.newLabel()
        statusLabel = assembler.newLabel()
        requestLabel = assembler.newLabel()
    }

    func context(_ offset: Int) -> Memory { .base(X86_64.context, Int32(offset)) }
    /// With the root in the scratch register.
    func root(_ offset: Int) -> Memory { .base(X86_64.scratch, Int32(offset)) }
    /// With a function record's address in the scratch register.
    private func record(_ offset: Int) -> Memory { .base(X86_64.scratch, Int32(offset)) }

    // MARK: Exit

    /// Status in eax. First of all: the others jump to it.
    mutating func emitExit() -> UInt32 {
        assembler.bind(exitLabel)
        assembler.mov(.w64, X86_64.context, context(VMContextLayout.root))
        assembler.mov(.w64, X86_64.rsp, context(VMContextLayout.hostStackPointer))
        assembler.pop(context(VMContextLayout.guestFramePointer))
        assembler.pop(context(VMContextLayout.hostStackPointer))
        assembler.pop(context(VMContextLayout.guestStackPointer))
        assembler.alu(.add, .w64, X86_64.rsp, imm: 8)
        emitControlTest(.base(X86_64.rsp))
        let isDefault = assembler.newLabel()
        assembler.jcc(.equal, isDefault)
        assembler.ldmxcsr(.base(X86_64.rsp))
        assembler.bind(isDefault)
        assembler.alu(.add, .w64, X86_64.rsp, imm: 8)
        for register in [X86_64.r15, X86_64.r14, X86_64.r13, X86_64.r12, X86_64.rbx, X86_64.rbp] {
            assembler.pop(register)
        }
        assembler.ret()
        assembler.alignWithTraps(to: CompiledCode.exitBytes)
        let offset = finishPiece(exitLabel)
        assert(offset == 0 && assembler.count == CompiledCode.exitBytes)
        return offset
    }

    /// Begins a piece of code that is entered at the returned label.
    mutating func beginPiece() -> Label {
        assembler.align(to: 16)
        let start = assembler.newLabel()
        assembler.bind(start)
        firstTrap = traps.count
        return start
    }

    /// Finishes a piece and returns its offset.
    @discardableResult
    mutating func finishPiece(_ start: Label) -> UInt32 {
        for rarity in rarities {
            assembler.bind(rarity.label)
            assembler.call(rarity.target)
            assembler.jmp(rarity.returns)
        }
        rarities.removeAll(keepingCapacity: true)
        assembler.finish()
        for index in firstTrap..<traps.count { traps[index].offset = assembler.adjusted(traps[index].offset) }
        return assembler.offset(of: start)
    }

    /// Sets the flags to equal if the MXCSR in memory has default control bits.
    mutating func emitControlTest(_ saved: Memory) {
        assembler.mov(.w32, X86_64.scratch, saved)
        assembler.alu(.and, .w32, X86_64.scratch, imm: Self.controlMask)
        assembler.alu(.cmp, .w32, X86_64.scratch, imm: Self.defaultControl)
    }

    // MARK: Entry

    /// `int32_t entry(void *context, const void *code, uint64_t *cells)` for functions of one type.
    mutating func emitEntry(type: UInt32) -> UInt32 {
        let start = beginPiece()
        emitHostFrame()

        // Onto the guest stack. During a host call its pointer may be at any multiple of 8.
        assembler.mov(.w64, X86_64.rsp, root(VMContextLayout.guestStackPointer))
        assembler.alu(.and, .w64, X86_64.rsp, imm: -16)
        assembler.mov(.w64, X86_64.scratch, X86_64.rsi)
        assembler.mov(.w64, X86_64.rbx, X86_64.rdx)

        let parameters = module.parameters(ofType: type)
        let results = module.results(ofType: type)
        var places = ArgumentAssigner()
        for type in parameters { _ = places.next(type) }
        let argumentBytes = places.areaBytes
        places = ArgumentAssigner()
        for type in results { _ = places.next(type) }
        let area = argumentBytes + places.areaBytes
        if area > 0 {
            // Nothing has checked the limit yet, and a nested entry may start near it.
            assembler.lea(.w64, X86_64.rax, .base(X86_64.rsp, -area))
            assembler.alu(.cmp, .w64, X86_64.rax, context(VMContextLayout.stackLimit))
            emitStackCheck()
            assembler.alu(.sub, .w64, X86_64.rsp, imm: area)
        }
        var cell: Int32 = 0
        places = ArgumentAssigner()
        for type in parameters {
            if case .stack(let offset) = places.next(type) {
                copy(type, from: X86_64.rbx, cell * 8, to: X86_64.rsp, offset, through: X86_64.rax)
            }
            cell += cells(type)
        }
        cell = 0
        places = ArgumentAssigner()
        for type in parameters {
            if case .register(let register) = places.next(type) {
                load(register.hardware, type, .base(X86_64.rbx, cell * 8))
            }
            cell += cells(type)
        }
        assembler.mov(.w64, X86_64.memoryBase, context(VMContextLayout.memoryBase))
        assembler.call(X86_64.scratch)
        assembler.mark(UInt32(bitPattern: Self.anyContextMark))

        cell = 0
        places = ArgumentAssigner()
        for type in results {
            switch places.next(type) {
            case .register(let register):
                store(X86_64.rbx, cell * 8, type, register.hardware)
            case .stack(let offset):
                copy(type, from: X86_64.rsp, offset, to: X86_64.rbx, cell * 8)
            }
            cell += cells(type)
        }
        assembler.zero(X86_64.rax)
        assembler.jmp(exitLabel)
        return finishPiece(start)
    }

    /// Saves the host's state. Then the context is in its register, and the root's in the scratch one.
    mutating func emitHostFrame() {
        assembler.push(X86_64.rbp)
        assembler.mov(.w64, X86_64.rbp, X86_64.rsp)
        for register in [X86_64.rbx, X86_64.r12, X86_64.r13, X86_64.r14, X86_64.r15] { assembler.push(register) }
        assembler.alu(.sub, .w64, X86_64.rsp, imm: 8)
        assembler.stmxcsr(.base(X86_64.rsp))
        emitControlTest(.base(X86_64.rsp))
        let isDefault = assembler.newLabel()
        assembler.jcc(.equal, isDefault)
        assembler.ldmxcsr(.label(assembler.constant32(UInt32(Self.defaultControl))))
        assembler.bind(isDefault)
        assembler.mov(.w64, X86_64.context, X86_64.rdi)
        assembler.push(X86_64.rdx)
        assembler.mov(.w64, X86_64.scratch, context(VMContextLayout.root))
        assembler.push(root(VMContextLayout.guestStackPointer))
        assembler.push(root(VMContextLayout.hostStackPointer))
        assembler.push(root(VMContextLayout.guestFramePointer))
        assembler.mov(.w64, root(VMContextLayout.hostStackPointer), X86_64.rsp)
    }

    /// A trap if the comparison with the limit said below.
    private mutating func emitStackCheck() {
        let fits = assembler.newLabel()
        assembler.jcc(.aboveOrEqual, fits)
        traps.append(FunctionEmitter.TrapSite(offset: assembler.position, code: .callStackExhausted))
        assembler.ud2()
        assembler.bind(fits)
    }

    // MARK: Host calls

    /// Code with the internal calling convention that calls an imported function of the host.
    ///
    /// Functions of many arguments or results share the code of their type: a module can import a hundred thousand of
    /// them in a few bytes each.
    mutating func emitImport(_ function: UInt32) -> UInt32 {
        let type = module.canonicalType(module.type(ofFunction: function))
        if module.parameterCount(ofType: type) + module.resultCount(ofType: type) <= Self.unsharedValues {
            return finishPiece(emitImport(ofType: type, function: function))
        }
        let shared: Label
        if let known = sharedImports[type] {
            shared = known
        } else {
            shared = emitImport(ofType: type, function: nil)
            _ = finishPiece(shared)
            sharedImports[type] = shared
        }
        let start = beginPiece()
        let crossing = emitForeignTest(function)
        assembler.movImmediate(X86_64.scratch, UInt64(function))
        assembler.jmp(shared)
        emitForeignCall(function, at: crossing)
        return finishPiece(start)
    }

    /// Jumps if the import is a function of another instance. Its record is then in the array at the scratch register.
    private mutating func emitForeignTest(_ function: UInt32) -> Label {
        let crossing = assembler.newLabel()
        let index = Int32(function) * Int32(FunctionRecord.size) + Int32(FunctionRecord.index)
        assembler.mov(.w64, X86_64.scratch, context(VMContextLayout.functionRecords))
        assembler.alu(.cmp, .w32, .base(X86_64.scratch, index), imm: 0)
        assembler.jcc(.less, crossing)
        return crossing
    }

    private mutating func emitForeignCall(_ function: UInt32, at crossing: Label) {
        assembler.bind(crossing)
        if function > 0 {
            assembler.alu(.add, .w64, X86_64.scratch, imm: Int32(function) * Int32(FunctionRecord.size))
        }
        assembler.jmp(record(FunctionRecord.code))
    }

    /// - Parameter function: which function of this type, or nil if the scratch register will say.
    private mutating func emitImport(ofType type: UInt32, function: UInt32?) -> Label {
        let start = beginPiece()
        let parameters = module.parameters(ofType: type)
        let results = module.results(ofType: type)
        var cellCount: Int32 = 0
        var resultCells: Int32 = 0
        for type in parameters { cellCount += cells(type) }
        for type in results { resultCells += cells(type) }
        let bytes = (max(cellCount, resultCells) * 8 + 15) & ~15

        let crossing = function.map { emitForeignTest($0) }
        assembler.push(X86_64.rbp)
        assembler.mov(.w64, X86_64.rbp, X86_64.rsp)
        if function == nil { assembler.push(X86_64.scratch) }
        if bytes > FunctionEmitter.uncheckedLeafBytes {
            assembler.lea(.w64, X86_64.scratch, .base(X86_64.rsp, -bytes))
            assembler.alu(.cmp, .w64, X86_64.scratch, context(VMContextLayout.stackLimit))
            emitStackCheck()
        }
        if bytes > 0 { assembler.alu(.sub, .w64, X86_64.rsp, imm: bytes) }
        var places = ArgumentAssigner()
        var cell: Int32 = 0
        for type in parameters {
            switch places.next(type) {
            case .register(let register):
                store(X86_64.rsp, cell * 8, type, register.hardware)
            case .stack(let offset):
                copy(type, from: X86_64.rbp, 16 + offset, to: X86_64.rsp, cell * 8)
            }
            cell += cells(type)
        }
        let argumentBytes = places.areaBytes
        // A result that the host function leaves out must not be what an earlier tenant of the stack left there.
        while cell < resultCells {
            assembler.mov(.w64, .base(X86_64.rsp, cell * 8), imm: 0)
            cell += 1
        }
        if let function {
            assembler.movImmediate(X86_64.rsi, UInt64(function))
        } else {
            assembler.mov(.w32, X86_64.rsi, .base(X86_64.rbp, -8))
        }
        assembler.mov(.w64, X86_64.rdx, X86_64.rsp)
        emitSwitch(dispatch: VMContextLayout.hostDispatch)

        places = ArgumentAssigner()
        cell = 0
        for type in results {
            switch places.next(type) {
            case .register(let register):
                load(register.hardware, type, .base(X86_64.rsp, cell * 8))
            case .stack(let offset):
                copy(type, from: X86_64.rsp, cell * 8, to: X86_64.rbp, 16 + argumentBytes + offset)
            }
            cell += cells(type)
        }
        assembler.leave()
        emitReturn(popping: argumentBytes)
        if let function, let crossing { emitForeignCall(function, at: crossing) }
        return start
    }

    private mutating func emitReturn(popping bytes: Int32) {
        if bytes > 0 { assembler.ret(popping: UInt16(bytes)) } else { assembler.ret() }
    }

    /// Calls a `RuntimeFunction`: its number in rsi, its cells at rdx.
    mutating func emitRuntimeCall() -> UInt32 {
        let start = beginPiece()
        assembler.push(X86_64.rbp)
        assembler.mov(.w64, X86_64.rbp, X86_64.rsp)
        emitSwitch(dispatch: VMContextLayout.runtimeDispatch)
        assembler.pop(X86_64.rbp)
        assembler.ret()
        return finishPiece(start)
    }

    /// To the host stack, the call, back to the guest stack, and out if the host says so. The guest may be suspended
    /// after the call: by the host function, and to let others run.
    private mutating func emitSwitch(dispatch: Int) {
        assembler.mov(.w64, X86_64.scratch, context(VMContextLayout.root))
        assembler.mov(.w64, root(VMContextLayout.guestFramePointer), X86_64.rbp)
        assembler.mov(.w64, root(VMContextLayout.guestStackPointer), X86_64.rsp)
        assembler.mov(.w64, X86_64.rdi, X86_64.context)
        assembler.mov(.w64, X86_64.rsp, root(VMContextLayout.hostStackPointer))
        assembler.call(context(dispatch))
        assembler.mov(.w64, X86_64.scratch, context(VMContextLayout.root))
        assembler.mov(.w64, X86_64.rsp, root(VMContextLayout.guestStackPointer))
        assembler.test(.w32, X86_64.rax, X86_64.rax)
        emitRarity(.notEqual, statusLabel)
        // Looked at after switching in, so that a request that comes during the host call isn't missed.
        assembler.alu(.cmp, .w64, root(VMContextLayout.request), imm: 0)
        emitRarity(.notEqual, requestLabel)
    }

    /// Calls what is called rarely, by code at the end of the piece.
    private mutating func emitRarity(_ condition: Condition, _ target: Label) {
        let (label, returns) = (assembler.newLabel(), assembler.newLabel())
        assembler.jcc(condition, label)
        assembler.bind(returns)
        rarities.append((label, target, returns))
    }

    // MARK: Calls between instances

    /// Code that calls a function of this module, of which there is an instance in the record at the scratch register,
    /// from another instance: it changes the context and changes it back.
    ///
    /// A tail call that returns to a crossing, or to an entry, makes no frame: those do not mind which instance
    /// returns. So a chain of tail calls between instances takes one frame, however long it is.
    mutating func emitCrossing(type: UInt32) -> UInt32 {
        let start = beginPiece()
        let elsewhere = assembler.newLabel()
        assembler.alu(.cmp, .w64, X86_64.context, record(FunctionRecord.context))
        assembler.jcc(.notEqual, elsewhere)
        assembler.jmp(record(FunctionRecord.target))
        assembler.bind(elsewhere)
        // All registers but the scratch one are taken. The stack has room: callers leave a reserve.
        let returns = assembler.newLabel()
        assembler.push(X86_64.rbx)
        assembler.mov(.w64, X86_64.rbx, .base(X86_64.rsp, 8))
        assembler.alu(.cmp, .w32, .base(X86_64.rbx, 0), imm: Assembler.markStart)
        assembler.jcc(.notEqual, returns)
        assembler.alu(.cmp, .w32, .base(X86_64.rbx, 4), imm: Self.anyContextMark)
        assembler.jcc(.notEqual, returns)
        assembler.pop(X86_64.rbx)
        assembler.mov(.w64, X86_64.context, record(FunctionRecord.context))
        assembler.mov(.w64, X86_64.memoryBase, context(VMContextLayout.memoryBase))
        assembler.jmp(record(FunctionRecord.target))

        assembler.bind(returns)
        assembler.pop(X86_64.rbx)
        assembler.push(X86_64.rbp)
        assembler.mov(.w64, X86_64.rbp, X86_64.rsp)
        assembler.push(X86_64.context)
        assembler.push(X86_64.memoryBase)
        // From here on a trap in this code is one of the context that this code belongs to.
        assembler.mov(.w64, X86_64.context, record(FunctionRecord.context))
        var places = ArgumentAssigner()
        for type in module.parameters(ofType: type) { _ = places.next(type) }
        let argumentBytes = places.areaBytes
        places = ArgumentAssigner()
        for type in module.results(ofType: type) { _ = places.next(type) }
        let area = argumentBytes + places.areaBytes
        if area > FunctionEmitter.uncheckedLeafBytes {
            assembler.lea(.w64, X86_64.memoryBase, .base(X86_64.rsp, -area))
            assembler.alu(.cmp, .w64, X86_64.memoryBase, context(VMContextLayout.stackLimit))
            emitStackCheck()
        }
        if area > 0 { assembler.alu(.sub, .w64, X86_64.rsp, imm: area) }
        places = ArgumentAssigner()
        for type in module.parameters(ofType: type) {
            if case .stack(let offset) = places.next(type) {
                copy(type, from: X86_64.rbp, 16 + offset, to: X86_64.rsp, offset, through: X86_64.memoryBase)
            }
        }
        assembler.mov(.w64, X86_64.memoryBase, context(VMContextLayout.memoryBase))
        assembler.call(record(FunctionRecord.target))
        assembler.mark(UInt32(bitPattern: Self.anyContextMark))
        places = ArgumentAssigner()
        for type in module.results(ofType: type) {
            if case .stack(let offset) = places.next(type) {
                copy(type, from: X86_64.rsp, offset, to: X86_64.rbp, 16 + argumentBytes + offset)
            }
        }
        assembler.mov(.w64, X86_64.context, .base(X86_64.rbp, -8))
        assembler.mov(.w64, X86_64.memoryBase, .base(X86_64.rbp, -16))
        assembler.leave()
        emitReturn(popping: argumentBytes)
        return finishPiece(start)
    }

    // MARK: Cells

    private func cells(_ type: IRType) -> Int32 { type == .v128 ? 2 : 1 }

    // Only the lower half of a 32-bit value's cell counts, and the guest computes addresses from whole registers and
    // stack slots: a value from the host loses its upper half on the way in. On the way out it is cleared because the
    // host may count on it.

    private mutating func load(_ register: UInt8, _ type: IRType, _ memory: Memory) {
        switch type {
        case .i32: assembler.mov(.w32, register, memory)
        case .f32: assembler.vmovs(.f32, register, memory)
        case .f64: assembler.vmovs(.f64, register, memory)
        case .v128: assembler.vmovups(register, memory)
        default: assembler.mov(.w64, register, memory)
        }
    }

    private mutating func store(_ base: UInt8, _ offset: Int32, _ type: IRType, _ register: UInt8) {
        let memory = Memory.base(base, offset)
        switch type {
        case .f32:
            assembler.vmovs(.f32, memory, register)
            assembler.mov(.w32, .base(base, offset + 4), imm: 0)
        case .f64: assembler.vmovs(.f64, memory, register)
        case .v128: assembler.vmovups(memory, register)
        default: assembler.mov(.w64, memory, register)
        }
    }

    /// Copies a value between a cell and a stack slot.
    private mutating func copy(
        _ type: IRType, from source: UInt8, _ sourceOffset: Int32, to destination: UInt8, _ destinationOffset: Int32,
        through register: UInt8 = X86_64.scratch
    ) {
        let width: Width = type == .i32 || type == .f32 ? .w32 : .w64
        for half in 0..<cells(type) {
            assembler.mov(width, register, .base(source, sourceOffset + half * 8))
            assembler.mov(.w64, .base(destination, destinationOffset + half * 8), register)
        }
    }
}
