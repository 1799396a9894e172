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
        array.wast 54: garbage-collected types are not supported
        array_copy.wast 35: garbage-collected types are not supported
        array_fill.wast 30: garbage-collected types are not supported
        array_init_data.wast 46: garbage-collected types are not supported
        array_init_elem.wast 36: garbage-collected types are not supported
        array_new_data.wast 28: garbage-collected types are not supported
        array_new_elem.wast 24: garbage-collected types are not supported
        binary-gc.wast 1: garbage-collected types are not supported
        br_if.wast 1: typed function references are not supported
        br_on_cast.wast 37: garbage-collected types are not supported; typed function references are not supported
        br_on_cast_fail.wast 37: garbage-collected types are not supported; typed function references are not supported
        br_on_non_null.wast 12: typed function references are not supported
        br_on_null.wast 10: typed function references are not supported
        br_table.wast 162: typed function references are not supported
        call_ref.wast 35: typed function references are not supported
        elem.wast 18: typed function references are not supported
        exports.wast 1: exception handling is not supported
        extern.wast 18: garbage-collected types are not supported
        func.wast 1: typed function references are not supported
        global.wast 7: typed function references are not supported
        i31.wast 71: garbage-collected types are not supported; typed function references are not supported
        imports.wast 111: exception handling is not supported
        instance.wast 20: exception handling is not supported; typed function references are not supported
        linking.wast 41: typed function references are not supported
        local_init.wast 10: typed function references are not supported
        local_tee.wast 1: typed function references are not supported
        ref.wast 13: typed function references are not supported
        ref_as_non_null.wast 7: typed function references are not supported
        ref_cast.wast 45: garbage-collected types are not supported
        ref_eq.wast 89: garbage-collected types are not supported; typed function references are not supported
        ref_is_null.wast 20: typed function references are not supported
        ref_null.wast 34: garbage-collected types are not supported
        ref_test.wast 71: garbage-collected types are not supported
        return_call_ref.wast 51: typed function references are not supported
        select.wast 1: typed function references are not supported
        struct.wast 29: garbage-collected types are not supported
        table-sub.wast 1: typed function references are not supported
        table.wast 21: typed function references are not supported
        table_init.wast 2: garbage-collected types are not supported
        table_init64.wast 2: garbage-collected types are not supported
        tag.wast 8: exception handling is not supported; garbage-collected types are not supported
        throw.wast 13: exception handling is not supported
        throw_ref.wast 15: exception handling is not supported
        try_table.wast 64: exception handling is not supported; typed function references are not supported
        type-canon.wast 2: garbage-collected types are not supported
        type-equivalence.wast 24: garbage-collected types are not supported; typed function references are not supported
        type-rec.wast 26: garbage-collected types are not supported; typed function references are not supported
        type-subtyping.wast 119: garbage-collected types are not supported
        unreached-invalid.wast 3: typed function references are not supported
        unreached-valid.wast 11: typed function references are not supported
        """
}
