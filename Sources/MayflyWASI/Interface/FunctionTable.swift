//! The functions of `wasi_snapshot_preview1` by name, with their types, each bound to the method of `WASI` that does
//! it.
//!
//! One list, so that what exists, what type it has and where its arguments go can be checked by reading it against the
//! specification (WebAssembly/WASI, legacy/preview1/witx). Arguments are read from call cells by index. A function that
//! stores results first checks that they have a place, so that nothing is done whose outcome cannot be told.

import Mayfly

struct WASIFunction: Sendable {
    typealias Body = @Sendable (WASI, GuestMemory, Arguments) throws(Errno) -> Void

    let name: String
    let parameters: [ValueType]
    let body: Body

    init(_ name: String, _ parameters: [ValueType], _ body: @escaping Body) {
        self.name = name
        self.parameters = parameters
        self.body = body
    }

    var type: FunctionType { FunctionType(parameters: parameters, results: [.i32]) }

    /// Runs the function and gives its result, an `errno`.
    func call(_ wasi: WASI, _ memory: GuestMemory, _ cells: UnsafePointer<UInt64>) -> Errno {
        do {
            try body(wasi, memory, Arguments(cells: cells))
            return .success
        } catch {
            return error
        }
    }

    /// The arguments of one call.
    struct Arguments {
        let cells: UnsafePointer<UInt64>

        subscript(index: Int) -> UInt32 { UInt32(truncatingIfNeeded: cells[index]) }
        func u64(_ index: Int) -> UInt64 { cells[index] }
        func s64(_ index: Int) -> Int64 { Int64(bitPattern: cells[index]) }
        /// A 16-bit flags argument. Bits above mean nothing that is defined.
        func flags(_ index: Int) throws(Errno) -> UInt16 {
            guard let flags = UInt16(exactly: self[index]) else { throw .inval }
            return flags
        }
        func u8(_ index: Int) throws(Errno) -> UInt8 {
            guard let value = UInt8(exactly: self[index]) else { throw .inval }
            return value
        }
    }

