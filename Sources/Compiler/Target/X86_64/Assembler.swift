//! The x86-64 assembler: a growing buffer of machine code with labels, constants and references to other functions.
//!
//! This file is the buffer. Labels and what happens at the end of a function are in `Assembler+Labels`, the encoding of
//! instructions is in `Assembler+Encoding`, the instructions are in the files named after their groups. There is no
//! intermediate form: a method writes the bytes of one instruction at the end of the buffer. Room for the longest
//! instruction is made once per instruction.
//!
//! Invariants:
//! - Code since the last `finish` is a draft: references to labels are not filled in, and `finish` moves code when it
//!   shortens jumps. Everything before is final. All labels used in a draft must be bound when it is finished.
//! - Offsets are bytes from the start of the buffer, which will lie at an address divisible by 64.
//! - Distances are 32 bits wide, so the code is worthless once `isTooLarge`. A hostile module can get there, and
//!   whoever drives the assembler must look before using the code; until then nothing traps or overruns.

struct Assembler: ~Copyable {
    /// More than the longest instruction (15 bytes) and the longest store that goes beyond its end.
    static let instructionRoom = 32
    static let none = UInt32.max

    /// A 4-byte field that refers to a symbol outside this buffer, relative to the end of the field.
    struct ExternalFixup: BitwiseCopyable {
        var position: UInt32
        var symbol: UInt32
    }

    /// More bytes than this are too many. Distances between any two places must fit in 32 bits, so at most 2 GiB less
    /// the largest addend.
    static let defaultMaximumSize = 1 << 30
    var maximumSize = defaultMaximumSize

    /// Whether the instructions of x86-64-v3 may be used. If not, vector instructions have the legacy encoding
    /// (`Assembler+Legacy`), and methods whose instruction is not in SSE4.1 must not be called.
    let usesVEX: Bool
    private(set) var code: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private var capacity: Int
    /// References that a linker has to fill in, in ascending order of position.
    var externalFixups = Vector<ExternalFixup>()

    var labels = Vector<LabelState>()
    var draft = Draft()
    var constants = ConstantPool()
    /// Which jumps are long that could be short.
    var experiment = FunctionExperiment()
    var chaos = Chaos()

    init(capacity: Int = 4096, usesVEX: Bool = true) {
        self.usesVEX = usesVEX
        self.capacity = max(capacity, Self.instructionRoom)
        code = .allocate(capacity: self.capacity)
    }

    deinit { code.deallocate() }

    /// Empties the assembler and forgets all labels; memory is kept.
    mutating func reset() {
        count = 0
        externalFixups.removeAll()
        labels.removeAll()
        constants.removeAll()
        draft.restart(at: 0, firstExternal: 0)
    }

    // MARK: Bytes

    /// Where the next instruction starts. In a draft, subject to `adjust`.
    @inline(__always) var position: UInt32 { UInt32(truncatingIfNeeded: count) }

    /// The code is too long for its own references and must be discarded.
    var isTooLarge: Bool { count > maximumSize }

