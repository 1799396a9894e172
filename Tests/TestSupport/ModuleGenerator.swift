//! Random programs that validate and end, for running one program in two ways and comparing what comes out.
//!
//! - A program ends because calls only go to functions written earlier and every loop counts down a local of its own. A
//!   static estimate of its work bounds what loops and calls multiply to.
//! - What a NaN looks like is not determined, so a float's bits are only observable, in memory or as an integer, after
//!   NaNs have been replaced by one. Results and globals must be compared as floats.
//! - Without `canTrap`, operators that could trap are guarded and addresses lie inside the memory.

public import WasmModule

/// A generated module and how to call into it.
public struct GeneratedModule {
    public struct Function {
        public var name: String
        public var type: FunctionType
    }

    public var bytes: [UInt8]
    /// The module's own functions, exported, in the order of their indices.
    public var functions: [Function]
    /// Types of the globals, all mutable, exported as "g0", "g1" and so on.
    public var globals: [ValueType]
}

public struct ModuleGenerator {
    public struct Options: Sendable {
        /// Whether divisions, conversions, accesses and indirect calls may trap.
        public var canTrap = false
        /// Whether there are instructions that call into the runtime, such as `memory.fill`.
        public var callsRuntime = false
        /// How many functions the module imports, as "f0", "f1" and so on of "host".
        public var importedFunctions = 0
        /// Bound on the estimated number of statements and operators one call executes.
        public var work = 20_000

        public init(
            canTrap: Bool = false, callsRuntime: Bool = false, importedFunctions: Int = 0, work: Int = 20_000
        ) {
            self.canTrap = canTrap
            self.callsRuntime = callsRuntime
            self.importedFunctions = importedFunctions
            self.work = work
        }
    }

    static let numberTypes: [ValueType] = [.i32, .i64, .f32, .f64]

    let options: Options
    var random: SeededGenerator
    private var builder = WasmBuilder()
    var functions: [(type: FunctionType, work: Int)] = []
    var globals: [ValueType] = []

    // The function being written.
    var code = CodeBuilder()
    var locals: [ValueType] = []
    /// Locals that only the statements that own them write: loop counters, addresses and NaN scratch.
    var reserved: Set<UInt32> = []
    var labels: [Label] = []
    /// How often the current place is executed at most, and the work estimated so far.
    var repetitions = 1
    var work = 0
    /// How readily expressions have operands: changes from function to function.
    var bushiness = 3

    struct Label {
        var types: [ValueType]
        /// Whether a branch there cannot make the program endless.
        var isTarget: Bool
    }

    public static func module(seed: UInt64, options: Options) -> GeneratedModule {
        var generator = ModuleGenerator(random: SeededGenerator(seed: seed), options: options)
        return generator.generate()
    }

    private init(random: SeededGenerator, options: Options) {
        self.random = random
        self.options = options
    }

