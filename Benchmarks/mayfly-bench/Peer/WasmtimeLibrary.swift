//! Wasmtime's C API as function pointers, taken from its shared library while the benchmark runs.
//!
//! The benchmark must build, and measure Mayfly, where no other engine is installed, so nothing is linked: the library
//! is opened by path, and each function is found by its name in the table below. Prototypes and struct layouts are
//! those of Wasmtime 50's C headers. Structs cross the boundary as raw memory, with their offsets named in `Layout`,
//! because the headers are not there to import either.
//!
//! Invariant: once `init` has returned, every pointer in the table is there. The library is never closed, for code
//! of its signal handlers stays in use until the process ends.
//!
//! Opening another library of the same file name is possible but unchecked: there is no version to ask for in the C
//! API.

import Glibc

struct WasmtimeLibrary: Sendable {
    typealias Object = UnsafeMutableRawPointer

    /// Where fields lie, in bytes (Wasmtime 50, x86-64).
    enum Layout {
        /// `wasmtime_extern_t`: a kind byte, then a union whose largest member holds three words.
        static let externSize = 32
        static let externPayload = 8
        static let externKindFunction: UInt8 = 0
        /// `WASM_I32`.
        static let valueKindI32: UInt8 = 0
        /// `wasmtime_instance_t`: a store's identity and an index.
        static let instanceSize = 16
        /// `wasmtime_val_raw_t`: a union with a 128-bit vector.
        static let rawValueSize = 16
        /// `wasm_byte_vec_t` and every other vector: a size, then a pointer.
        static let vectorSize = 16
        /// `wasmtime_val_t`: a kind byte, then a union whose largest member holds 128 bits.
        static let valueSize = 32
        static let valuePayload = 8
        static let vectorData = 8
    }

    typealias HostCallback =
        @convention(c) (Object?, Object?, UnsafeRawPointer?, Int, Object?, Int) -> Object?

    typealias UncheckedCallback = @convention(c) (Object?, Object?, Object?, Int) -> Object?

    /// Takes bytes and says how many.
    typealias OutputCallback = @convention(c) (Object?, UnsafePointer<UInt8>?, Int) -> Int

    typealias Finalizer = @convention(c) (Object?) -> Void

    let configNew: @convention(c) () -> Object?
    let configParallelCompilationSet: @convention(c) (Object, Bool) -> Void
    let configConsumeFuelSet: @convention(c) (Object, Bool) -> Void
    let configMemoryReservationSet: @convention(c) (Object, UInt64) -> Void
    let configMemoryGuardSizeSet: @convention(c) (Object, UInt64) -> Void
    let engineNewWithConfig: @convention(c) (Object) -> Object?
    let engineDelete: @convention(c) (Object) -> Void

    let poolingNew: @convention(c) () -> Object?
    let poolingDelete: @convention(c) (Object) -> Void
    let poolingMemoryKeepResidentSet: @convention(c) (Object, Int) -> Void
    let poolingTableKeepResidentSet: @convention(c) (Object, Int) -> Void
    let poolingDecommitBatchSizeSet: @convention(c) (Object, Int) -> Void
    let poolingMaxMemorySizeSet: @convention(c) (Object, Int) -> Void
    let poolingTableElementsSet: @convention(c) (Object, Int) -> Void
    let poolingMaxUnusedWarmSlotsSet: @convention(c) (Object, UInt32) -> Void
    let poolingTotalCoreInstancesSet: @convention(c) (Object, UInt32) -> Void
    let poolingTotalMemoriesSet: @convention(c) (Object, UInt32) -> Void
    let poolingTotalTablesSet: @convention(c) (Object, UInt32) -> Void
    let poolingTotalStacksSet: @convention(c) (Object, UInt32) -> Void
    let poolingStrategySet: @convention(c) (Object, Object) -> Void

    let moduleNew: @convention(c) (Object, UnsafePointer<UInt8>?, Int, Object) -> Object?
    let moduleSerialize: @convention(c) (Object, Object) -> Object?
    let moduleDeserializeFile: @convention(c) (Object, UnsafePointer<CChar>, Object) -> Object?
    let moduleDelete: @convention(c) (Object) -> Void
    let moduleImports: @convention(c) (Object, Object) -> Void
    let importTypeType: @convention(c) (Object) -> Object?
    let importTypeVectorDelete: @convention(c) (Object) -> Void
    let externTypeAsFunctionType: @convention(c) (Object) -> Object?

