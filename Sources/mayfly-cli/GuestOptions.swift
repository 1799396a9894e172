//! What a guest is given of the host, and what is called in it before it runs: the same for all commands that run one.

import ArgumentParser
import Mayfly
import MayflyWASI

struct GuestOptions: ParsableArguments {
    @Option(
        name: .customLong("dir"),
        help: ArgumentHelp(
            "Give the guest a directory and all beneath it; without ::GUEST under the same name.",
            valueName: "host[::guest]"))
    var directories: [String] = []

    @Option(
        name: .customLong("env"),
        help: ArgumentHelp("Set a variable in the guest's environment.", valueName: "name=value"))
    var variables: [String] = []

    func validate() throws {
        for variable in variables {
            guard let equals = variable.firstIndex(of: "="), equals != variable.startIndex else {
                throw ValidationError("'--env \(variable)' is not of the form NAME=VALUE.")
            }
        }
        for directory in directories where directory.isEmpty || directory.hasPrefix("::") || directory.hasSuffix("::") {
            throw ValidationError("'--dir \(directory)' is not of the form HOST or HOST::GUEST.")
        }
    }

    /// This process's standard streams, and what the options say.
    ///
    /// - Parameter arguments: the program's name and its arguments.
    func configuration(arguments: [String]) throws -> WASI.Configuration {
        var configuration = WASI.Configuration()
        configuration.arguments = arguments
        configuration.standardInput = .inherit
        configuration.standardOutput = .inherit
        configuration.standardError = .inherit
        for variable in variables {
            guard let equals = variable.firstIndex(of: "=") else { continue }
            configuration.environment[String(variable[..<equals])] = String(variable[variable.index(after: equals)...])
        }
        for directory in directories {
            let separator = Self.separator(in: directory)
            let host = separator.map { String(directory[..<$0.lowerBound]) } ?? directory
            let guest = separator.map { String(directory[$0.upperBound...]) } ?? directory
            try configuration.preopen(host, as: guest)
        }
        return configuration
    }

    /// The first `::`.
    private static func separator(in text: String) -> Range<String.Index>? {
        var index = text.startIndex
        while index < text.endIndex {
            let next = text.index(after: index)
            if next < text.endIndex, text[index] == ":", text[next] == ":" { return index..<text.index(after: next) }
            index = next
        }
        return nil
    }
}

extension Module {
    var functionExports: [(name: String, type: FunctionType)] {
        exports.compactMap { export in
            guard case .function(let type) = export.type else { return nil }
            return (export.name, type)
        }
    }

    /// A sentence.
    var namesOfFunctions: String {
        let names = functionExports.map(\.name)
        return names.isEmpty ? "It exports no function." : "It exports \(names.joined(separator: ", "))."
    }

    /// Whether there is what WASI says shall be called before anything else.
    var hasInitializer: Bool { functionExports.contains { $0.name == "_initialize" && $0.type == FunctionType() } }

    /// Says what is wrong with an export that is to be called for a snapshot.
    func checkWarmUp(_ export: String, _ path: String) throws {
        guard let entry = functionExports.first(where: { $0.name == export }) else {
            throw CommandFailure(
                .usage, "\(path) has no function '\(export)' to call for the snapshot. \(namesOfFunctions)")
        }
        guard entry.type.parameters.isEmpty else {
            throw CommandFailure(
                .usage, "function '\(export)' takes \(entry.type.parameters.count) arguments; --warm gives none")
        }
    }
}

extension Template where State == WASI {
    /// A snapshot of an instance in which an export was called, and before it what WASI says shall be.
    ///
    /// - Parameter isStarted: whether that has been done.
    func snapshot(
        of export: String, of module: Module, isStarted: Bool, _ state: WASI
    ) throws -> Template<WASI> {
        try snapshot(state: state) { instance in
            if export != "_initialize", !isStarted, module.hasInitializer { try instance.call("_initialize") }
            _ = try instance.call(export, arguments: [])
        }
    }
}
