//! The x86-64 assembler: a growing buffer of machine code with labels, constants and references to other functions.
//!
//! This file is the buffer and the labels; how instructions are encoded is in `Assembler+Encoding`, the instructions
//! themselves in the files named after their groups. There is no intermediate form: a method writes the bytes of one
//! instruction at the end of the buffer. Room for the longest instruction is made once per instruction.
//!
//! Invariants:
//! - A reference to a label is a 4-byte field that already holds the addend. It is completed by adding the distance from
//!   its anchor to the label, at once if the label is bound and else when it is.
//! - Offsets are bytes from the start of the buffer, which will lie at an address divisible by 64.
//! - Distances are 32 bits wide, so code is wrong once `isTooLarge`; a hostile module can get there, and whoever drives
//!   the assembler must look before using the code. Nothing traps or overruns until then or after.

struct Assembler: ~Copyable {
    /// Beyond this many bytes the distances between any two places may not fit in 32 bits.
    static let maximumSize = 1 << 30

    /// A field to complete when a label is bound.
    struct Fixup: BitwiseCopyable {
        var position: UInt32
        /// The distance is counted from here.
        var anchor: UInt32
        /// The next fix-up of the same label.
        var next: UInt32
    }

    /// A 4-byte field that refers to a symbol outside this buffer, relative to the end of the field.
    struct ExternalFixup: BitwiseCopyable {
        var position: UInt32
        var symbol: UInt32
    }

    struct LabelState: BitwiseCopyable {
        var offset = Assembler.none
        var firstFixup = Assembler.none
    }

    static let none = UInt32.max
    /// More than the longest instruction (15 bytes) and the longest store beyond its end.
    static let instructionRoom = 32

    private(set) var code: UnsafeMutablePointer<UInt8>
    private(set) var count: Int
    private var capacity: Int
    private var labels: Vector<LabelState>
    private var fixups: Vector<Fixup>
    /// Fix-ups whose label is not bound yet.
    private(set) var pendingFixupCount: Int
    /// References that a linker has to resolve, in ascending order of position.
    private(set) var externalFixups: Vector<ExternalFixup>
    var constants: ConstantPool

    init(capacity: Int = 4096) {
        self.capacity = max(capacity, Self.instructionRoom)
        code = .allocate(capacity: self.capacity)
        count = 0
        labels = Vector()
        fixups = Vector()
        pendingFixupCount = 0
        externalFixups = Vector()
        constants = ConstantPool()
    }

    deinit { code.deallocate() }

    /// Empties the assembler and forgets all labels; memory is kept.
    mutating func reset() {
        count = 0
        labels.removeAll()
        fixups.removeAll()
        pendingFixupCount = 0
        externalFixups.removeAll()
        constants.removeAll()
    }

    // MARK: Bytes

    /// Where the next instruction starts.
    @inline(__always) var position: UInt32 { UInt32(truncatingIfNeeded: count) }

    /// The code is too long for its own references and must be discarded.
    var isTooLarge: Bool { count > Self.maximumSize }

