//! What a user of Mayfly sees of the layers below, so that `import Mayfly` is the only import needed.

@_exported public import struct Compiler.CodeSettings
@_exported public import class Compiler.CompilationMonitor
@_exported public import enum Compiler.TrapCode
@_exported public import enum Runtime.CallError
@_exported public import enum Runtime.CopyError
@_exported public import struct Runtime.DenseClass
@_exported public import struct Runtime.ExternReference
@_exported public import struct Runtime.FunctionReference
@_exported public import enum Runtime.GrowthPolicy
@_exported public import struct Runtime.KernelFeatures
@_exported public import enum Runtime.LinkError
@_exported public import struct Runtime.MemoryAccessError
@_exported public import struct Runtime.PoolConfiguration
@_exported public import enum Runtime.PoolError
@_exported public import struct Runtime.PoolStatistics
@_exported public import enum Runtime.ResetPolicy
@_exported public import struct Runtime.Trap
@_exported public import struct WasmModule.FunctionType
@_exported public import struct WasmModule.GlobalType
@_exported public import struct WasmModule.Limits
@_exported public import struct WasmModule.MemoryType
@_exported public import struct WasmModule.TableType
@_exported public import struct WasmModule.V128
@_exported public import struct WasmModule.ValueType
@_exported public import struct WasmModule.WasmError
@_exported public import struct WasmText.TextError
