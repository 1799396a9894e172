//! From a decoded module to code: the seam to the compiler.

import Compiler
import Glibc
import WasmModule

extension Engine {
    func compiledCode(
        of module: DecodedModule, _ settings: CodeSettings, _ monitor: CompilationMonitor? = nil
    ) throws(CompileError) -> CompiledCode {
        let threads = configuration.compilationThreads
        do throws(CompilationError) {
            return try ModuleCompiler.compile(
                module, settings: settings,
                threads: threads > 0 ? threads : max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
                monitor: monitor)
        } catch {
            switch error {
            case .invalid(let error): throw .module(error)
            case .functionTooComplex, .codeTooLarge: throw .compiler(error.description)
            }
        }
    }
}
