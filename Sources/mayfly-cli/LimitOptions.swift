//! How much a guest may use: what limits of the library are given on the command line.

import ArgumentParser
import Mayfly

struct LimitOptions: ParsableArguments {
    @Option(
        name: .customLong("max-memory"),
        help: ArgumentHelp("Let all memories together have no more than this.", valueName: "bytes"))
    var memory: UInt64?

    @Option(
        name: .customLong("max-table-elements"),
        help: ArgumentHelp("Let all tables together have no more elements.", valueName: "count"))
    var tableElements: UInt64?

    @Option(
        name: .customLong("max-stack"),
        help: ArgumentHelp("Let calls take no more of the guest's stack than this.", valueName: "bytes"))
    var stack: Int?

    func validate() throws {
        if let stack, stack < 0 { throw ValidationError("'--max-stack \(stack)' is no number of bytes.") }
    }

    /// Nil if none is given.
    var limits: ResourceLimits? {
        if memory == nil, tableElements == nil, stack == nil { return nil }
        return ResourceLimits(memoryBytes: memory, tableElements: tableElements, stackBytes: stack)
    }
}
