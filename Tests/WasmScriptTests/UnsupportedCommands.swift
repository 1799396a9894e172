//! What of the specification's suite needs something that Mayfly does not support: generated, by running the suite.

enum UnsupportedCommands {
    static let list: [String: String] = {
        var list: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            list[String(parts[0])] = String(parts[1])
        }
        return list
    }()

    private static let text = """
        address0.wast 92: multiple memories are not supported
        address1.wast 127: multiple memories are not supported
        address64.wast 242: memory64 is not supported
        align0.wast 5: multiple memories are not supported
        align64.wast 111: memory64 is not supported
        annotations.wast 2: imports of a table are not supported
        array.wast 54: garbage-collected types are not supported
        array_copy.wast 35: garbage-collected types are not supported
        array_fill.wast 30: garbage-collected types are not supported
        array_init_data.wast 46: garbage-collected types are not supported
        array_init_elem.wast 36: garbage-collected types are not supported
        array_new_data.wast 28: garbage-collected types are not supported
        array_new_elem.wast 24: garbage-collected types are not supported
        binary-gc.wast 1: garbage-collected types are not supported
        binary0.wast 5: multiple memories are not supported
        binary_leb128_64.wast 2: memory64 is not supported
        br_if.wast 1: typed function references are not supported
        br_on_cast.wast 37: garbage-collected types are not supported; typed function references are not supported
        br_on_cast_fail.wast 37: garbage-collected types are not supported; typed function references are not supported
        br_on_non_null.wast 12: typed function references are not supported
        br_on_null.wast 10: typed function references are not supported
        br_table.wast 162: typed function references are not supported
        bulk64.wast 70: memory64 is not supported
        call_indirect64.wast 2: memory64 is not supported
        call_ref.wast 35: typed function references are not supported
        data.wast 16: imports of a memory are not supported
        data0.wast 4: imports of a memory are not supported; multiple memories are not supported
        data1.wast 14: imports of a memory are not supported; multiple memories are not supported
        data_drop0.wast 11: multiple memories are not supported
        elem.wast 45: functions of another module as values are not supported; imports of a table are not supported; typed function references are not supported
        endianness64.wast 69: memory64 is not supported
        exports.wast 1: exception handling is not supported
        exports0.wast 4: multiple memories are not supported
        extern.wast 18: garbage-collected types are not supported
        float_exprs0.wast 14: multiple memories are not supported
        float_exprs1.wast 3: multiple memories are not supported
        float_memory0.wast 30: multiple memories are not supported
        float_memory64.wast 90: memory64 is not supported
        func.wast 1: typed function references are not supported
        global.wast 7: typed function references are not supported
        i31.wast 71: garbage-collected types are not supported; typed function references are not supported
        imports.wast 167: exception handling is not supported; imports of a memory are not supported; imports of a table are not supported
        imports0.wast 7: multiple memories are not supported
        imports1.wast 5: multiple memories are not supported
        imports2.wast 19: imports of a memory are not supported; multiple memories are not supported
        imports3.wast 9: multiple memories are not supported
        imports4.wast 13: multiple memories are not supported
        instance.wast 20: multiple memories are not supported; typed function references are not supported
        linking.wast 115: imports of a memory are not supported; imports of a mutable global are not supported; imports of a table are not supported; typed function references are not supported
        linking0.wast 3: multiple memories are not supported
        linking1.wast 13: multiple memories are not supported
        linking2.wast 10: multiple memories are not supported
        linking3.wast 11: imports of a memory are not supported; multiple memories are not supported
        load0.wast 3: multiple memories are not supported
        load1.wast 16: multiple memories are not supported
        load2.wast 38: multiple memories are not supported
        load64.wast 84: memory64 is not supported
        local_init.wast 10: typed function references are not supported
        local_tee.wast 1: typed function references are not supported
        memory-multi.wast 6: multiple memories are not supported
        memory64-imports.wast 66: memory64 is not supported
        memory64.wast 60: memory64 is not supported
        memory_copy0.wast 29: multiple memories are not supported
        memory_copy1.wast 14: multiple memories are not supported
        memory_copy64.wast 586: memory64 is not supported
        memory_fill0.wast 16: multiple memories are not supported
        memory_fill64.wast 99: memory64 is not supported
        memory_grow.wast 50: multiple memories are not supported
        memory_grow64.wast 49: memory64 is not supported
        memory_init0.wast 13: multiple memories are not supported
        memory_init64.wast 248: memory64 is not supported
        memory_redundancy64.wast 8: memory64 is not supported
        memory_size0.wast 8: multiple memories are not supported
        memory_size1.wast 15: multiple memories are not supported
        memory_size2.wast 21: multiple memories are not supported
        memory_size3.wast 2: multiple memories are not supported
        memory_size_import.wast 6: multiple memories are not supported
        memory_trap0.wast 14: multiple memories are not supported
        memory_trap1.wast 168: multiple memories are not supported
        memory_trap64.wast 172: memory64 is not supported
        ref.wast 13: typed function references are not supported
        ref_as_non_null.wast 7: typed function references are not supported
        ref_cast.wast 45: garbage-collected types are not supported
        ref_eq.wast 89: garbage-collected types are not supported; typed function references are not supported
        ref_is_null.wast 20: typed function references are not supported
        ref_null.wast 34: garbage-collected types are not supported
        ref_test.wast 71: garbage-collected types are not supported
        return_call.wast 47: tail calls are not supported
        return_call_indirect.wast 67: tail calls are not supported
        return_call_ref.wast 51: typed function references are not supported
        select.wast 1: typed function references are not supported
        simd_linking.wast 1: imports of a mutable global are not supported
        simd_memory-multi.wast 1: multiple memories are not supported
        start0.wast 9: multiple memories are not supported
        store0.wast 5: multiple memories are not supported
        store1.wast 5: multiple memories are not supported
        store2.wast 23: multiple memories are not supported
        struct.wast 29: garbage-collected types are not supported
        table-sub.wast 1: typed function references are not supported
        table.wast 23: beyond a limit of the implementation; imports of a table are not supported; typed function references are not supported
        table64.wast 14: memory64 is not supported
        table_copy64.wast 44: memory64 is not supported
        table_copy_mixed.wast 4: memory64 is not supported
        table_fill64.wast 71: memory64 is not supported
        table_get64.wast 11: memory64 is not supported
        table_grow.wast 4: imports of a table are not supported
        table_grow64.wast 22: memory64 is not supported
        table_init.wast 2: garbage-collected types are not supported
        table_init64.wast 98: garbage-collected types are not supported; memory64 is not supported
        table_set64.wast 19: memory64 is not supported
        table_size64.wast 37: memory64 is not supported
        tag.wast 8: exception handling is not supported; garbage-collected types are not supported
        throw.wast 13: exception handling is not supported
        throw_ref.wast 15: exception handling is not supported
        traps0.wast 15: multiple memories are not supported
        try_table.wast 64: exception handling is not supported; typed function references are not supported
        type-canon.wast 2: garbage-collected types are not supported
        type-equivalence.wast 24: garbage-collected types are not supported; typed function references are not supported
        type-rec.wast 26: garbage-collected types are not supported; typed function references are not supported
        type-subtyping.wast 119: garbage-collected types are not supported
        unreached-invalid.wast 3: typed function references are not supported
        unreached-valid.wast 11: typed function references are not supported
        """
}
