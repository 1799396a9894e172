//! The checker is the oracle of the allocator's tests: these tests make sure that it can say no.

import TestSupport
import Testing

@testable import Compiler

@Suite struct RegisterAllocationCheckerTests {
    private static let rax = Allocation.register(PhysicalRegister(0))
    private static let rcx = Allocation.register(PhysicalRegister(1))
    private static let rdx = Allocation.register(PhysicalRegister(2))
    private static let rbx = Allocation.register(PhysicalRegister(3))
    private static let xmm0 = Allocation.register(PhysicalRegister(16))

    /// Checks a hand-made answer; returns whether it was refused.
    private func refuses(
        _ builder: ProgramBuilder, _ places: [Allocation], moves: [AllocationMove] = [], slots: UInt32 = 0,
        saved: UInt32 = 0
    ) -> Bool {
        let input = builder.input()
        var output = AllocationOutput()
        for place in places { output.allocations.append(place) }
        for move in moves { output.moves.append(move) }
        output.slotCount = slots
        output.calleeSavedUsed = saved
        return !AllocationChecker.check(input, output, registers: .x86).isEmpty
    }

    private func move(
        _ position: UInt32, _ from: Allocation, _ to: Allocation, _ registerClass: RegisterClass = .integer
    ) -> AllocationMove {
        AllocationMove(position: position, from: from, to: to, registerClass: registerClass)
    }

    /// One definition and one use.
    private func pair(_ registerClass: RegisterClass = .integer, _ constraint: Operand.Constraint = .register)
        -> ProgramBuilder
    {
        var builder = ProgramBuilder()
        let value = builder.constant(registerClass)
        builder.finish(.use(value, constraint))
        return builder
    }

    @Test func valuesMustBeWhereTheyAreRead() {
        #expect(!refuses(pair(), [Self.rax, Self.rax]))
        #expect(refuses(pair(), [Self.rax, Self.rcx]))
        #expect(!refuses(pair(), [Self.rax, Self.rcx], moves: [move(1, Self.rax, Self.rcx)]))
        #expect(refuses(pair(), [Self.rax, Self.rcx], moves: [move(0, Self.rax, Self.rcx)]))
    }

    @Test func placesMustExistAndFitTheClass() {
        #expect(refuses(pair(), [Self.xmm0, Self.xmm0]))
        #expect(refuses(pair(.float), [Self.rax, Self.rax]))
        #expect(refuses(pair(), [.none, .none]))
        #expect(refuses(pair(.integer, .any), [Self.rax, .slot(1)], moves: [move(1, Self.rax, .slot(1))], slots: 1))
        #expect(!refuses(pair(.integer, .any), [Self.rax, .slot(0)], moves: [move(1, Self.rax, .slot(0))], slots: 1))
    }

    @Test func registerConstraintsExcludeSlots() {
        #expect(refuses(pair(), [Self.rax, .slot(0)], moves: [move(1, Self.rax, .slot(0))], slots: 1))
    }

    @Test func onlyAllocatableRegistersAreHandedOut() {
        for number in [4, 5, 11, 14, 15] as [UInt8] {
            let place = Allocation.register(PhysicalRegister(number))
            #expect(refuses(pair(), [place, place]))
        }
        let stack = Allocation.register(PhysicalRegister(4))
        #expect(refuses(pair(), [Self.rax, Self.rax], moves: [move(1, Self.rax, stack)]))
    }

    @Test func calleeSavedRegistersMustBeReported() {
        #expect(refuses(pair(), [Self.rbx, Self.rbx]))
        #expect(!refuses(pair(), [Self.rbx, Self.rbx], saved: 1 << 3))
        #expect(refuses(pair(), [Self.rax, Self.rbx], moves: [move(1, Self.rax, Self.rbx)]))
    }

    @Test func fixedOperandsMustBeInTheirRegister() {
        var builder = ProgramBuilder()
        let value = builder.constant()
        builder.finish(.use(value, fixed: 1))
        #expect(refuses(builder, [Self.rax, Self.rax]))
        #expect(!refuses(builder, [Self.rcx, Self.rcx]))
    }