    let linkerNew: @convention(c) (Object) -> Object?
    let linkerDelete: @convention(c) (Object) -> Void
    let linkerDefineWASI: @convention(c) (Object) -> Object?
    let linkerDefineFunction:
        @convention(c) (
            Object, UnsafePointer<CChar>, Int, UnsafePointer<CChar>, Int, Object, HostCallback, Object?,
            Finalizer?
        ) -> Object?
    let linkerDefineFunctionUnchecked:
        @convention(c) (
            Object, UnsafePointer<CChar>, Int, UnsafePointer<CChar>, Int, Object, UncheckedCallback, Object?,
            Finalizer?
        ) -> Object?
    let linkerInstantiatePre: @convention(c) (Object, Object, Object) -> Object?
    let functionTypeNew: @convention(c) (Object, Object) -> Object?
    let valueTypeNew: @convention(c) (UInt8) -> Object?
    let valueTypeVectorNew: @convention(c) (Object, Int, UnsafePointer<Object?>) -> Void
    let functionTypeDelete: @convention(c) (Object) -> Void

    let instancePreInstantiate: @convention(c) (Object, Object, Object, Object) -> Object?
    let instancePreDelete: @convention(c) (Object) -> Void
    let instanceExportGet: @convention(c) (Object, Object, UnsafePointer<CChar>, Int, Object) -> Bool
    let functionCallUnchecked: @convention(c) (Object, UnsafeRawPointer, Object, Int, Object) -> Object?

    let memoryData: @convention(c) (Object, UnsafeRawPointer) -> Object?
    let memoryDataSize: @convention(c) (Object, UnsafeRawPointer) -> Int
    let globalGet: @convention(c) (Object, UnsafeRawPointer, Object) -> Void

    let storeNew: @convention(c) (Object, Object?, Object?) -> Object?
    let contextSetFuel: @convention(c) (Object, UInt64) -> Object?
    let storeContext: @convention(c) (Object) -> Object?
    let storeDelete: @convention(c) (Object) -> Void

    let wasiConfigNew: @convention(c) () -> Object?
    let wasiConfigSetArguments: @convention(c) (Object, Int, Object) -> Bool
    let wasiConfigSetStandardOutputFile: @convention(c) (Object, UnsafePointer<CChar>) -> Bool
    let wasiConfigSetStandardErrorFile: @convention(c) (Object, UnsafePointer<CChar>) -> Bool
    let wasiConfigSetStandardOutput: @convention(c) (Object, OutputCallback, Object?, Finalizer?) -> Void
    let wasiConfigPreopenDirectory: @convention(c) (Object, UnsafePointer<CChar>, UnsafePointer<CChar>, Bool) -> Bool
    let contextSetWASI: @convention(c) (Object, Object) -> Object?

    let errorMessage: @convention(c) (Object, Object) -> Void
    let errorExitStatus: @convention(c) (Object, UnsafeMutablePointer<CInt>) -> Bool
    let errorDelete: @convention(c) (Object) -> Void
    let trapMessage: @convention(c) (Object, Object) -> Void
    let trapCode: @convention(c) (Object, UnsafeMutablePointer<UInt8>) -> Bool
    let trapDelete: @convention(c) (Object) -> Void
    let byteVectorDelete: @convention(c) (Object) -> Void

    /// Opens the library at `path` and finds every function of the table.
    init(path: String) throws {
        guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            throw BenchmarkError("the peer's library does not open: \(dlerror().map { String(cString: $0) } ?? path)")
        }
        func function<Function>(_ name: String) throws -> Function {
            guard let address = dlsym(handle, name) else {
                throw BenchmarkError("\(path) has no function \(name): is it Wasmtime 50?")
            }
            return unsafeBitCast(address, to: Function.self)
        }
        configNew = try function("wasm_config_new")
        configParallelCompilationSet = try function("wasmtime_config_parallel_compilation_set")
        configConsumeFuelSet = try function("wasmtime_config_consume_fuel_set")
        configMemoryReservationSet = try function("wasmtime_config_memory_reservation_set")
        configMemoryGuardSizeSet = try function("wasmtime_config_memory_guard_size_set")
        engineNewWithConfig = try function("wasm_engine_new_with_config")
        engineDelete = try function("wasm_engine_delete")

        poolingNew = try function("wasmtime_pooling_allocation_config_new")
        poolingDelete = try function("wasmtime_pooling_allocation_config_delete")
        poolingMemoryKeepResidentSet = try function(
            "wasmtime_pooling_allocation_config_linear_memory_keep_resident_set")
        poolingTableKeepResidentSet = try function("wasmtime_pooling_allocation_config_table_keep_resident_set")
        poolingDecommitBatchSizeSet = try function("wasmtime_pooling_allocation_config_decommit_batch_size_set")
        poolingMaxMemorySizeSet = try function("wasmtime_pooling_allocation_config_max_memory_size_set")
        poolingTableElementsSet = try function("wasmtime_pooling_allocation_config_table_elements_set")
        poolingMaxUnusedWarmSlotsSet = try function(
            "wasmtime_pooling_allocation_config_max_unused_warm_slots_set")
        poolingTotalCoreInstancesSet = try function("wasmtime_pooling_allocation_config_total_core_instances_set")
        poolingTotalMemoriesSet = try function("wasmtime_pooling_allocation_config_total_memories_set")
        poolingTotalTablesSet = try function("wasmtime_pooling_allocation_config_total_tables_set")
        poolingTotalStacksSet = try function("wasmtime_pooling_allocation_config_total_stacks_set")
        poolingStrategySet = try function("wasmtime_pooling_allocation_strategy_set")

