//! Compiled modules on disk, for the processes to come.
//!
//! A file's name is a hash of all that decides what the code is: the module, the settings, the processor features used, the ABI, and
//! the build of this library. The module's bytes are in the file too and are compared, so that nothing depends on the hash
//! being a good one. Files are written under another name and renamed when they are whole.
//!
//! The content is native code. So a directory, or a file in it, that another user could have written to is not used, and whoever
//! can write as this user can run code as this user anyway. What is damaged, cut off or of another build is removed
//! and compiled again. Nothing that goes wrong here is an error of the compilation; it is counted (`Engine.cacheStatistics`).

import CPlatform
import Compiler
import Glibc
import Runtime
import Synchronization

/// A directory in which engines keep compiled modules.
public struct CompilationCache: Sendable, Hashable {
    /// Made when it is first needed, for the user alone.
    public var directory: String
    /// Bytes of all files together. Beyond it those go that have not been used for the longest time.
    public var maximumBytes: Int

    /// By default of up to 512 MiB.
    public init(directory: String, maximumBytes: Int = 512 << 20) {
        self.directory = directory
        self.maximumBytes = maximumBytes
    }

    /// The user's: `mayfly` in `$XDG_CACHE_HOME`, or in `$HOME/.cache`. Nil where neither is set to an absolute path.
    public static var standard: CompilationCache? {
        func variable(_ name: String) -> String? {
            guard let value = getenv(name).map({ String(cString: $0) }), value.hasPrefix("/") else { return nil }
            return value
        }
        guard let parent = variable("XDG_CACHE_HOME") ?? variable("HOME").map({ $0 + "/.cache" }) else { return nil }
        return CompilationCache(directory: parent + "/mayfly")
    }
}

/// What an engine's cache was good for.
public struct CompilationCacheStatistics: Sendable, Hashable {
    /// Modules that were loaded instead of compiled.
    public var hits = 0
    /// Modules that were not there.
    public var misses = 0
    /// Files that were there and could not be used: damaged, cut off, or changed. They have been removed.
    public var refusals = 0
    /// Times that the directory could not be used, or a file not be written: for want of space or permission, or because
    /// others could write to it.
    public var failures = 0
}

final class CompilationCacheCounters: Sendable {
    let hits = Atomic<Int>(0)
    let misses = Atomic<Int>(0)
    let refusals = Atomic<Int>(0)
    let failures = Atomic<Int>(0)

    var statistics: CompilationCacheStatistics {
        CompilationCacheStatistics(
            hits: hits.load(ordering: .relaxed), misses: misses.load(ordering: .relaxed),
            refusals: refusals.load(ordering: .relaxed), failures: failures.load(ordering: .relaxed))
    }
}

/// One module's place in a cache.
struct CachedModule {
    private let cache: CompilationCache
    private let engine: Engine
    private let bytes: [UInt8]
    private let name: String

    private static let suffix = ".mayfly"

