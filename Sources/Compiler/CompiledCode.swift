//! What compiling a module yields: position-independent machine code and the tables that explain it.
//!
//! Calling convention between compiled code and the runtime ("entry"): the trampoline of a signature is a C function
//!
//!     int32_t entry(void *context, const void *code, uint64_t *cells)
//!
//! It saves the host's registers, switches to the guest stack, loads arguments from `cells`, calls `code` (a function of
//! that signature), stores the results from `cells[0]` on and returns 0. If the guest traps or a host function fails, the
//! exit stub returns from the same call with another status (`EntryStatus`). A v128 takes two cells, all else one; an i32's
//! upper half is clear. Entries nest: a host function may enter again.
//!
//! Host calls ("dispatch"): on the host stack, with the C function in the context's `hostDispatch`:
//!
//!     int32_t dispatch(void *context, uint32_t index, uint64_t *cells)
//!
//! Arguments are in `cells`; results are left there from `cells[0]` on. `EntryStatus.suspended` leaves the guest's stack
//! as it is and returns from the innermost entry; any other nonzero status unwinds to it. Both make it return that status.

/// What an entry trampoline returns.
public enum EntryStatus {
    /// The function returned.
    public static let returned: Int32 = 0
    /// A fault: the context's `trapProgramCounter` and its neighbours say which.
    public static let trapped: Int32 = 1
    /// A host function or runtime function failed; it has left its error with the instance.
    public static let hostError: Int32 = 2
    /// Stopped because the context's request word was set.
    public static let interrupted: Int32 = 3
    /// The guest's stack was left as it is, for a host function that is to be awaited: what `dispatch` returned. The run
    /// goes on with `CompiledCode.resumeDistance`.
    public static let suspended: Int32 = 4
    /// The same because the context's request word asked the guest to let others run.
    public static let yielded: Int32 = 5
}

/// For which operator there is code.
package struct CodeOrigin: Sendable, Hashable, BitwiseCopyable {
    /// Bytes from the start of the text.
    package var code: UInt32
    /// Bytes from the start of the module's binary.
    package var source: UInt32

    package init(code: UInt32, source: UInt32) {
        self.code = code
        self.source = source
    }
}

/// Machine code of one module.
///
/// All offsets are in bytes from the start of `text`.
public struct CompiledCode: Sendable {
    /// Code and its constants. Position independent; to be placed at an address divisible by 64.
    public var text: [UInt8] = []
    /// For each defined function, where it starts. Ascending. A function ends where the next one starts or at `functionsEnd`.
    public var functionOffsets: [UInt32] = []
    public var functionsEnd: UInt32 = 0
    /// For each type index, the entry trampoline of that signature.
    public var entryOffsets: [UInt32] = []
    /// For each imported function, code with the internal calling convention that calls the host.
    public var importOffsets: [UInt32] = []
    /// For each type index, the crossing of that signature: code that calls a function of this module from another instance.
    /// `UInt32.max` if no function of the type can be seen from outside. See `FunctionRecord`.
    public var crossingOffsets: [UInt32] = []
    /// Where the signal handler continues after a fault, with the status in eax and the context in r15.
    public var exitOffset: UInt32 = 0
    /// Bytes of the exit stub with the padding behind it. A fault in them is never continued at the stub.
    public static let exitBytes = 64
    /// Bytes from the exit stub to the code that goes on with a suspended run. It is an entry of another type:
    ///
    ///     int32_t resume(void *context, int64_t status, uint64_t *unused)
    ///
    /// The status is what the host call that suspended the guest returns: nonzero unwinds.
    public static let resumeDistance = 512
    /// Bytes from the exit stub to the code that suspends a guest between two instructions. The signal handler has pushed
    /// the address of the second.
    public static let preemptDistance = 64
    /// Instructions that may fault: code offsets, ascending, with the trap each means.
    public var trapOffsets: [UInt32] = []
    public var trapCodes: [TrapCode] = []
    /// Positions in the module's binary by code offset, strictly ascending: trap sites and return addresses of calls. No
    /// trap site is a return address.
    public var sourceCodeOffsets: [UInt32] = []
    public var sourceOffsets: [UInt32] = []
    /// Whence all code of functions comes, by code offset; up to the next one. Empty unless the settings ask for it.
    package var origins: [CodeOrigin] = []
    /// For each table, whether a function has an instruction that writes or grows it. Instances share what nothing writes:
    /// a `false` that is wrong lets one instance change another's table.
    public var writtenTables: [Bool] = []
    public var layout: VMContextLayout
    /// What the code was made for. Its instruction set is never nil in what the compiler made.
    public var settings: CodeSettings

    public init(layout: VMContextLayout, settings: CodeSettings = .init()) {
        self.layout = layout
        self.settings = settings
    }

    /// The trap that a fault at this code offset means.
    public func trapCode(at codeOffset: UInt32) -> TrapCode? {
        let index = Self.lastIndex(in: trapOffsets, notAbove: codeOffset)
        return index >= 0 && trapOffsets[index] == codeOffset ? trapCodes[index] : nil
    }

    /// The position in the binary recorded for exactly this code offset.
    public func sourceOffset(at codeOffset: UInt32) -> UInt32? {
        let index = Self.lastIndex(in: sourceCodeOffsets, notAbove: codeOffset)
        return index >= 0 && sourceCodeOffsets[index] == codeOffset ? sourceOffsets[index] : nil
    }

    /// The defined function (0 is the first one after the imports) whose code holds this offset.
    public func definedFunction(at codeOffset: UInt32) -> Int? {
        guard codeOffset < functionsEnd else { return nil }
        let index = Self.lastIndex(in: functionOffsets, notAbove: codeOffset)
        return index >= 0 ? index : nil
    }

    private static func lastIndex(in sorted: [UInt32], notAbove value: UInt32) -> Int {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] <= value { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }
}
