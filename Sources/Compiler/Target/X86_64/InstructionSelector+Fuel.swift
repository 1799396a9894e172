//! Selection of what metered code does: fuel is a value in a register, and now and then in the root's context.

extension InstructionSelector {
    mutating func selectFuel(_ value: UInt32, _ instruction: IRInstruction) {
        var machine = MachineInstruction(operation: .loadFuel, width: .w64)
        if instruction.operation == .fuel {
            define(value: value)
            return finish(machine)
        }
        if instruction.operation == .payFuel, instruction.b == 0, !isUsed(instruction.a) {
            // Another name for what there was.
            return alias(instruction.a, to: register(of: value))
        }
        machine.immediate = Int64(instruction.b)
        switch instruction.operation {
        case .checkFuel: machine.operation = .checkFuel
        case .settleFuel: machine.operation = .settleFuel
        case _ where instruction.b == 0: machine.operation = .copy
        default:
            machine.operation = .aluImmediate
            machine.detail = ALU.sub.rawValue
        }
        use(instruction.a, .register)
        define(isUsed(value) ? register(of: value) : temporary(.integer), .register)
        finish(machine)
    }
}
