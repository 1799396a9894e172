//! `wasi_unstable`, the draft before `wasi_snapshot_preview1`, as old programs import it.
//!
//! Most of it is the same under another name. What is not has other numbers for `whence`, shorter link counts in
//! `filestat` and longer clock subscriptions (WebAssembly/WASI, legacy/preview0/witx), and there is no `sock_accept`.

import Mayfly

extension WASIFunction {
    /// All functions of `wasi_unstable` but `proc_exit` and `proc_raise`.
    static let unstable: [WASIFunction] = all.filter { $0.name != "sock_accept" }.map { function in
        changed.first { $0.name == function.name } ?? function
    }

    private static let changed: [WASIFunction] = [
        .init("fd_filestat_get", [.i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.fdFilestatGet(a[0]).storeUnstable(in: memory, at: a[1])
        },
        .init("fd_seek", [.i32, .i64, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(8, at: a[3])
            let whences: [OpenFile.Whence] = [.current, .end, .start]
            let whence = a[2] < 3 ? whences[Int(a[2])] : nil
            try memory.store(wasi.fdSeek(a[0], offset: a.s64(1), whence: whence), at: a[3])
        },
        .init("path_filestat_get", [.i32, .i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try wasi.pathFilestatGet(memory, a[0], lookup: a[1], path: a[2], a[3]).storeUnstable(in: memory, at: a[4])
        },
        .init("poll_oneoff", [.i32, .i32, .i32, .i32]) { (wasi, memory, a) throws(Errno) in
            try memory.reserve(4, at: a[3])
            let count = try wasi.pollOneoff(memory, subscriptions: a[0], events: a[1], count: a[2], .unstable)
            try memory.store(count, at: a[3])
        },
    ]
}

extension WASI.SubscriptionLayout {
    /// An identifier, which nothing is done with, precedes the clock's number.
    fileprivate static let unstable = WASI.SubscriptionLayout(size: 56, clock: 24, timeout: 32, flags: 48)
}

extension FileStatus {
    /// 56 bytes.
    fileprivate func storeUnstable(in memory: GuestMemory, at address: UInt32) throws(Errno) {
        let record = try memory.bytes(at: address, count: 56)
        record.storeLittleEndian(device, at: 0)
        record.storeLittleEndian(inode, at: 8)
        record.storeLittleEndian(UInt64(type.rawValue) | UInt64(UInt32(clamping: linkCount)) << 32, at: 16)
        record.storeLittleEndian(size, at: 24)
        record.storeLittleEndian(accessTime, at: 32)
        record.storeLittleEndian(modificationTime, at: 40)
        record.storeLittleEndian(changeTime, at: 48)
    }
}
