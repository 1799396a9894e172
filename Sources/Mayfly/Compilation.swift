//! From a decoded module to code: the seam to the compiler.

import Compiler
import WasmModule

extension Engine {
    func compiledCode(of module: DecodedModule) throws(CompileError) -> CompiledCode {
        throw .compiler("this build has no code generator")
    }
}
