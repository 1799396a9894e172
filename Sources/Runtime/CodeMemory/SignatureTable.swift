//! Engine-wide numbers for function types, so that `call_indirect` compares two integers.
//!
//! Two types of two modules are the same exactly when their ids are. An id lives as long as a module that uses it and is
//! used again afterwards: no record with the old meaning can exist then, because records live in their module.

import Synchronization
import WasmModule

final class SignatureTable: Sendable {
    private struct Entry {
        var id: UInt32
        var users: Int
    }

    private struct State {
        var entries: [FunctionType: Entry] = [:]
        var free: [UInt32] = []
        /// 0 is no id, so that zeroed memory matches no signature.
        var next: UInt32 = 1
    }

    private let state = Mutex(State())

    /// The ids of types, in their order. To be given back with `release`.
    func retain(_ types: [FunctionType]) -> [UInt32] {
        state.withLock { state in
            types.map { type in
                if let entry = state.entries[type] {
                    state.entries[type]!.users += 1
                    return entry.id
                }
                let id: UInt32
                if let free = state.free.popLast() {
                    id = free
                } else {
                    id = state.next
                    state.next += 1
                }
                state.entries[type] = Entry(id: id, users: 1)
                return id
            }
        }
    }

    func release(_ types: [FunctionType]) {
        state.withLock { state in
            for type in types {
                guard var entry = state.entries[type] else { continue }
                entry.users -= 1
                if entry.users == 0 {
                    state.entries[type] = nil
                    state.free.append(entry.id)
                } else {
                    state.entries[type] = entry
                }
            }
        }
    }

    /// Types that have an id now.
    var count: Int { state.withLock { $0.entries.count } }
}
