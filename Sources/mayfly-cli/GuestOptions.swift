//! What a guest is given of the host, and what is called in it before it runs: the same for all commands that run one.

import ArgumentParser
import Glibc
import Mayfly
import MayflyWASI

struct GuestOptions: ParsableArguments {
    @Option(
        name: .customLong("dir"),
        help: ArgumentHelp(
            """
            Give the guest a directory and all beneath it; without ::GUEST under the same name, with ::ro to look and read \
            only.
            """, valueName: "host[::guest[::ro]]"))
    var directories: [String] = []

    @Option(
        name: .customLong("env"),
        help: ArgumentHelp("Set a variable in the guest's environment.", valueName: "name=value"))
    var variables: [String] = []

    @Flag(
        name: .customLong("env-inherit"),
        help: "Give the guest this process's environment; what --env sets comes first.")
    var inheritsEnvironment = false

    @Option(
        name: .customLong("stdin"),
        help: ArgumentHelp("Give the guest this file as standard input, not this process's.", valueName: "file"))
    var standardInput: String?

    func validate() throws {
        for variable in variables {
            guard let equals = variable.firstIndex(of: "="), equals != variable.startIndex else {
                throw ValidationError("'--env \(variable)' is not of the form NAME=VALUE.")
            }
        }
        for directory in directories { _ = try GivenDirectory(directory) }
    }

    /// This process's standard streams, and what the options say.
    ///
    /// - Parameter arguments: the program's name and its arguments.
    func configuration(arguments: [String]) throws -> WASI.Configuration {
        var configuration = WASI.Configuration()
        configuration.arguments = arguments
        configuration.standardInput = try standardInput.map { .descriptor(try Self.open($0)) } ?? .inherit
        configuration.standardOutput = .inherit
        configuration.standardError = .inherit
        if inheritsEnvironment { configuration.environment = Self.ownEnvironment }
        for variable in variables {
            let (name, value) = Self.split(variable)
            configuration.environment[name] = value
        }
        for directory in directories {
            let directory = try GivenDirectory(directory)
            try configuration.preopen(directory.host, as: directory.guest, access: directory.access)
        }
        return configuration
    }

    /// Before and after the first `=`.
    private static func split(_ variable: String) -> (name: String, value: String) {
        let equals = variable.firstIndex(of: "=") ?? variable.endIndex
        return (String(variable[..<equals]), String(variable[equals...].dropFirst()))
    }

    private static var ownEnvironment: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let variable = next.pointee {
            let (name, value) = split(String(cString: variable))
            // The first counts, as it does for getenv(3).
            if variables[name] == nil { variables[name] = value }
            next += 1
        }
        return variables
    }

    /// Opens a file, to be open as long as this process runs.
    private static func open(_ path: String) throws -> Int32 {
        func fail(_ error: Int32) -> CommandFailure {
            CommandFailure(.noInput, "cannot read '\(path)': \(String(cString: strerror(error)))")
        }
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fail(errno) }
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { throw fail(EISDIR) }
        return descriptor
    }
}

/// What `--dir` says.
private struct GivenDirectory {
    var host: String
    var guest: String
    var access = WASI.Access.readWrite

    init(_ text: String) throws {
        var parts = [""]
        var rest = text[...]
        while let first = rest.first {
            if rest.hasPrefix("::"), parts.count < 3 {
                parts.append("")
                rest = rest.dropFirst(2)
            } else {
                parts[parts.count - 1].append(first)
                rest = rest.dropFirst()
            }
        }
        host = parts[0]
        guest = parts.count > 1 ? parts[1] : host
        // What looks like a wish to have it read only must not be the opposite.
        if parts.count == 2, guest == "ro" {
            throw ValidationError("'--dir \(text)' names no directory for the guest: write \(host)::\(host)::ro.")
        }
        if text.contains(":::") {
            throw ValidationError("'--dir \(text)' has three colons on end: the names cannot be told apart.")
        }
        if parts.count > 2 {
            guard parts[2] == "ro" else {
                throw ValidationError("'--dir \(text)' ends in '::\(parts[2])'; only '::ro' can stand there.")
            }
            access = .readOnly
        }
        if host.isEmpty || guest.isEmpty {
            throw ValidationError("'--dir \(text)' is not of the form HOST or HOST::GUEST or HOST::GUEST::ro.")
        }
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
    /// - Parameters:
    ///   - isStarted: whether that has been done.
    ///   - limits: of that instance.
    ///   - fuel: what it is given; nil if it takes none.
    func snapshot(
        of export: String, of module: Module, isStarted: Bool, _ state: WASI, limits: ResourceLimits? = nil,
        fuel: UInt64? = nil
    ) throws -> Template<WASI> {
        let instance = try instantiate(state: state, limits: limits, fuel: fuel)
        if export != "_initialize", !isStarted, module.hasInitializer { try instance.call("_initialize") }
        _ = try instance.call(export, arguments: [])
        return try snapshot(of: instance)
    }
}
