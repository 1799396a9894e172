//! A function's way to machine instructions, for tests of what is selected.

import WasmModule

@testable import Compiler

extension SelectedFunction {
    /// A function of a module, by its body, translated, cleaned up and selected.
    init(body: Int = 0, of bytes: [UInt8], _ settings: CodeSettings = .init()) throws {
        self.init()
        let module = try DecodedModule(decoding: bytes)
        let context = ModuleContext(module, settings: settings)
        var translator = FunctionTranslator()
        var elimination = DeadCodeElimination()
        var selector = InstructionSelector(module: context, layout: VMContextLayout(module))
        var function = IRFunction()
        try translator.translate(body: body, of: context, into: &function)
        elimination.run(on: &function, in: context)
        selector.select(function, into: &self)
    }

    var operations: [MachineOperation] { (0..<instructions.count).map { instructions[$0].operation } }
}