    /// All functions of `wasi_snapshot_preview1` but `proc_exit` and `proc_raise`, which may not return.
    static let all: [WASIFunction] = [
        .init("args_get", [.i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.store(wasi.blueprint.arguments, in: memory, pointers: a[0], buffer: a[1])
        },
        .init("args_sizes_get", [.i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[0])
            try memory.reserve(4, at: a[1])
            let (count, byteCount) = try wasi.sizes(wasi.blueprint.arguments)
            try memory.store(count, at: a[0])
            try memory.store(byteCount, at: a[1])
        },
        .init("environ_get", [.i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.store(wasi.blueprint.environment, in: memory, pointers: a[0], buffer: a[1])
        },
        .init("environ_sizes_get", [.i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[0])
            try memory.reserve(4, at: a[1])
            let (count, byteCount) = try wasi.sizes(wasi.blueprint.environment)
            try memory.store(count, at: a[0])
            try memory.store(byteCount, at: a[1])
        },
        .init("clock_res_get", [.i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.store(wasi.clockResolution(a[0]), at: a[1])
        },
        // The second argument is the precision wanted; all clocks here are as good as they get.
        .init("clock_time_get", [.i32, .i64, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.store(wasi.clockTime(a[0]), at: a[2])
        },
        .init("fd_advise", [.i32, .i64, .i64, .i32]) { (wasi, _, a) throws(Errno) in
            try wasi.fdAdvise(a[0], offset: a.u64(1), length: a.u64(2), advice: a.u8(3))
        },
        .init("fd_allocate", [.i32, .i64, .i64]) { (wasi, _, a) throws(Errno) in
            try wasi.fdAllocate(a[0], offset: a.u64(1), length: a.u64(2))
        },
        .init("fd_close", [.i32]) { (wasi, _, a) throws(Errno) in try wasi.fdClose(a[0]) },
        .init("fd_datasync", [.i32]) { (wasi, _, a) throws(Errno) in try wasi.fdDatasync(a[0]) },
        .init("fd_fdstat_get", [.i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.fdFdstatGet(a[0]).store(in: memory, at: a[1])
        },
        .init("fd_fdstat_set_flags", [.i32, .i32]) { (wasi, _, a) throws(Errno) in
            try wasi.fdFdstatSetFlags(a[0], a.flags(1))
        },
        .init("fd_fdstat_set_rights", [.i32, .i64, .i64]) { (wasi, _, a) throws(Errno) in
            try wasi.fdFdstatSetRights(a[0], a.u64(1), a.u64(2))
        },
        .init("fd_filestat_get", [.i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.fdFilestatGet(a[0]).store(in: memory, at: a[1])
        },
        .init("fd_filestat_set_size", [.i32, .i64]) { (wasi, _, a) throws(Errno) in
            try wasi.fdFilestatSetSize(a[0], a.u64(1))
        },
        .init("fd_filestat_set_times", [.i32, .i64, .i64, .i32]) { (wasi, _, a) throws(Errno) in
            try wasi.fdFilestatSetTimes(a[0], access: a.u64(1), modification: a.u64(2), flags: a.flags(3))
        },
        .init("fd_pread", [.i32, .i32, .i32, .i64, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[4])
            try memory.store(wasi.fdPread(memory, a[0], a[1], a[2], offset: a.u64(3)), at: a[4])
        },
        .init("fd_prestat_get", [.i32, .i32]) { (wasi, memory, a) throws(Errno) in
            // Tag 0, a directory, then the length of its name.
            try memory.store(UInt64(wasi.fdPrestatGet(a[0])) << 32, at: a[1])
        },
        .init("fd_prestat_dir_name", [.i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.fdPrestatDirName(memory, a[0], a[1], a[2])
        },
        .init("fd_pwrite", [.i32, .i32, .i32, .i64, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[4])
            try memory.store(wasi.fdPwrite(memory, a[0], a[1], a[2], offset: a.u64(3)), at: a[4])
        },
        .init("fd_read", [.i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[3])
            try memory.store(wasi.fdRead(memory, a[0], a[1], a[2]), at: a[3])
        },
        .init("fd_readdir", [.i32, .i32, .i32, .i64, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[4])
            try memory.store(wasi.fdReaddir(memory, a[0], a[1], a[2], cookie: a.u64(3)), at: a[4])
        },
        .init("fd_renumber", [.i32, .i32]) { (wasi, _, a) throws(Errno) in try wasi.fdRenumber(a[0], a[1]) },
        .init("fd_seek", [.i32, .i64, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(8, at: a[3])
            try memory.store(
                wasi.fdSeek(a[0], offset: a.s64(1), whence: OpenFile.Whence(rawValue: try a.u8(2))), at: a[3])
        },
        .init("fd_sync", [.i32]) { (wasi, _, a) throws(Errno) in try wasi.fdSync(a[0]) },
        .init("fd_tell", [.i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.store(wasi.fdTell(a[0]), at: a[1])
        },
        .init("fd_write", [.i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[3])
            try memory.store(wasi.fdWrite(memory, a[0], a[1], a[2]), at: a[3])
        },
        .init("path_create_directory", [.i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.pathCreateDirectory(memory, a[0], a[1], a[2])
        },
        .init("path_filestat_get", [.i32, .i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.pathFilestatGet(memory, a[0], lookup: a[1], path: a[2], a[3]).store(in: memory, at: a[4])
        },
        .init("path_filestat_set_times", [.i32, .i32, .i32, .i32, .i64, .i64, .i32]) {
            (wasi, memory, a) throws(Errno) in
            try wasi.pathFilestatSetTimes(
                memory, a[0], lookup: a[1], path: a[2], a[3], access: a.u64(4), modification: a.u64(5),
                flags: a.flags(6))
        },
        .init("path_link", [.i32, .i32, .i32, .i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.pathLink(memory, a[0], lookup: a[1], a[2], a[3], a[4], a[5], a[6])
        },
        .init("path_open", [.i32, .i32, .i32, .i32, .i32, .i64, .i64, .i32, .i32]) {
            (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[8])
            let number = try wasi.pathOpen(
                memory, a[0], lookup: a[1], path: a[2], a[3], openFlags: a.flags(4), rights: a.u64(5),
                inheritingRights: a.u64(6), flags: a.flags(7))
            try memory.store(number, at: a[8])
        },
        .init("path_readlink", [.i32, .i32, .i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[5])
            try memory.store(wasi.pathReadlink(memory, a[0], a[1], a[2], a[3], a[4]), at: a[5])
        },
        .init("path_remove_directory", [.i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.pathRemoveDirectory(memory, a[0], a[1], a[2])
        },
        .init("path_rename", [.i32, .i32, .i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.pathRename(memory, a[0], a[1], a[2], a[3], a[4], a[5])
        },
        .init("path_symlink", [.i32, .i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.pathSymlink(memory, a[0], a[1], a[2], a[3], a[4])
        },
        .init("path_unlink_file", [.i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.pathUnlinkFile(memory, a[0], a[1], a[2])
        },
        .init("poll_oneoff", [.i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[3])
            let count = try wasi.pollOneoff(memory, subscriptions: a[0], events: a[1], count: a[2])
            try memory.store(count, at: a[3])
        },
        .init("random_get", [.i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.randomGet(memory, a[0], a[1])
        },
        .init("sched_yield", []) { (wasi, _, _) throws(Errno) in try wasi.schedYield() },
        .init("sock_accept", [.i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[2])
            try memory.store(wasi.sockAccept(a[0], a.flags(1)), at: a[2])
        },
        .init("sock_recv", [.i32, .i32, .i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[4])
            try memory.reserve(2, at: a[5])
            let (count, flags) = try wasi.sockRecv(memory, a[0], a[1], a[2], flags: a.flags(3))
            try memory.store(count, at: a[4])
            try memory.store(flags, at: a[5])
        },
        .init("sock_send", [.i32, .i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[4])
            try memory.store(wasi.sockSend(memory, a[0], a[1], a[2], flags: a.flags(3)), at: a[4])
        },
        .init("sock_shutdown", [.i32, .i32]) { (wasi, _, a) throws(Errno) in try wasi.sockShutdown(a[0], a[1]) },
    ]
}

extension GuestMemory {
    /// Throws unless a result of this size can be stored there.
    func reserve(_ size: Int, at address: UInt32) throws(Errno) { _ = try bytes(at: address, count: size) }
}