    private mutating func generate() -> GeneratedModule {
        for index in 0..<options.importedFunctions {
            let type = FunctionType(
                parameters: types(random.below(16)), results: types(random.below(3) * random.below(6)))
            builder.importFunction("host", "f\(index)", type.parameters, type.results)
            functions.append((type, 20))
        }
        builder.memory(1, max: 3, export: "memory")
        builder.data(at: 0, (0..<512).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        if options.callsRuntime { builder.passiveData((0..<64).map { UInt8($0) }) }
        for index in 0..<(2 + random.below(6)) {
            let type = random.pick(Self.numberTypes)
            let bits = interestingBits(type)
            globals.append(type)
            builder.global(type, mutable: true, export: "g\(index)") { $0.const(type, bits: bits) }
        }
        let count = functions.count + 2 + random.below(7)
        // One that is never written, so that calls through it are known to succeed, and one that is.
        builder.table(.funcref, UInt32(count + 2))
        builder.element(at: 0, functions: (0..<UInt32(count)).map { $0 })
        builder.table(.funcref, 16, max: 24)
        builder.element(table: 1, at: 2, functions: (0..<8).map { _ in UInt32(random.below(count)) })
        while functions.count < count { function() }
        return GeneratedModule(
            bytes: builder.build(),
            functions: functions.enumerated().dropFirst(options.importedFunctions).map {
                .init(name: "f\($0.offset)", type: $0.element.type)
            },
            globals: globals)
    }

    // MARK: Functions

    private mutating func function() {
        let parameters = types(random.oneIn(5) ? random.below(26) : random.below(7))
        // The function that this one ends in calling, if one.
        let last = random.oneIn(3) && !functions.isEmpty ? random.below(functions.count) : nil
        let results =
            last.map { functions[$0].type.results }
            ?? types(random.oneIn(8) ? random.below(12) : random.oneIn(6) ? 0 : 1)
        let type = FunctionType(parameters: parameters, results: results)
        locals = parameters
        locals += types(random.oneIn(3) ? random.below(40) : random.below(12))
        // One of each, so that a place for any value exists.
        locals += Self.numberTypes
        reserved = []
        labels = [Label(types: results, isTarget: true)]
        code = CodeBuilder()
        repetitions = 1
        work = 1
        bushiness = 1 + random.below(5)
        let statements = random.oneIn(4) ? 20 + random.below(40) : 2 + random.below(15)
        for _ in 0..<statements { statement(depth: 0) }
        if let last, random.oneIn(2) {
            expression(.i32, depth: 2)
            code.if()
            if !tailCall(last) { code.nop() }
            code.end()
            for _ in 0..<2 { statement(depth: 0) }
        }
        if last.map({ tailCall($0) }) != true {
            for type in results { expression(type, depth: 1 + random.below(4)) }
        }
        builder.function(
            "f\(functions.count)", parameters, results, locals: Array(locals[parameters.count...])
        ) { $0.append(code.bytes) }
        functions.append((type, work))
    }

    /// Returns what an earlier function does; false if there has been too much work for that.
    private mutating func tailCall(_ callee: Int) -> Bool {
        guard spend(functions[callee].work) else { return false }
        let type = functions[callee].type
        for parameter in type.parameters { expression(parameter, depth: random.below(3)) }
        if random.oneIn(3) {
            code.i32Const(Int32(callee)).returnCallIndirect(type: builder.type(type.parameters, type.results))
        } else {
            code.returnCall(UInt32(callee))
        }
        return true
    }

    mutating func types(_ count: Int) -> [ValueType] {
        (0..<count).map { _ in random.pick(Self.numberTypes) }
    }

    /// A local that nothing else will write.
    mutating func reserve(_ type: ValueType) -> UInt32 {
        locals.append(type)
        reserved.insert(UInt32(locals.count - 1))
        return UInt32(locals.count - 1)
    }

    mutating func local(_ type: ValueType, toWrite: Bool) -> UInt32 {
        let candidates = locals.indices.filter { locals[$0] == type && !(toWrite && reserved.contains(UInt32($0))) }
        return UInt32(random.pick(candidates))
    }

    /// Counts work at the current place; false if there has been enough.
    mutating func spend(_ amount: Int) -> Bool {
        let cost = amount &* repetitions
        if work + cost > options.work { return false }
        work += cost
        return true
    }

    // MARK: Statements

    private mutating func statements(_ count: Int, depth: Int) {
        for _ in 0..<count { statement(depth: depth) }
    }

    private mutating func statement(depth: Int) {
        guard spend(1) else { return }
        let isFlat = depth >= 4
        switch random.below(isFlat ? 12 : 19) {
        case 0, 1, 2, 3: assignment()
        case 4, 5: store()
        case 6: globalAssignment()
        case 7: call(wanting: nil)
        case 8: conditionalBranch()
        case 9: readModifyWrite()
        case 10: if options.callsRuntime && random.oneIn(3) { bulkOperation() } else { assignment() }
        case 11: if random.oneIn(2) { tableOperation() } else { assignment() }
        case 12, 13: ifStatement(depth: depth)
        case 14: blockStatement(depth: depth)
        case 15, 16: countedLoop(depth: depth)
        case 17: loopWithContinue(depth: depth)
        default: switchStatement(depth: depth)
        }
    }

    private mutating func assignment() {
        let type = random.pick(Self.numberTypes)
        expression(type, depth: 1 + random.below(bushiness + 1))
        code.localSet(local(type, toWrite: true))
    }

    private mutating func globalAssignment() {
        let index = random.below(globals.count)
        expression(globals[index], depth: 1 + random.below(bushiness))
        code.globalSet(UInt32(index))
    }

    private mutating func store() {
        let type = random.pick(Self.numberTypes)
        address()
        expression(type, depth: 1 + random.below(bushiness))
        canonicalizeNaN(type)
        storeOpcode(type)
    }

    /// `m[a] = m[a] op x`, with the address computed once.
    private mutating func readModifyWrite() {
        let type = random.pick([ValueType.i32, .i64, .f64])
        let place = reserve(.i32)
        let offset = UInt32(random.below(1000))
        address()
        code.localTee(place).localGet(place)
        let opcodes: [Opcode]
        switch type {
        case .i32:
            code.i32Load(offset: offset)
            opcodes = [.i32Add, .i32Sub, .i32And, .i32Or, .i32Xor]
        case .i64:
            code.i64Load(offset: offset)
            opcodes = [.i64Add, .i64Sub, .i64And, .i64Or, .i64Xor]
        default:
            code.f64Load(offset: offset)
            opcodes = [.f64Add, .f64Mul]
        }
        if random.oneIn(2) { constant(type) } else { expression(type, depth: 1) }
        code.op(random.pick(opcodes))
        canonicalizeNaN(type)
        switch type {
        case .i32: code.i32Store(offset: offset)
        case .i64: code.i64Store(offset: offset)
        default: code.f64Store(offset: offset)
        }
    }

    private mutating func bulkOperation() {
        guard spend(10) else { return }
        address()
        switch random.below(4) {
        case 0:
            expression(.i32, depth: 1)
            code.i32Const(Int32(random.below(300))).memoryFill()
        case 1:
            address()
            code.i32Const(Int32(random.below(300))).memoryCopy()
        case 2:
            code.i32Const(Int32(random.below(32))).i32Const(Int32(random.below(32))).memoryInit(data: 1)
        default:
            code.drop().i32Const(Int32(random.below(2))).memoryGrow().localSet(local(.i32, toWrite: true))
        }
    }

    /// Reads or writes the second table.
    private mutating func tableOperation() {
        func index() {
            expression(.i32, depth: 1)
            if !options.canTrap || !random.oneIn(10) { code.i32Const(7).op(.i32And) }
        }
        func reference() {
            switch random.below(3) {
            case 0: code.refNull(.funcref)
            case 1: code.refFunc(UInt32(random.below(functions.count + 1)))
            default:
                index()
                code.tableGet(1)
            }
        }
        index()
        switch random.below(options.callsRuntime ? 7 : 3) {
        case 0:
            code.tableGet(1).refIsNull().localSet(local(.i32, toWrite: true))
        case 1, 2:
            reference()
            code.tableSet(1)
        case 3:
            reference()
            code.i32Const(Int32(random.below(9))).tableFill(1)
        case 4:
            index()
            code.i32Const(Int32(random.below(9))).tableCopy(to: 1, from: 1)
        case 5:
            code.drop()
            reference()
            code.i32Const(Int32(random.below(3))).tableGrow(1).localSet(local(.i32, toWrite: true))
        default:
            code.drop().tableSize(1).localSet(local(.i32, toWrite: true))
        }
    }

    private mutating func conditionalBranch() {
        guard let depth = branchTarget() else { return assignment() }
        let types = labels[labels.count - 1 - depth].types
        for type in types { expression(type, depth: 1) }
        condition()
        code.brIf(UInt32(depth))
        for type in types.reversed() { code.localSet(local(type, toWrite: true)) }
    }

    private mutating func branchTarget() -> Int? {
        let targets = labels.indices.filter { labels[$0].isTarget }.map { labels.count - 1 - $0 }
        return targets.isEmpty ? nil : random.pick(targets)
    }

    // MARK: Control

    private mutating func ifStatement(depth: Int) {
        let (parameters, results) = blockTypes()
        for type in parameters { expression(type, depth: 1) }
        condition()
        code.if(.function(typeIndex: builder.type(parameters, results)))
        body(parameters, results, depth: depth, label: Label(types: results, isTarget: true))
        if random.oneIn(2) || parameters != results {
            code.else()
            body(parameters, results, depth: depth, label: Label(types: results, isTarget: true))
        }
        code.end()
        for type in results.reversed() { code.localSet(local(type, toWrite: true)) }
    }

    private mutating func blockStatement(depth: Int) {
        let (parameters, results) = blockTypes()
        for type in parameters { expression(type, depth: 1) }
        code.block(.function(typeIndex: builder.type(parameters, results)))
        body(parameters, results, depth: depth, label: Label(types: results, isTarget: true))
        code.end()
        for type in results.reversed() { code.localSet(local(type, toWrite: true)) }
    }

    private mutating func blockTypes() -> (parameters: [ValueType], results: [ValueType]) {
        (random.oneIn(4) ? types(random.below(4)) : [], random.oneIn(3) ? types(random.below(5)) : [])
    }

    /// Statements with the block's parameters lying below, then its results; may leave early instead.
    private mutating func body(_ parameters: [ValueType], _ results: [ValueType], depth: Int, label: Label) {
        labels.append(label)
        statements(random.below(5), depth: depth + 1)
        for type in parameters.reversed() { code.localSet(local(type, toWrite: true)) }
        if random.oneIn(10), let target = branchTarget() {
            for type in labels[labels.count - 1 - target].types { expression(type, depth: 1) }
            code.br(UInt32(target))
        } else {
            for type in results { expression(type, depth: 1 + random.below(2)) }
        }
        labels.removeLast()
    }

    /// The counter is decremented at the end: the loop's label may not be branched to from elsewhere.
    private mutating func countedLoop(depth: Int) {
        let count = 1 + random.below(9)
        let before = repetitions
        guard repetitions * count * 20 < options.work else { return }
        repetitions *= count
        defer { repetitions = before }
        let counter = reserve(.i32)
        let (parameters, _) = blockTypes()
        code.i32Const(Int32(count)).localSet(counter)
        for type in parameters { expression(type, depth: 1) }
        code.loop(.function(typeIndex: builder.type(parameters, [])))
        labels.append(Label(types: parameters, isTarget: false))
        for type in parameters.reversed() { code.localSet(local(type, toWrite: true)) }
        statements(1 + random.below(6), depth: depth + 1)
        for type in parameters { expression(type, depth: 1) }
        code.localGet(counter).i32Const(1).op(.i32Sub).localTee(counter)
        if random.oneIn(2) { code.i32Const(0).op(.i32GtS) }
        code.brIf(0)
        for type in parameters.reversed() { code.localSet(local(type, toWrite: true)) }
        labels.removeLast()
        code.end()
    }

    /// The counter is decremented at the beginning, so that any number of branches may go there.
    private mutating func loopWithContinue(depth: Int) {
        let count = 1 + random.below(9)
        let before = repetitions
        guard repetitions * count * 20 < options.work else { return }
        repetitions *= count
        defer { repetitions = before }
        let counter = reserve(.i64)
        code.i64Const(Int64(count)).localSet(counter)
        code.block()
        labels.append(Label(types: [], isTarget: true))
        code.loop()
        labels.append(Label(types: [], isTarget: true))
        code.localGet(counter).op(.i64Eqz).brIf(1)
        code.localGet(counter).i64Const(1).op(.i64Sub).localSet(counter)
        statements(1 + random.below(6), depth: depth + 1)
        if random.oneIn(2) {
            code.br(0)
        } else {
            condition()
            code.brIf(0)
        }
        labels.removeLast()
        code.end()
        labels.removeLast()
        code.end()
    }

    private mutating func switchStatement(depth: Int) {
        let arms = 1 + random.below(6)
        for _ in 0...arms {
            code.block()
            labels.append(Label(types: [], isTarget: true))
        }
        expression(.i32, depth: 1 + random.below(bushiness))
        if random.oneIn(2) { code.i32Const(7).op(.i32And) }
        let table = (0..<random.below(9)).map { _ in UInt32(random.below(arms + 1)) }
        code.brTable(table, default: UInt32(random.below(arms + 1)))
        for arm in 0...arms {
            labels.removeLast()
            code.end()
            if arm < arms {
                statements(random.below(3), depth: depth + 1)
                if random.oneIn(2), let target = branchTarget(), labels[labels.count - 1 - target].types.isEmpty {
                    code.br(UInt32(target))
                }
            }
        }
    }

    // MARK: Calls

    /// A call whose result of the wanted type, if it has one, stays on the stack; the others go to locals.
    @discardableResult mutating func call(wanting wanted: ValueType?) -> Bool {
        let candidates = functions.indices.filter { index in
            (wanted == nil || functions[index].type.results.first == wanted)
                && work + functions[index].work * repetitions <= options.work
        }
        guard !candidates.isEmpty else { return false }
        let callee = random.pick(candidates)
        let type = functions[callee].type
        guard spend(functions[callee].work) else { return false }
        for parameter in type.parameters { expression(parameter, depth: random.below(3)) }
        if random.oneIn(3) {
            let index = builder.type(type.parameters, type.results)
            if options.canTrap && random.oneIn(8) {
                // Any element may be called, so the work is not bounded by the callee's: only earlier functions are small.
                expression(.i32, depth: 1)
                code.i32Const(Int32(callee)).op(.i32And)
            } else {
                code.i32Const(Int32(callee))
            }
            code.callIndirect(type: index)
        } else {
            code.call(UInt32(callee))
        }
        for result in type.results.dropFirst(wanted == nil ? 0 : 1).reversed() {
            if random.oneIn(4) { code.drop() } else { code.localSet(local(result, toWrite: true)) }
        }
        return true
    }
}
