//! The limit on a module's machine code: kept while compiling, and the same answer for any number of threads.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Limit on machine code")
struct CodeLimitTests {
    private static let bodyCount = 96
    private static let invalidBody = 50

    private static func module(hasInvalidBody: Bool = false) throws -> DecodedModule {
        var builder = WasmBuilder()
        for index in 0..<bodyCount {
            builder.function("f\(index)", [.i32], [.i32]) { code in
                code.localGet(0)
                if hasInvalidBody, index == invalidBody { code.drop() }
                for term in 0...index { code.localGet(0).i32Const(Int32(term)).op(.i32Mul).op(.i32Add) }
            }
        }
        return try DecodedModule(decoding: builder.build())
    }

    private static func error(
        _ module: DecodedModule, threads: Int, maximumSize: Int
    ) -> CompilationError? {
        do throws(CompilationError) {
            _ = try ModuleCompiler.compile(module, threads: threads, isChecking: false, maximumSize: maximumSize)
            return nil
        } catch { return error }
    }

    @Test("Exactly the limit is allowed, a byte more is not", arguments: 1...6)
    func limit(threads: Int) throws {
        let module = try Self.module()
        let code = try ModuleCompiler.compile(module)
        for (size, expected) in [
            (code.text.count, nil), (code.text.count - 1, .codeTooLarge),
            (Int(code.functionOffsets[1]), .codeTooLarge), (0, .codeTooLarge),
        ] as [(Int, CompilationError?)] {
            #expect(Self.error(module, threads: threads, maximumSize: size) == expected, "\(size)")
        }
    }

    @Test("Compilation stops at the function that exceeds the limit")
    func stops() throws {
        let module = try Self.module()
        let code = try ModuleCompiler.compile(module)
        let budget = CodeBudget(Int(code.functionOffsets[10]))
        let context = ModuleContext(module)
        var compiler = FunctionCompiler(context, layout: VMContextLayout(module), isChecking: false)
        var output = CompiledFunctions()
        for body in 0..<10 { try compiler.compile(body: body, within: budget, into: &output) }
        let bytes = output.code.count
        var error: CompilationError?
        do throws(CompilationError) {
            try compiler.compile(body: 10, within: budget, into: &output)
        } catch let caught { error = caught }
        #expect(error == .codeTooLarge)
        #expect(output.code.count == bytes)
    }

    @Test("Whether an invalid body or the limit comes first does not depend on threads", arguments: 1...6)
    func order(threads: Int) throws {
        let reached = Int(try ModuleCompiler.compile(try Self.module()).functionOffsets[Self.invalidBody])
        let module = try Self.module(hasInvalidBody: true)
        for _ in 0..<10 {
            for size in [Assembler.defaultMaximumSize, reached] {
                guard case .invalid = Self.error(module, threads: threads, maximumSize: size) else {
                    Issue.record("not refused as invalid, with a limit of \(size)")
                    continue
                }
            }
            #expect(Self.error(module, threads: threads, maximumSize: reached - 1) == .codeTooLarge)
        }
    }
}