    @Test func tiedDefinitionsMustBeInThePlaceOfTheirUse() {
        var builder = ProgramBuilder()
        let value = builder.constant()
        let result = builder.value()
        builder.emit(.use(value), .def(result, reuse: 0))
        builder.finish(.use(result))
        #expect(!refuses(builder, [Self.rax, Self.rax, Self.rax, Self.rax]))
        #expect(refuses(builder, [Self.rax, Self.rax, Self.rcx, Self.rcx]))
    }

    @Test func tiedUseIsLostUnlessCopied() {
        var builder = ProgramBuilder()
        let value = builder.constant()
        let result = builder.value()
        builder.emit(.use(value), .def(result, reuse: 0))
        builder.finish(.use(result), .use(value))
        #expect(refuses(builder, [Self.rax, Self.rax, Self.rax, Self.rax, Self.rax]))
        #expect(
            !refuses(
                builder, [Self.rax, Self.rcx, Self.rcx, Self.rcx, Self.rax], moves: [move(1, Self.rax, Self.rcx)]))
    }

    @Test func definitionsMayShareWithUsesOnly() {
        var builder = ProgramBuilder()
        let value = builder.constant()
        let first = builder.value()
        let second = builder.value()
        builder.emit(.use(value), .def(first), .def(second))
        builder.finish(.use(first))
        #expect(!refuses(builder, [Self.rax, Self.rax, Self.rax, Self.rcx, Self.rax]))
        #expect(refuses(builder, [Self.rax, Self.rax, Self.rcx, Self.rcx, Self.rcx]))
    }

    @Test func lateUsesShareWithNoDefinition() {
        var builder = ProgramBuilder()
        let value = builder.constant()
        let result = builder.value()
        builder.emit(.lateUse(value), .def(result))
        builder.finish(.use(result))
        #expect(refuses(builder, [Self.rax, Self.rax, Self.rax, Self.rax]))
        #expect(!refuses(builder, [Self.rax, Self.rax, Self.rcx, Self.rcx]))
    }

    @Test func earlyDefinitionsShareWithNothing() {
        var builder = ProgramBuilder()
        let value = builder.constant()
        let temporary = builder.value()
        let result = builder.value()
        builder.emit(.use(value), .earlyDef(temporary), .def(result))
        builder.finish(.use(result))
        #expect(refuses(builder, [Self.rax, Self.rax, Self.rax, Self.rcx, Self.rcx]))
        #expect(refuses(builder, [Self.rax, Self.rax, Self.rcx, Self.rcx, Self.rcx]))
        #expect(!refuses(builder, [Self.rax, Self.rax, Self.rcx, Self.rax, Self.rax]))
    }

    @Test func callsDestroyRegisters() {
        var builder = ProgramBuilder()
        let value = builder.constant()
        builder.call(.x86)
        builder.finish(.use(value))
        #expect(refuses(builder, [Self.rax, Self.rax]))
        #expect(!refuses(builder, [Self.rbx, Self.rbx], saved: 1 << 3))
        let moves = [move(1, Self.rax, .slot(0)), move(2, .slot(0), Self.rax)]
        #expect(!refuses(builder, [Self.rax, Self.rax], moves: moves, slots: 1))
    }

    @Test func scratchRegistersKeepNothingAcrossInstructions() {
        let scratch = Allocation.register(PhysicalRegister(11))
        var builder = ProgramBuilder()
        let value = builder.constant()
        builder.emit([])
        builder.finish(.use(value))
        #expect(
            refuses(
                builder, [Self.rax, Self.rcx], moves: [move(1, Self.rax, scratch), move(2, scratch, Self.rcx)]))
        #expect(
            !refuses(
                builder, [Self.rax, Self.rcx], moves: [move(2, Self.rax, scratch), move(2, scratch, Self.rcx)]))
    }

    @Test func movesHaveAForm() {
        let places = [Self.rax, Self.rax]
        #expect(refuses(pair(), places, moves: [move(1, .slot(0), .slot(1))], slots: 2))
        #expect(refuses(pair(), places, moves: [move(1, Self.rcx, Self.rdx), move(0, Self.rcx, Self.rdx)]))
        #expect(refuses(pair(), places, moves: [move(2, Self.rcx, Self.rdx)]))
        #expect(refuses(pair(), places, moves: [move(1, Self.rcx, Self.xmm0)]))
    }

    @Test func vectorsNeedTwoSlotsAndWideMoves() {
        let use = Self.xmm0
        let out = move(1, Self.xmm0, .slot(0), .vector)
        let back = move(1, .slot(0), Self.xmm0, .vector)
        let loss = move(1, Self.rax, .slot(1))
        var builder = ProgramBuilder()
        let value = builder.constant(.vector)
        builder.finish(.use(value))
        let erase = move(1, Allocation.register(PhysicalRegister(17)), Self.xmm0, .vector)
        #expect(!refuses(builder, [use, use], moves: [out, erase, back], slots: 2))
        #expect(refuses(builder, [use, use], moves: [out, erase, back], slots: 1))
        #expect(refuses(builder, [use, use], moves: [out, erase], slots: 2))
        #expect(refuses(builder, [use, use], moves: [out, loss, erase, back], slots: 2))
        let narrow = [move(1, Self.xmm0, .slot(0), .float), erase, move(1, .slot(0), Self.xmm0, .float)]
        #expect(refuses(builder, [use, use], moves: narrow, slots: 2))
        let odd = [move(1, Self.xmm0, .slot(1), .vector), erase, move(1, .slot(1), Self.xmm0, .vector)]
        #expect(refuses(builder, [use, use], moves: odd, slots: 3))
    }

    /// v0 and v1 are defined, v2 is the parameter of the join.
    private func diamond(_ use: Int) -> ProgramBuilder {
        var builder = ProgramBuilder()
        let a = builder.constant()
        let b = builder.constant()
        let left = builder.block()
        let right = builder.block()
        let join = builder.block()
        let parameter = builder.parameter(of: join)
        builder.branch(a, right, left)
        builder.current = left
        builder.jump(join, a)
        builder.current = right
        builder.jump(join, b)
        builder.current = join
        builder.finish(.use([a, b, parameter][use]))
        return builder
    }

    @Test func everyPathMustDeliverParameters() {
        // Instructions: 0 and 1 define, 2 branches, 3 and 4 jump, 5 uses. Left is block 1, right block 2.
        let left = move(3, Self.rax, Self.rdx)
        let right = move(4, Self.rcx, Self.rdx)
        let places = [Self.rax, Self.rcx, Self.rax, Self.rdx]
        #expect(!refuses(diamond(2), places, moves: [left, right]))
        #expect(refuses(diamond(2), places, moves: [left]))
        #expect(refuses(diamond(2), places, moves: [right]))
        #expect(refuses(diamond(2), places, moves: [move(3, Self.rcx, Self.rdx), right]))
        // A value that lives through must be in the same place on both.
        #expect(!refuses(diamond(1), [Self.rax, Self.rcx, Self.rax, Self.rcx]))
        #expect(refuses(diamond(1), [Self.rax, Self.rcx, Self.rax, Self.rdx], moves: [move(3, Self.rcx, Self.rdx)]))
    }

    @Test func aBackEdgeMustDeliverTheNewValue() {
        var builder = ProgramBuilder()
        let start = builder.constant()
        let header = builder.block(depth: 1, header: true)
        let counter = builder.parameter(of: header)
        builder.jump(header, start)
        builder.current = header
        let next = builder.compute(counter)
        let again = builder.block(depth: 1)
        let exit = builder.block()
        builder.branch(next, exit, again)
        builder.current = again
        builder.jump(header, next)
        builder.current = exit
        builder.finish()
        #expect(!refuses(builder, [Self.rax, Self.rax, Self.rax, Self.rax]))
        #expect(refuses(builder, [Self.rax, Self.rax, Self.rcx, Self.rcx]))
        #expect(!refuses(builder, [Self.rax, Self.rax, Self.rcx, Self.rcx], moves: [move(4, Self.rcx, Self.rax)]))
    }

    // MARK: - Mutations

    /// Breaks right answers at random. A broken answer can still be right: a reload on a back edge serves nobody if the
    /// value happens to be used behind the loop's first exit only. So the tests ask for a rate.
    private func detected(
        _ seeds: Range<UInt64>,
        _ mutate: (borrowing AllocationInput, inout AllocationOutput, inout SeededGenerator) -> Bool
    ) -> (caught: Int, tried: Int) {
        var caught = 0
        var tried = 0
        for seed in seeds {
            let input = ProgramGenerator.program(seed: seed, file: .tiny).input()
            var random = SeededGenerator(seed: seed &+ 77)
            var output = AllocationOutput()
            var allocator = RegisterAllocator()
            allocator.allocate(input, registers: .tiny, into: &output)
            guard mutate(input, &output, &random) else { continue }
            tried += 1
            if !AllocationChecker.check(input, output, registers: .tiny).isEmpty { caught += 1 }
        }
        return (caught, tried)
    }

    @Test func changedAllocationsAreCaught() {
        let (caught, tried) = detected(0..<150) { input, output, random in
            let index = Int.random(in: 0..<output.allocations.count, using: &random)
            let value = Int(input.operands[index].virtualRegister)
            // A definition that nobody reads may be anywhere.
            var isRead = false
            for operand in 0..<input.operands.count {
                let mention = input.operands[operand]
                if Int(mention.virtualRegister) == value, !mention.isDefinition { isRead = true }
            }
            guard isRead, output.allocations[index].isRegister else { return false }
            let base: UInt32 = input.registerClasses[value] == 0 ? 0 : 16
            output.allocations[index].bits = base | (output.allocations[index].bits &+ 1) & 3
            return true
        }
        #expect(tried > 100)
        #expect(caught * 100 >= tried * 95, "\(caught) of \(tried)")
    }

    @Test func droppedMovesAreCaught() {
        let (caught, tried) = detected(0..<150) { _, output, random in
            guard output.moves.count > 0 else { return false }
            let index = Int.random(in: 0..<output.moves.count, using: &random)
            for later in index..<(output.moves.count - 1) { output.moves[later] = output.moves[later + 1] }
            output.moves.truncate(to: output.moves.count - 1)
            return true
        }
        #expect(tried > 100)
        #expect(caught * 100 >= tried * 80, "\(caught) of \(tried)")
    }

    @Test func changedSlotsAreCaught() {
        let (caught, tried) = detected(0..<150) { _, output, random in
            let slots = (0..<output.moves.count).filter { output.moves[$0].from.isSlot }
            guard let index = slots.randomElement(using: &random), output.slotCount > 2 else { return false }
            output.moves[index].from = .slot((output.moves[index].from.slot + 2) % output.slotCount)
            return true
        }
        #expect(tried > 80)
        #expect(caught * 100 >= tried * 80, "\(caught) of \(tried)")
    }

    @Test func swappedMovesAreCaught() {
        let (caught, tried) = detected(0..<300) { _, output, random in
            // Two moves of one position of which the second overwrites what the first reads, or reads what it writes.
            let pairs = (0..<max(output.moves.count - 1, 0)).filter { index in
                let first = output.moves[index]
                let second = output.moves[index + 1]
                return first.position == second.position && (first.from == second.to || first.to == second.from)
            }
            guard let index = pairs.randomElement(using: &random) else { return false }
            let first = output.moves[index]
            output.moves[index] = output.moves[index + 1]
            output.moves[index + 1] = first
            return true
        }
        #expect(tried > 100)
        #expect(caught * 100 >= tried * 90, "\(caught) of \(tried)")
    }
}