        moduleNew = try function("wasmtime_module_new")
        moduleSerialize = try function("wasmtime_module_serialize")
        moduleDeserializeFile = try function("wasmtime_module_deserialize_file")
        moduleDelete = try function("wasmtime_module_delete")
        moduleImports = try function("wasmtime_module_imports")
        importTypeType = try function("wasm_importtype_type")
        importTypeVectorDelete = try function("wasm_importtype_vec_delete")
        externTypeAsFunctionType = try function("wasm_externtype_as_functype_const")

        linkerNew = try function("wasmtime_linker_new")
        linkerDelete = try function("wasmtime_linker_delete")
        linkerDefineWASI = try function("wasmtime_linker_define_wasi")
        linkerDefineFunction = try function("wasmtime_linker_define_func")
        linkerDefineFunctionUnchecked = try function("wasmtime_linker_define_func_unchecked")
        linkerInstantiatePre = try function("wasmtime_linker_instantiate_pre")
        functionTypeNew = try function("wasm_functype_new")
        valueTypeNew = try function("wasm_valtype_new")
        valueTypeVectorNew = try function("wasm_valtype_vec_new")
        functionTypeDelete = try function("wasm_functype_delete")

        instancePreInstantiate = try function("wasmtime_instance_pre_instantiate")
        instancePreDelete = try function("wasmtime_instance_pre_delete")
        instanceExportGet = try function("wasmtime_instance_export_get")
        functionCallUnchecked = try function("wasmtime_func_call_unchecked")

        memoryData = try function("wasmtime_memory_data")
        memoryDataSize = try function("wasmtime_memory_data_size")
        globalGet = try function("wasmtime_global_get")

        storeNew = try function("wasmtime_store_new")
        contextSetFuel = try function("wasmtime_context_set_fuel")
        storeContext = try function("wasmtime_store_context")
        storeDelete = try function("wasmtime_store_delete")

        wasiConfigNew = try function("wasi_config_new")
        wasiConfigSetArguments = try function("wasi_config_set_argv")
        wasiConfigSetStandardOutputFile = try function("wasi_config_set_stdout_file")
        wasiConfigSetStandardErrorFile = try function("wasi_config_set_stderr_file")
        wasiConfigSetStandardOutput = try function("wasi_config_set_stdout_custom")
        wasiConfigPreopenDirectory = try function("wasi_config_preopen_dir")
        contextSetWASI = try function("wasmtime_context_set_wasi")

        errorMessage = try function("wasmtime_error_message")
        errorExitStatus = try function("wasmtime_error_exit_status")
        errorDelete = try function("wasmtime_error_delete")
        trapMessage = try function("wasm_trap_message")
        trapCode = try function("wasmtime_trap_code")
        trapDelete = try function("wasm_trap_delete")
        byteVectorDelete = try function("wasm_byte_vec_delete")
    }

    /// Throws what `error` or `trap` says, and frees it. Neither: nothing happens.
    @inline(__always)
    func check(_ error: Object?, trap: Object? = nil, _ doing: @autoclosure () -> String) throws {
        if error == nil && trap == nil { return }
        throw failure(error, trap, doing())
    }

    private func failure(_ error: Object?, _ trap: Object?, _ doing: String) -> BenchmarkError {
        let text = withUnsafeTemporaryAllocation(byteCount: Layout.vectorSize, alignment: 8) { vector -> String in
            let base = vector.baseAddress!
            if let error {
                errorMessage(error, base)
                errorDelete(error)
            } else if let trap {
                trapMessage(trap, base)
            }
            if let trap { trapDelete(trap) }
            defer { byteVectorDelete(base) }
            guard let data = base.load(fromByteOffset: Layout.vectorData, as: UnsafePointer<UInt8>?.self) else {
                return ""
            }
            return String(decoding: UnsafeBufferPointer(start: data, count: base.load(as: Int.self)), as: UTF8.self)
        }
        return BenchmarkError("peer, \(doing): \(text)")
    }

    /// An object the C API always makes.
    func made(_ object: Object?, _ what: String) throws -> Object {
        guard let object else { throw BenchmarkError("peer: no \(what)") }
        return object
    }
}
