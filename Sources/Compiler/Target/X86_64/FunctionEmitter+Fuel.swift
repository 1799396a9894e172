//! Emission of what metered code does beside the guest's work.
//!
//! A guest takes its fuel in slices, so that a check is a subtraction and a jump that is hardly ever taken, and whoever finds
//! nothing but the context after a fault still knows what is left but for a slice (`VMContextLayout.fuel`).

extension FunctionEmitter {
    private var root: Memory { .base(X86_64.context, Int32(VMContextLayout.root)) }
    private var slice: Memory { .base(X86_64.scratch, Int32(VMContextLayout.fuel)) }
    private var reserve: Memory { .base(X86_64.scratch, Int32(VMContextLayout.fuelReserve)) }

    mutating func emitFuel(_ machine: MachineInstruction, _ index: UInt32) {
        if machine.operation == .loadFuel {
            assembler.mov(.w64, X86_64.scratch, root)
            return assembler.mov(.w64, register(index, 0), slice)
        }
        let left = register(index, 1)
        copy(left, register(index, 0))
        if machine.immediate == 0 {
            assembler.test(.w64, left, left)
        } else {
            assembler.alu(.sub, .w64, left, imm: Int32(truncatingIfNeeded: machine.immediate))
        }
        let back = assembler.newLabel()
        // Less and not negative: processors join that with the subtraction.
        assembler.jcc(.less, detour(.nextSlice, index, back: back))
        assembler.bind(back)
        guard machine.operation == .settleFuel else { return }
        assembler.mov(.w64, X86_64.scratch, root)
        assembler.mov(.w64, slice, left)
    }

    /// What is lacking is taken from the reserve, and a slice with it, as far as there is one.
    mutating func emitNextSlice(_ item: OutOfLine) {
        let left = register(item.instruction, 1)
        let isLast = assembler.newLabel()
        assembler.mov(.w64, X86_64.scratch, root)
        assembler.alu(.add, .w64, left, reserve)
        trap(.outOfFuel, if: .less, source: item.source)
        assembler.alu(.sub, .w64, left, imm: Int32(VMContextLayout.fuelSlice))
        assembler.jcc(.less, isLast)
        assembler.mov(.w64, reserve, left)
        assembler.movImmediate(left, UInt64(VMContextLayout.fuelSlice))
        assembler.jmp(item.back)
        assembler.bind(isLast)
        assembler.mov(.w64, reserve, imm: 0)
        assembler.alu(.add, .w64, left, imm: Int32(VMContextLayout.fuelSlice))
        assembler.jmp(item.back)
    }
}