    /// Every reference to a label has been completed and every constant emitted.
    var isComplete: Bool { pendingFixupCount == 0 && constants.isEmpty }

    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        try body(UnsafeBufferPointer(start: code, count: count))
    }

    /// Makes room for one instruction and returns where it goes.
    @inline(__always)
    mutating func begin() -> Cursor {
        if capacity &- count < Self.instructionRoom { grow(by: Self.instructionRoom) }
        return Cursor(next: code + count)
    }

    @inline(__always)
    mutating func end(_ cursor: Cursor) {
        count = cursor.next - code
        assert(count <= capacity)
    }

    @inline(__always)
    func offset(of cursor: Cursor) -> UInt32 { UInt32(truncatingIfNeeded: cursor.next - code) }

    /// Immediates of the instruction just written, for which `begin` has made room.
    @inline(__always)
    mutating func trailing8(_ value: UInt8) {
        assert(count < capacity)
        code[count] = value
        count &+= 1
    }

    /// The low `width` bytes of an immediate of the instruction just written, at most 4.
    @inline(__always)
    mutating func trailing(_ width: Width, _ value: Int32) {
        let bytes = min(width.bytes, 4)
        assert(count + Int(bytes) <= capacity)
        UnsafeMutableRawPointer(code + count).storeBytes(of: value, as: Int32.self)
        count &+= Int(bytes)
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

    func read32(at position: UInt32) -> Int32 {
        assert(Int(position) + 4 <= count)
        return UnsafeRawPointer(code + Int(position)).loadUnaligned(as: Int32.self)
    }

    /// Pads to a multiple of `boundary`, a power of two, with instructions that do nothing.
    mutating func align(to boundary: Int) {
        assert(boundary > 0 && boundary & (boundary - 1) == 0)
        nop((0 &- count) & (boundary - 1))
    }

    /// Pads to a multiple of `boundary`, a power of two, with `int3`: for places that are never reached.
    mutating func alignWithTraps(to boundary: Int) {
        assert(boundary > 0 && boundary & (boundary - 1) == 0)
        for _ in 0..<((0 &- count) & (boundary - 1)) { int3() }
    }

    // MARK: Labels

    mutating func newLabel() -> Label {
        labels.append(LabelState())
        return Label(id: UInt32(truncatingIfNeeded: labels.count &- 1))
    }

    /// Makes `extra` labels with consecutive ids and returns the first.
    mutating func newLabels(_ extra: Int) -> Label {
        let first = Label(id: UInt32(truncatingIfNeeded: labels.count))
        labels.append(repeating: LabelState(), count: extra)
        return first
    }

    func isBound(_ label: Label) -> Bool { labels[label.id].offset != Self.none }

    /// Where a bound label is.
    func offset(of label: Label) -> UInt32 {
        assert(isBound(label))
        return labels[label.id].offset
    }

    /// Places a label here and completes the references to it.
    mutating func bind(_ label: Label) {
        assert(!isBound(label))
        labels[label.id].offset = position
        var index = labels[label.id].firstFixup
        while index != Self.none {
            let fixup = fixups[index]
            complete(fixup.position, anchor: fixup.anchor, target: position)
            pendingFixupCount &-= 1
            index = fixup.next
        }
        labels[label.id].firstFixup = Self.none
        if pendingFixupCount == 0 { fixups.removeAll() }
    }

    /// Notes that the field at `position` is to have the distance from `anchor` to `label` added. Called when the field
    /// has been written, but before `end`.
    @inline(__always)
    mutating func addReference(at position: UInt32, anchor: UInt32, to label: Label) {
        let state = labels[label.id]
        if state.offset != Self.none {
            complete(position, anchor: anchor, target: state.offset)
            return
        }
        labels[label.id].firstFixup = UInt32(truncatingIfNeeded: fixups.count)
        fixups.append(Fixup(position: position, anchor: anchor, next: state.firstFixup))
        pendingFixupCount &+= 1
    }

    @inline(__always)
    private func complete(_ position: UInt32, anchor: UInt32, target: UInt32) {
        let field = UnsafeMutableRawPointer(code + Int(position))
        let distance = Int32(bitPattern: target &- anchor)
        field.storeBytes(of: field.loadUnaligned(as: Int32.self) &+ distance, as: Int32.self)
    }

    /// An entry of a jump table: the distance from `relativeTo`, which is bound, to `target`, in 4 bytes.
    mutating func emitLabelOffset32(target: Label, relativeTo: Label) {
        let anchor = offset(of: relativeTo)
        var out = begin()
        let position = offset(of: out)
        out.int32(0)
        addReference(at: position, anchor: anchor, to: target)
        end(out)
    }

    // MARK: References to other functions

    @inline(__always)
    mutating func addExternalReference(at position: UInt32, to symbol: UInt32) {
        externalFixups.append(ExternalFixup(position: position, symbol: symbol))
    }

    /// Appends the finished code of another assembler, aligned, with its external references, and returns its start.
    ///
    /// The boundary must be at least that of the largest constant in the code. The gap is filled with `int3`.
    @discardableResult
    mutating func appendCode(of other: borrowing Assembler, alignment: Int = 16) -> UInt32 {
        assert(other.isComplete)
        alignWithTraps(to: alignment)
        let start = position
        emit(UnsafeBufferPointer(start: other.code, count: other.count))
        externalFixups.reserve(externalFixups.count + other.externalFixups.count)
        for index in 0..<other.externalFixups.count {
            let fixup = other.externalFixups[index]
            addExternalReference(at: start &+ fixup.position, to: fixup.symbol)
        }
        return start
    }

    /// Completes all external references, given the offset of each symbol in this buffer.
    mutating func linkExternals(symbolOffsets: UnsafeBufferPointer<UInt32>) {
        for index in 0..<externalFixups.count {
            let fixup = externalFixups[index]
            complete(fixup.position, anchor: fixup.position &+ 4, target: symbolOffsets[Int(fixup.symbol)])
        }
        externalFixups.removeAll()
    }
}

/// Writes the bytes of an instruction. A local copy of the position, because the optimizer must assume that a store of a
/// byte may change the assembler itself.
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