    /// The code. Final if `isComplete`.
    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        try body(UnsafeBufferPointer(start: code, count: count))
    }

    /// Makes room for one instruction, or for `room` bytes, and returns where it goes.
    @inline(__always)
    mutating func begin(room: Int = instructionRoom) -> Cursor {
        if capacity &- count < room { grow(by: room) }
        return Cursor(next: code + count)
    }

    @inline(__always)
    mutating func end(_ cursor: Cursor) {
        count = cursor.next - code
        assert(count <= capacity)
    }

    @inline(__always)
    func offset(of cursor: Cursor) -> UInt32 { UInt32(truncatingIfNeeded: cursor.next - code) }

    /// An immediate of the instruction just written, for which `begin` has made room.
    @inline(__always)
    mutating func trailing8(_ value: UInt8) {
        assert(count < capacity)
        code[count] = value
        count &+= 1
    }

    /// The low `width` bytes of an immediate of the instruction just written, at most 4.
    @inline(__always)
    mutating func trailing(_ width: Width, _ value: Int32) {
        assert(count + 4 <= capacity)
        UnsafeMutableRawPointer(code + count).storeBytes(of: value, as: Int32.self)
        count &+= Int(min(width.bytes, 4))
    }

    @inline(never)
    private mutating func grow(by needed: Int) {
        let newCapacity = max(count + needed, capacity * 2)
        let new = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity)
        new.update(from: code, count: count)
        code.deallocate()
        code = new
        capacity = newCapacity
    }

    /// Drops the end of the code.
    mutating func truncate(to newCount: Int) {
        assert(newCount <= count)
        count = newCount
    }

    mutating func emit8(_ value: UInt8) {
        var out = begin()
        out.byte(value)
        end(out)
    }

    mutating func emit32(_ value: UInt32) {
        var out = begin()
        out.int32(Int32(bitPattern: value))
        end(out)
    }

    mutating func emit64(_ value: UInt64) {
        var out = begin()
        out.int64(value)
        end(out)
    }

    mutating func emit(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        if capacity - count < bytes.count { grow(by: bytes.count) }
        (code + count).update(from: source, count: bytes.count)
        count += bytes.count
    }

    /// Overwrites the four bytes at a position.
    mutating func patch32(at position: UInt32, _ value: Int32) {
        assert(Int(position) + 4 <= count)
        UnsafeMutableRawPointer(code + Int(position)).storeBytes(of: value, as: Int32.self)
    }

    /// Adds to the four bytes at a position the distance from `anchor` to `target`.
    @inline(__always)
    func addDistance(at position: UInt32, from anchor: UInt32, to target: UInt32) {
        assert(Int(position) + 4 <= count)
        let field = UnsafeMutableRawPointer(code + Int(position))
        let distance = Int32(bitPattern: target &- anchor)
        field.storeBytes(of: field.loadUnaligned(as: Int32.self) &+ distance, as: Int32.self)
    }

    // MARK: References to other functions

    @inline(__always)
    mutating func addExternalReference(at position: UInt32, to symbol: UInt32) {
        externalFixups.append(ExternalFixup(position: position, symbol: symbol))
    }

    /// Appends the finished code of another assembler, aligned, with its external references, and returns its start.
    ///
    /// Positions in the other move by the start. The boundary must be at least that of the largest constant in the
    /// code, 16 or less. The gap is filled with `int3`.
    @discardableResult
    mutating func appendCode(of other: borrowing Assembler, alignment: Int = 16) -> UInt32 {
        assert(isComplete && other.isComplete)
        padFinally(to: alignment)
        let start = position
        emit(UnsafeBufferPointer(start: other.code, count: other.count))
        for index in 0..<other.externalFixups.count {
            let fixup = other.externalFixups[index]
            addExternalReference(at: start &+ fixup.position, to: fixup.symbol)
        }
        draft.restart(at: position, firstExternal: externalFixups.count)
        return start
    }

    /// Fills in all external references, given the offset of each symbol in this buffer.
    mutating func linkExternals(symbolOffsets: UnsafeBufferPointer<UInt32>) {
        assert(isComplete)
        for index in 0..<externalFixups.count {
            let fixup = externalFixups[index]
            addDistance(at: fixup.position, from: fixup.position &+ 4, to: symbolOffsets[Int(fixup.symbol)])
        }
        externalFixups.removeAll()
        draft.restart(at: position, firstExternal: 0)
    }
}

/// Writes the bytes of an instruction. A local copy of the position, because the optimizer must assume that a store of
/// a byte may change the assembler itself.
struct Cursor {
    var next: UnsafeMutablePointer<UInt8>

    @inline(__always)
    mutating func byte(_ value: UInt8) {
        next.pointee = value
        next += 1
    }

    @inline(__always)
    mutating func int32(_ value: Int32) {
        UnsafeMutableRawPointer(next).storeBytes(of: value, as: Int32.self)
        next += 4
    }

    @inline(__always)
    mutating func int64(_ value: UInt64) {
        UnsafeMutableRawPointer(next).storeBytes(of: value, as: UInt64.self)
        next += 8
    }
}
