//! The host functions by which a guest logs.

import Logging
public import Mayfly

extension Imports {
    /// Defines functions by which a guest writes to the host's log:
    ///
    /// ```wat
    /// (import "log" "write" (func $log (param $level i32) (param $address i32) (param $count i32)))
    /// (import "log" "is_enabled" (func $isEnabled (param $level i32) (result i32)))
    /// ```
    ///
    /// `write` logs `count` bytes of memory from `address` on, as one message. Levels are swift-log's, 0 for `trace` to
    /// 6 for `critical`; a number below or above is the first or the last of them. What is not in the guest's memory
    /// ends the guest with a `MemoryAccessError`. `is_enabled` tells whether a message at that level would be seen.
    ///
    /// - Parameters:
    ///   - module: the name that guests import them from.
    ///   - log: where an instance's log is in its state.
    public mutating func defineLog(
        as module: String = "log", _ log: any WritableKeyPath<State, GuestLog> & Sendable
    ) {
        define(module, "is_enabled") { (caller, level: Int32) in
            caller.state[keyPath: log].isEnabled(Logger.Level(guestNumber: level)) ? Int32(1) : 0
        }
        define(module, "write") { (caller, level: Int32, address: UInt32, count: UInt32) in
            let level = Logger.Level(guestNumber: level)
            guard UInt64(address) + UInt64(count) <= UInt64(caller.memorySize) else {
                throw MemoryAccessError(
                    address: UInt64(address), count: UInt64(count), memorySize: UInt64(caller.memorySize))
            }
            // Copies no more than a message can hold: the guest may name gigabytes.
            let taken = min(Int(count), caller.state[keyPath: log].sufficientBytes)
            let bytes = try caller.readBytes(at: address, count: taken)
            caller.state[keyPath: log].write(bytes[...], at: level, isWhole: taken == Int(count))
        }
    }
}

extension Imports where State == GuestLog {
    /// Defines the functions for guests whose state is their log and nothing else. See ``defineLog(as:_:)``.
    public mutating func defineLog(as module: String = "log") { defineLog(as: module, \.self) }
}

extension Logger.Level {
    init(guestNumber number: Int32) {
        let levels = Self.allCases
        self = levels[min(max(0, Int(number)), levels.count - 1)]
    }
}