    /// Nil if it cannot be said which build of the library this is.
    init?(_ cache: CompilationCache, _ bytes: [UInt8], _ settings: CodeSettings, _ engine: Engine) {
        // What is made for a look at it or for a measurement is for nobody else.
        guard settings.experiment == CompilerExperiment(), !settings.keepsOrigins else { return nil }
        guard let build = Self.build else {
            engine.cacheCounters.failures.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        self.cache = cache
        self.engine = engine
        self.bytes = bytes
        var hash = Checksum()
        bytes.withUnsafeBytes { hash.add($0) }
        let instructionSet = settings.instructionSet ?? .v3
        let numbers: [UInt64] = [
            UInt64(Artifact.formatVersion), Artifact.abiHash, UInt64(settings.boundsChecks.rawValue),
            UInt64(instructionSet.rawValue), settings.metersFuel ? 1 : 0,
            UInt64(ProcessorFeatures.needed(by: instructionSet).rawValue),
        ]
        for number in numbers + build { hash.add(number) }
        let words = hash.words
        name =
            [words.0, words.1].map { word in
                let digits = String(word, radix: 16)
                return String(repeating: "0", count: 16 - digits.count) + digits
            }.joined() + Self.suffix
    }

    private static let build: [UInt64]? = {
        var identity: [UInt64] = [0, 0, 0, 0]
        return mayfly_build_identity(&identity) == 0 ? identity : nil
    }()

    // MARK: Reading

    /// The module, if it is there.
    func load() -> Module? {
        guard let directory = openDirectory() else { return nil }
        defer { close(directory) }
        let counters = engine.cacheCounters
        let descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            counters.misses.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        defer { close(descriptor) }
        do {
            guard Self.isPrivate(descriptor, S_IFREG) else { throw CompileError.artifact(.corrupted) }
            let file = try MappedFile(descriptor: descriptor)
            let module = try engine.load(file, binary: bytes)
            counters.hits.wrappingAdd(1, ordering: .relaxed)
            // Its last use: those unused for the longest time go first.
            _ = futimens(descriptor, nil)
            return module
        } catch {
            counters.refusals.wrappingAdd(1, ordering: .relaxed)
            unlinkat(directory, name, 0)
            return nil
        }
    }

    /// The directory, if this user alone can write to it; made if it is not there.
    private func openDirectory() -> Int32? {
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
        var directory = open(cache.directory, flags)
        if directory < 0, errno == ENOENT {
            Self.makeDirectories(cache.directory)
            directory = open(cache.directory, flags)
        }
        if directory >= 0 {
            if Self.isPrivate(directory, S_IFDIR) { return directory }
            close(directory)
        }
        engine.cacheCounters.failures.wrappingAdd(1, ordering: .relaxed)
        return nil
    }

    private static func makeDirectories(_ path: String) {
        var end = path.startIndex
        while end < path.endIndex {
            end = path[end...].dropFirst().firstIndex(of: "/") ?? path.endIndex
            mkdir(String(path[..<end]), 0o700)
        }
    }

    /// Whether a file is of this kind, and nobody but this user can write to it.
    private static func isPrivate(_ descriptor: Int32, _ kind: mode_t) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == kind && status.st_uid == geteuid()
            && status.st_mode & (S_IWGRP | S_IWOTH) == 0
    }

    // MARK: Writing

    /// Keeps a module for the next time.
    func store(_ module: Module) {
        guard let directory = openDirectory() else { return }
        defer { close(directory) }
        let temporary = "\(name).\(getpid()).\(UInt64.random(in: .min ... .max))"
        guard write(module.serialized(), to: temporary, in: directory),
            renameat(directory, temporary, directory, name) == 0
        else {
            engine.cacheCounters.failures.wrappingAdd(1, ordering: .relaxed)
            unlinkat(directory, temporary, 0)
            return
        }
        trim(directory)
    }

    private func write(_ contents: [UInt8], to name: String, in directory: Int32) -> Bool {
        let descriptor = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var written = 0
        while written < contents.count {
            let count = contents.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + written, contents.count - written)
            }
            if count < 0, errno != EINTR { return false }
            written += max(count, 0)
        }
        return true
    }

    /// Removes what is too much, and what writers that were stopped have left.
    private func trim(_ directory: Int32) {
        guard let stream = fdopendir(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) else { return }
        defer { closedir(stream) }
        var files: [(name: String, bytes: Int, used: Int)] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            var status = stat()
            guard name.contains(Self.suffix), fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                continue
            }
            if !name.hasSuffix(Self.suffix) {
                if time(nil) - status.st_mtim.tv_sec > 3600 { unlinkat(directory, name, 0) }
                continue
            }
            files.append((name, Int(status.st_size), status.st_mtim.tv_sec))
        }
        var total = files.reduce(0) { $0 + $1.bytes }
        for file in files.sorted(by: { $0.used < $1.used }) where total > cache.maximumBytes {
            unlinkat(directory, file.name, 0)
            total -= file.bytes
        }
    }
}
