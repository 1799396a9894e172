//! Which fields of an instruction are values, and where control goes: the one place that knows, for every pass.

extension Operation {
    /// How many of the fields a, b, c (in this order) are values. Lists are not counted.
    @inline(__always) var valueFieldCount: Int {
        switch self {
        case .add, .subtract, .multiply, .and, .or, .xor, .shiftLeft, .shiftRightSigned, .shiftRightUnsigned,
            .rotateLeft, .rotateRight, .divideSigned, .divideUnsigned, .remainderSigned, .remainderUnsigned,
            .integerCompare, .floatAdd, .floatSubtract, .floatMultiply, .floatDivide, .floatMinimum, .floatMaximum,
            .floatCopySign, .floatCompare, .vectorBinary, .store, .tableSet:
            2
        case .countLeadingZeros, .countTrailingZeros, .populationCount, .signExtend8, .signExtend16, .signExtend32,
            .floatNegate, .floatAbsolute, .floatSquareRoot, .floatCeil, .floatFloor, .floatTruncate, .floatNearest,
            .wrap, .zeroExtend, .signExtend, .truncateSigned, .truncateUnsigned, .truncateSaturatingSigned,
            .truncateSaturatingUnsigned, .convertSigned, .convertUnsigned, .promote, .demote, .reinterpret, .load,
            .vectorUnary, .globalSet, .tableGet, .payFuel, .checkFuel, .settleFuel, .branch, .branchTable:
            1
        case .select, .vectorTernary: 3
        case .nop, .parameter, .integerConstant, .floatConstant, .vectorConstant, .result, .functionReference,
            .memorySize,
            .globalGet, .tableSize, .fuel, .call, .callIndirect, .callRuntime, .jump, .return, .trap, .tailCall,
            .tailCallIndirect,
            .tryCall, .tryCallIndirect, .throw:
            0
        }
    }
}

extension IRInstruction {
    /// The list with values, if there is one: for indirect calls it begins with the element index value and the table
    /// index (not a value), and the count includes these two.
    @inline(__always) var list: (first: UInt32, count: UInt32, isIndirect: Bool) {
        switch operation {
        case .call, .callRuntime, .tailCall, .tryCall, .throw: (b, c, false)
        case .return: (a, b, false)
        case .callIndirect, .tailCallIndirect: (a, b &+ 2, true)
        case .tryCallIndirect: (b, c &+ 2, true)
        default: (0, 0, false)
        }
    }
}

extension IRFunction {
    /// Calls `body` with the index of every edge that leaves through a terminator.
    @inline(__always)
    func forEachEdge(of instruction: IRInstruction, _ body: (UInt32) -> Void) {
        switch instruction.operation {
        case .jump: body(instruction.a)
        case .branch:
            body(instruction.b)
            body(instruction.c)
        case .branchTable:
            var edge = instruction.b
            let end = edge &+ instruction.c
            while edge < end {
                body(edge)
                edge &+= 1
            }
        case .tryCall, .tryCallIndirect:
            body(lists[instruction.d &+ 1])
            var index = instruction.d &+ 4
            for _ in 0..<lists[instruction.d &+ 2] {
                body(lists[index])
                index &+= 2
            }
        default: break
        }
    }

    /// Calls `body` with every value the instruction uses itself, edge arguments excepted.
    @inline(__always)
    func forEachOperand(of instruction: IRInstruction, _ body: (UInt32) -> Void) {
        let fields = instruction.operation.valueFieldCount
        if fields > 0 { body(instruction.a) }
        if fields > 1 { body(instruction.b) }
        if fields > 2 { body(instruction.c) }
        let list = instruction.list
        var index: UInt32 = 0
        while index < list.count {
            if !(list.isIndirect && index == 1) { body(lists[list.first &+ index]) }
            index &+= 1
        }
    }

    @inline(__always) func terminator(of block: UInt32) -> IRInstruction { instructions[blocks[block].end &- 1] }
}
