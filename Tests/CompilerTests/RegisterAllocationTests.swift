//! What the register allocator is expected to do with the shapes that matter, besides being right.

import Testing

@testable import Compiler

@Suite struct RegisterAllocationTests {
    // MARK: - Straight lines

    @Test func straightLineNeedsNoMoves() {
        var builder = ProgramBuilder()
        let a = builder.constant()
        let b = builder.constant()
        let c = builder.compute(a, b)
        builder.finish(.use(builder.compute(c, a)))
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.allMoves.isEmpty)
        #expect(program.output.slotCount == 0)
        #expect(program.output.calleeSavedUsed == 0)
    }

    @Test func resultTakesTheRegisterOfADyingFirstOperand() {
        var builder = ProgramBuilder()
        let a = builder.constant()
        let b = builder.constant()
        let c = builder.compute(b, a)
        builder.finish(.use(c))
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.output.allocations[2] == program.output.allocations[4])
    }

    @Test func valueIsBornInTheRegisterItsFixedUseWants() {
        var builder = ProgramBuilder()
        let a = builder.constant()
        let b = builder.constant()
        let c = builder.compute(a, b)
        builder.emit(.use(a, fixed: 7), .use(b, fixed: 6), .use(c, fixed: 2), clobbers: RegisterFile.x86.callerSaved)
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.allMoves.isEmpty)
    }

    @Test func rotatedArgumentsNeedOneMoveEachAndOneMore() {
        var builder = ProgramBuilder()
        let values = [7, 6, 2].map { register in
            let value = builder.value()
            builder.emit(.def(value, fixed: register))
            return value
        }
        builder.emit(
            .use(values[0], fixed: 6), .use(values[1], fixed: 2), .use(values[2], fixed: 7),
            clobbers: RegisterFile.x86.callerSaved)
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.allMoves.count == 4)
    }

    @Test(arguments: [RegisterFile.x86, .tiny]) func divisions(file: RegisterFile) {
        var builder = ProgramBuilder()
        let a = builder.constant()
        let b = builder.constant()
        var sum = builder.constant()
        for _ in 0..<4 {
            let quotient = builder.value()
            let remainder = builder.value()
            builder.emit(.use(a, fixed: 0), .lateUse(b), .def(quotient, fixed: 0), .def(remainder, fixed: 2))
            sum = builder.compute(sum, quotient)
            sum = builder.compute(sum, remainder)
        }
        builder.finish(.use(sum), .use(a), .use(b))
        let program = AllocatedProgram(builder, file)
        #expect(program.violations == [])
        #expect(program.output.slotCount == 0)
        // The dividend's copy and nothing else.
        #expect(program.allMoves.count <= 5)
    }

    @Test func shiftsWithALiveSourceCopyIt() {
        var builder = ProgramBuilder()
        let a = builder.constant()
        let count = builder.constant()
        let shifted = builder.value()
        builder.emit(.use(a), .use(count, fixed: 1), .def(shifted, reuse: 0))
        builder.finish(.use(a), .use(count), .use(shifted))
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.allMoves.count == 1)
    }

    @Test func tiedOperandThatDiesIsNotCopied() {
        var builder = ProgramBuilder()
        let a = builder.constant()
        let b = builder.constant()
        let result = builder.value()
        builder.emit(.use(a), .use(b), .def(result, reuse: 0))
        builder.finish(.use(b), .use(result))
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.allMoves.isEmpty)
    }

    @Test(arguments: [RegisterFile.x86, .tiny]) func oneValueUnderManyConstraints(file: RegisterFile) {
        var builder = ProgramBuilder()
        let a = builder.constant()
        let b = builder.value()
        builder.emit(.use(a), .use(a, fixed: 1), .use(a, fixed: 2), .lateUse(a, .any), .def(b, reuse: 0))
        builder.emit(.use(a, fixed: 0), .use(b, fixed: 1), .use(a, .any), .use(b))
        builder.finish(.use(b))
        #expect(AllocatedProgram(builder, file).violations == [])
    }

    @Test func earlyDefinitionsShareNothing() {
        var builder = ProgramBuilder()
        let a = builder.constant()
        let b = builder.constant()
        let temporary = builder.value()
        let result = builder.value()
        builder.emit(.use(a), .use(b), .earlyDef(temporary), .def(result))
        builder.finish(.use(result))
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.allMoves.isEmpty)
    }

    @Test func copyOfADyingValueStaysInPlace() {
        var builder = ProgramBuilder()
        let a = builder.constant(.float)
        let b = builder.value(.float)
        builder.emit([.use(a, .any), .def(b)], isCopy: true)
        builder.finish(.use(b))
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.output.allocations[1] == program.output.allocations[2])
    }

    @Test(arguments: [RegisterClass.integer, .float, .vector])
    func twoHundredLiveValues(registerClass: RegisterClass) {
        var builder = ProgramBuilder()
        let values = (0..<200).map { _ in builder.constant(registerClass) }
        for value in values { builder.emit(.use(value)) }
        for value in values.reversed() { builder.emit(.use(value, .any)) }
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        // Each is stored once at most and loaded for its first use only.
        #expect(program.allMoves.count <= 400)
        #expect(program.output.slotCount <= (registerClass == .vector ? 400 : 200))
    }

    @Test func slotsAreSharedByValuesThatDoNotMeet() {
        var builder = ProgramBuilder()
        for _ in 0..<10 {
            let values = (0..<20).map { _ in builder.constant() }
            for value in values { builder.emit(.use(value)) }
        }
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.output.slotCount <= 12)
    }

    @Test func vectorsLieInEvenSlots() {
        var builder = ProgramBuilder()
        var values: [Value] = []
        for index in 0..<60 { values.append(builder.constant(index % 3 == 0 ? .float : .vector)) }
        for value in values { builder.emit(.use(value)) }
        builder.finish()
        // The checker knows the rule.
        #expect(AllocatedProgram(builder).violations == [])
    }

    // MARK: - Calls

    @Test func valuesAcrossACallTakeCalleeSavedRegistersFirst() {
        var builder = ProgramBuilder()
        let values = (0..<3).map { _ in builder.constant() }
        builder.call(.x86)
        for value in values { builder.emit(.use(value)) }
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.allMoves.isEmpty)
        #expect(program.output.calleeSavedUsed == RegisterFile.x86.calleeSaved)
    }

    @Test func floatsAcrossCallsAreStoredOnce() {
        var builder = ProgramBuilder()
        let value = builder.constant(.float)
        for _ in 0..<5 { builder.call(.x86) }
        builder.finish(.use(value))
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.allMoves.count == 2)
    }

    @Test func aCallOnAColdPathCostsTheHotPathNothing() {
        var builder = ProgramBuilder()
        let values = (0..<6).map { _ in builder.constant() }
        let condition = builder.constant()
        let cold = builder.block(cold: true)
        let hot = builder.block()
        let join = builder.block()
        builder.branch(condition, cold, hot)
        builder.current = cold
        builder.call(.x86)
        builder.jump(join)
        builder.current = hot
        builder.jump(join)
        builder.current = join
        for value in values { builder.emit(.use(value)) }
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.moves { !$0.isCold }.isEmpty)
        #expect(program.output.calleeSavedUsed == 0)
    }

    // MARK: - Joins and loops

    @Test func diamondWithAParameterNeedsNoMoves() {
        var builder = ProgramBuilder()
        let a = builder.constant()
        let b = builder.constant()
        let then = builder.block()
        let otherwise = builder.block()
        let join = builder.block()
        let result = builder.parameter(of: join)
        builder.branch(a, then, otherwise)
        builder.current = then
        builder.jump(join, builder.compute(a, b))
        builder.current = otherwise
        builder.jump(join, builder.compute(b, a))
        builder.current = join
        builder.finish(.use(result), .use(b))
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.allMoves.isEmpty)
    }

    /// A loop that counts and adds: the form all others are built on.
    private func countingLoop(_ builder: inout ProgramBuilder, body: (inout ProgramBuilder, Value) -> Value) {
        let start = builder.constant()
        let zero = builder.constant()
        let header = builder.block(depth: 1, header: true)
        let counter = builder.parameter(of: header)
        let sum = builder.parameter(of: header)
        builder.jump(header, start, zero)
        builder.current = header
        let newSum = body(&builder, sum)
        let next = builder.compute(counter)
        let again = builder.block(depth: 1)
        let exit = builder.block()
        builder.branch(next, again, exit)
        builder.current = again
        builder.jump(header, next, newSum)
        builder.current = exit
        builder.emit(.use(newSum))
    }

    @Test func countingLoopNeedsNoMoves() {
        var builder = ProgramBuilder()
        countingLoop(&builder) { builder, sum in builder.compute(sum) }
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.allMoves.isEmpty)
    }

    @Test func valuesThatOnlyLiveThroughALoopAreSpilledOutsideIt() {
        var builder = ProgramBuilder()
        let through = (0..<8).map { _ in builder.constant() }
        let used = (0..<8).map { _ in builder.constant() }
        countingLoop(&builder) { builder, sum in
            var sum = sum
            for value in used { sum = builder.compute(sum, value) }
            return sum
        }
        for value in through { builder.emit(.use(value)) }
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.moves { $0.loopDepth > 0 }.isEmpty)
    }

    @Test func valuesSpilledBeforeALoopAreReloadedBeforeIt() {
        var builder = ProgramBuilder()
        let used = (0..<8).map { _ in builder.constant(.float) }
        builder.call(.x86)
        countingLoop(&builder) { builder, sum in
            for value in used { builder.emit(.use(value)) }
            return builder.compute(sum)
        }
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.moves { $0.loopDepth > 0 }.isEmpty)
    }

    @Test func aValueMadeInALoopAndSpilledBehindItIsStoredBehindIt() {
        var builder = ProgramBuilder()
        countingLoop(&builder) { builder, sum in builder.compute(sum) }
        let result = builder.blocks[builder.current].instructions.last!.operands[0].virtualRegister
        let others = (0..<14).map { _ in builder.constant() }
        for value in others { builder.emit(.use(value)) }
        builder.finish(.use(result))
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.moves { $0.loopDepth > 0 }.isEmpty)
        #expect(program.allMoves.contains { $0.to.isSlot })
    }

    @Test func aCallInALoopStoresNothingInIt() {
        var builder = ProgramBuilder()
        let invariants = (0..<3).map { _ in builder.constant(.float) }
        countingLoop(&builder) { builder, sum in
            builder.call(.x86)
            for value in invariants { builder.emit(.use(value, .any)) }
            return builder.compute(sum)
        }
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(!program.moves { $0.loopDepth > 0 }.contains { $0.to.isSlot })
    }

    @Test func aColdCallInALoopLeavesTheLoopAlone() {
        var builder = ProgramBuilder()
        let invariants = (0..<4).map { _ in builder.constant() }
        countingLoop(&builder) { builder, sum in
            var sum = sum
            for value in invariants { sum = builder.compute(sum, value) }
            let slow = builder.block(cold: true, depth: 1)
            let fast = builder.block(depth: 1)
            let join = builder.block(depth: 1)
            builder.branch(sum, slow, fast)
            builder.current = slow
            builder.call(.x86)
            builder.jump(join)
            builder.current = fast
            builder.jump(join)
            builder.current = join
            return builder.compute(sum, invariants[0])
        }
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.moves { !$0.isCold }.isEmpty)
        #expect(program.output.calleeSavedUsed == 0)
    }

    /// Three loops deep, as a product of matrices is: addresses, bounds and the sum stay where they are.
    @Test func matrixProductHasNoMovesInItsInnermostLoop() {
        var builder = ProgramBuilder()
        let a = builder.constant()
        let b = builder.constant()
        let size = builder.constant()
        var body: (inout ProgramBuilder, Int, [Value]) -> Void = { _, _, _ in }
        body = { builder, depth, indices in
            let zero = builder.constant()
            let header = builder.block(depth: depth, header: true)
            let again = builder.block(depth: depth)
            let exit = builder.block(depth: depth - 1)
            let index = builder.parameter(of: header)
            if depth < 3 {
                builder.jump(header, zero)
                builder.current = header
                body(&builder, depth + 1, indices + [index])
                let next = builder.compute(index)
                builder.emit(.use(next), .use(size, .any))
                builder.blocks[builder.current].successors = [again, exit]
                builder.current = again
                builder.jump(header, next)
            } else {
                let start = builder.constant(.float)
                let sum = builder.parameter(of: header, .float)
                builder.jump(header, zero, start)
                builder.current = header
                let left = builder.value(.float)
                builder.emit(.use(builder.compute(a, indices[0])), .use(index), .def(left))
                let right = builder.value(.float)
                builder.emit(.use(builder.compute(b, index)), .use(indices[1]), .def(right))
                let product = builder.compute(left, right)
                let newSum = builder.compute(sum, product)
                let next = builder.compute(index)
                builder.emit(.use(next), .use(size, .any))
                builder.blocks[builder.current].successors = [again, exit]
                builder.current = again
                builder.jump(header, next, newSum)
                builder.blocks[exit].instructions = []
                builder.current = exit
                builder.emit(.use(newSum), .use(indices[0]), .use(indices[1]))
            }
            builder.current = exit
        }
        body(&builder, 1, [])
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.allMoves.isEmpty)
    }

    @Test func nestedLoopsKeepTheInnerLoopClean() {
        var builder = ProgramBuilder()
        let outerValues = (0..<9).map { _ in builder.constant() }
        countingLoop(&builder) { builder, sum in
            var sum = sum
            for value in outerValues { sum = builder.compute(sum, value) }
            let header = builder.block(depth: 2, header: true)
            let again = builder.block(depth: 2)
            let exit = builder.block(depth: 1)
            let values = (0..<6).map { _ in builder.constant() }
            let index = builder.parameter(of: header)
            builder.jump(header, sum)
            builder.current = header
            var next = index
            for value in values { next = builder.compute(next, value) }
            builder.branch(next, again, exit)
            builder.current = again
            builder.jump(header, next)
            builder.current = exit
            return builder.compute(next)
        }
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        #expect(program.moves { $0.loopDepth > 1 }.isEmpty)
    }

    @Test(arguments: [2, 3, 12, 40], [RegisterClass.integer, .float, .vector])
    func parametersRotateOnABackEdge(count: Int, registerClass: RegisterClass) {
        var builder = ProgramBuilder()
        let initial = (0..<count).map { _ in builder.constant(registerClass) }
        let header = builder.block(depth: 1, header: true)
        let parameters = (0..<count).map { _ in builder.parameter(of: header, registerClass) }
        builder.jump(header, initial)
        builder.current = header
        let again = builder.block(depth: 1)
        let exit = builder.block()
        let condition = builder.constant()
        builder.branch(condition, again, exit)
        builder.current = again
        builder.jump(header, Array(parameters[1...]) + [parameters[0]])
        builder.current = exit
        for parameter in parameters { builder.emit(.use(parameter)) }
        builder.finish()
        for file in [RegisterFile.x86, .tiny] {
            #expect(AllocatedProgram(builder, file).violations == [])
        }
    }

    @Test func parametersOfAllClassesSwapAtOnce() {
        var builder = ProgramBuilder()
        let classes: [RegisterClass] = (0..<48).map { [.integer, .float, .vector][$0 % 3] }
        let initial = classes.map { builder.constant($0) }
        let header = builder.block(depth: 1, header: true)
        let parameters = classes.map { builder.parameter(of: header, $0) }
        builder.jump(header, initial)
        builder.current = header
        let again = builder.block(depth: 1)
        let exit = builder.block()
        let condition = builder.constant()
        builder.branch(condition, again, exit)
        builder.current = again
        // Pairs swap; one value of each class goes to several parameters.
        var arguments = parameters
        for index in stride(from: 0, to: 36, by: 6) {
            for offset in 0..<3 { arguments.swapAt(index + offset, index + offset + 3) }
        }
        for index in 36..<48 { arguments[index] = parameters[index % 3] }
        builder.jump(header, arguments)
        builder.current = exit
        for parameter in parameters { builder.emit(.use(parameter, .any)) }
        builder.finish()
        for file in [RegisterFile.x86, .tiny] {
            #expect(AllocatedProgram(builder, file).violations == [])
        }
    }

    @Test func hundredsOfParameters() {
        var builder = ProgramBuilder()
        let condition = builder.constant()
        let values = (0..<300).map { builder.constant($0 % 2 == 0 ? .integer : .float) }
        let left = builder.block()
        let right = builder.block()
        let join = builder.block()
        let parameters = values.map { builder.parameter(of: join, builder.classes[Int($0)]) }
        builder.branch(condition, left, right)
        builder.current = left
        builder.jump(join, values)
        builder.current = right
        builder.jump(join, (0..<300).map { values[($0 + 2) % 300] })
        builder.current = join
        for parameter in parameters { builder.emit(.use(parameter, .any)) }
        builder.finish()
        #expect(AllocatedProgram(builder).violations == [])
    }

    /// An interpreter's loop: each arm changes one of many variables, a join collects them, the loop starts again.
    @Test func variablesThatAnArmDoesNotChangeStayWhereTheyAre() {
        var builder = ProgramBuilder()
        let count = 30
        let initial = (0..<count).map { _ in builder.constant() }
        let header = builder.block(depth: 1, header: true)
        let variables = (0..<count).map { _ in builder.parameter(of: header) }
        builder.jump(header, initial)
        builder.current = header
        let opcode = builder.constant()
        let join = builder.block(depth: 1)
        let merged = (0..<count).map { _ in builder.parameter(of: join) }
        let arms = (0..<count).map { _ in builder.block(depth: 1) }
        let leave = builder.block()
        builder.emit(.use(opcode))
        builder.blocks[builder.current].successors = arms + [leave]
        for (index, arm) in arms.enumerated() {
            builder.current = arm
            var next = variables
            next[index] = builder.compute(variables[index])
            builder.jump(join, next)
        }
        builder.current = join
        builder.jump(header, merged)
        builder.current = leave
        for variable in variables { builder.emit(.use(variable, .any)) }
        builder.finish()
        let program = AllocatedProgram(builder)
        #expect(program.violations == [])
        // Per arm a few moves for the variable it changes, none for the others.
        #expect(program.moves { $0.loopDepth > 0 }.count <= 3 * count)
    }

    @Test func manyWaysIntoOneJoin() {
        var builder = ProgramBuilder()
        let selector = builder.constant()
        let values = (0..<10).map { _ in builder.constant() }
        let join = builder.block()
        let result = builder.parameter(of: join)
        let arms = (0..<200).map { _ in builder.block() }
        builder.emit(.use(selector))
        builder.blocks[builder.current].successors = arms
        for (index, arm) in arms.enumerated() {
            builder.current = arm
            builder.jump(join, index % 2 == 0 ? values[index % 10] : builder.compute(values[index % 10]))
        }
        builder.current = join
        builder.finish(.use(result), .use(values[3]))
        #expect(AllocatedProgram(builder).violations == [])
    }

    // MARK: - Size

    /// Values that all live across all blocks: sets of that size must not be built.
    @Test func aHostileFunctionIsAllocatedBlockByBlock() {
        var builder = ProgramBuilder()
        let count = 6000
        let values = (0..<count).map { builder.constant($0 % 7 == 0 ? .vector : .integer) }
        let condition = builder.constant()
        for _ in 0..<count {
            let next = builder.block()
            let side = builder.block()
            builder.branch(condition, next, side)
            builder.current = side
            builder.finish()
            builder.current = next
        }
        for value in values { builder.emit(.use(value, .any)) }
        builder.finish()
        let input = builder.input()
        var output = AllocationOutput()
        var allocator = RegisterAllocator()
        let clock = ContinuousClock()
        let time = clock.measure { allocator.allocate(input, registers: .x86, into: &output) }
        let isLocal = allocator.isLocal
        #expect(isLocal)
        #expect(time < .seconds(5))
    }

    @Test func blockLocalAllocationIsRight() {
        for seed in 0..<200 as Range<UInt64> {
            for file in [RegisterFile.x86, .tiny] {
                let input = ProgramGenerator.program(seed: seed, file: file).input()
                var output = AllocationOutput()
                var allocator = RegisterAllocator()
                allocator.liveSetLimit = 0
                allocator.allocate(input, registers: file, into: &output)
                let isLocal = allocator.isLocal
                #expect(isLocal)
                #expect(AllocationChecker.check(input, output, registers: file) == [], "seed \(seed)")
            }
        }
    }
}
