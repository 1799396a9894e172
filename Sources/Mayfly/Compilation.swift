//! From a decoded module to code: the seam to the compiler.

import Compiler
import Glibc
import WasmModule

extension Engine {
    func compiledCode(of module: DecodedModule) throws(CompileError) -> CompiledCode {
        do {
            return try ModuleCompiler.compile(module, threads: compilationThreads)
        } catch {
            switch error {
            case .invalid(let error): throw .module(error)
            case .functionTooComplex, .codeTooLarge: throw .compiler(error.description)
            }
        }
    }

    private var compilationThreads: Int {
        configuration.compilationThreads > 0 ? configuration.compilationThreads : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }
}
