//! Follows a compilation from outside: how far it is, and what took how long.

import Dispatch
import Synchronization

/// Follows a compilation: how far it is and, afterwards, what took how long.
///
/// One monitor follows one compilation, and can be read from any thread meanwhile.
public final class CompilationMonitor: Sendable {
    /// What compiling consists of.
    public enum Step: Int, Sendable, Hashable, CaseIterable {
        /// Reading all but the bodies of functions.
        case decoding
        // Of each function, on whichever thread takes it:
        /// Checking a body.
        case validation
        /// Building its intermediate form.
        case translation
        /// Leaving out what nobody uses.
        case deadCodeElimination
        /// Choosing instructions.
        case selection
        /// Choosing registers.
        case registerAllocation
        /// Writing machine code.
        case emission
        /// Placing all functions in one text, and the code between them and the host.
        case linking
        /// Making the code executable.
        case publishing

        /// Its name in words.
        public var name: String {
            switch self {
            case .decoding: "decoding"
            case .validation: "validation"
            case .translation: "translation"
            case .deadCodeElimination: "dead code elimination"
            case .selection: "instruction selection"
            case .registerAllocation: "register allocation"
            case .emission: "emission"
            case .linking: "linking"
            case .publishing: "publishing"
            }
        }
    }

    /// Times, and what they were spent on.
    public struct Timings: Sendable, Hashable {
        /// In nanoseconds; what several threads did at once is added up.
        private var nanoseconds = [UInt64](repeating: 0, count: Step.allCases.count)
        /// Functions that were compiled.
        public internal(set) var functions = 0
        /// Operators of WebAssembly in them.
        public internal(set) var operators = 0
        /// Bytes of machine code.
        public internal(set) var codeBytes = 0
        /// How many threads compiled functions.
        public internal(set) var threads = 0

        /// Nothing measured.
        public init() {}

        /// The time of a step, in nanoseconds, all threads together.
        public subscript(step: Step) -> UInt64 {
            get { nanoseconds[step.rawValue] }
            set { nanoseconds[step.rawValue] = newValue }
        }

        /// All steps together.
        public var total: UInt64 { nanoseconds.reduce(0, +) }

        mutating func add(_ other: Timings) {
            for step in Step.allCases { self[step] += other[step] }
            functions += other.functions
            operators += other.operators
            codeBytes += other.codeBytes
            threads += other.threads
        }
    }

    /// Whether steps are timed. It costs a few hundred nanoseconds a function.
    public let takesTimes: Bool
    private let total = Atomic<Int>(0)
    private let done = Atomic<Int>(0)
    private let collected = Mutex(Timings())

    /// A monitor of one compilation.
    ///
    /// - Parameter takesTimes: Whether steps are timed, which costs a little.
    public init(takesTimes: Bool = false) {
        self.takesTimes = takesTimes
    }

    /// Functions that the module defines; 0 until that is known, and if the module need not be compiled.
    public var functionCount: Int { total.load(ordering: .relaxed) }
    /// Functions compiled so far.
    public var compiledFunctionCount: Int { done.load(ordering: .relaxed) }
    /// What was measured so far.
    public var timings: Timings { collected.withLock { $0 } }

    func begin(functions: Int) { total.store(functions, ordering: .relaxed) }
    func finishFunction() { done.wrappingAdd(1, ordering: .relaxed) }
    func add(_ timings: Timings) { collected.withLock { $0.add(timings) } }

    /// Does `work` as a step of what is followed.
    package func time<Result, Failure: Error>(
        _ step: Step, _ work: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard takesTimes else { return try work() }
        var clock = StepClock()
        let result = try work()
        clock.lap(step)
        add(clock.timings)
        return result
    }
}

/// Times steps that follow one another.
struct StepClock {
    var timings = CompilationMonitor.Timings()
    private var last = DispatchTime.now().uptimeNanoseconds

    /// The next step begins only now.
    mutating func restart() { last = DispatchTime.now().uptimeNanoseconds }

    /// The time since the last call was this step's.
    mutating func lap(_ step: CompilationMonitor.Step) {
        let now = DispatchTime.now().uptimeNanoseconds
        timings[step] += now - last
        last = now
    }
}
