//! Walking a guest's stack by frame pointers, for a backtrace.
//!
//! The guest's stack may hold anything where a frame pointer is expected: a defect, or a fault in the middle of a prologue.
//! So each frame must lie inside the stack and above the one before it, and the walk is bounded.

import Compiler

struct StackWalk {
    /// Frames followed before the rest goes uncounted.
    static let maximumSteps = 1 << 20

    private let modules: [ModuleCore]
    /// The addresses of the stack.
    private let stack: Range<UInt64>
    private(set) var frames: [Trap.Frame] = []
    private(set) var omitted = 0

    /// - Parameter modules: those whose code may have frames on the stack.
    init(modules: [ModuleCore], stack: Range<UInt64>) {
        self.modules = modules
        self.stack = stack
    }

    /// Adds the function at a code address, if there is one.
    mutating func add(_ address: UInt64, isReturnAddress: Bool) {
        // A return address may lie behind the last byte of its function: a call can be the last instruction.
        let inside = address &- (isReturnAddress ? 1 : 0)
        guard let module = modules.first(where: { $0.memory.offset(inside) != nil }),
            let offset = module.memory.offset(inside)
        else { return }
        guard frames.count < Trap.maximumFrames else {
            // Counting needs no names: a guest that overflows its stack leaves ten thousands of frames.
            if offset < module.code.functionsEnd { omitted += 1 }
            return
        }
        guard let defined = module.code.definedFunction(at: offset) else { return }
        let index = module.decoded.importedFunctionCount + defined
        // Of the first byte of the instruction: with return addresses, of the call.
        let source = module.code.sourceOffset(at: offset + (isReturnAddress ? 1 : 0)).map { Int($0) }
        let position = source.flatMap { module.lineTable()?.position(at: $0) }
        frames.append(
            Trap.Frame(
                functionIndex: index, functionName: module.decoded.names.functions[UInt32(index)],
                moduleName: modules.count > 1 ? module.decoded.names.module : nil, offset: source,
                file: position?.file, line: position?.line, column: position?.column))
    }

    /// Adds the return addresses of the chain of frames.
    mutating func follow(_ framePointer: UInt64) {
        var frame = framePointer
        for _ in 0..<Self.maximumSteps {
            guard frame >= stack.lowerBound, frame <= stack.upperBound &- 16, frame % 8 == 0,
                let record = UnsafePointer<UInt64>(bitPattern: UInt(frame))
            else { return }
            add(record[1], isReturnAddress: true)
            guard record[0] > frame else { return }
            frame = record[0]
        }
    }
}
