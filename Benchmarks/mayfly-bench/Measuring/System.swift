//! Time and files: the little the benchmark needs of the operating system.

import Glibc

/// Nanoseconds of CLOCK_MONOTONIC.
@inline(__always)
func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// What one reading of the clock costs, in nanoseconds: the least of a few averages.
func clockCost() -> Double {
    (0..<8).map { _ in
        let start = monotonicNanoseconds()
        for _ in 0..<1000 { _ = monotonicNanoseconds() }
        return Double(monotonicNanoseconds() - start) / 1000
    }.min()!
}

/// The most bytes that the process has had in memory.
func residentPeak() -> Double? {
    (try? readFile("/proc/self/status")).flatMap { status in
        String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("VmHWM:") }?
            .split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }
    }.map { $0 * 1024 }
}

func readFile(_ path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw BenchmarkError("\(path): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { throw BenchmarkError("\(path): \(String(cString: strerror(errno)))") }
        if count == 0 { return bytes }
        bytes.append(contentsOf: chunk[..<count])
    }
}

func writeFile(_ path: String, _ text: String) throws {
    guard let file = fopen(path, "we") else { throw BenchmarkError("\(path): \(String(cString: strerror(errno)))") }
    let isWritten = fputs(text, file) >= 0
    guard fclose(file) == 0, isWritten else { throw BenchmarkError("\(path): \(String(cString: strerror(errno)))") }
}

/// A new, empty file's descriptor, for the caller to close.
func createFile(_ path: String) throws -> Int32 {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw BenchmarkError("\(path): \(String(cString: strerror(errno)))") }
    return descriptor
}

func writeFile(_ path: String, _ bytes: [UInt8]) throws {
    let descriptor = try createFile(path)
    defer { close(descriptor) }
    var written = 0
    while written < bytes.count {
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, bytes.count - written) }
        guard count >= 0 || errno == EINTR else { throw BenchmarkError("\(path): \(String(cString: strerror(errno)))") }
        written += max(count, 0)
    }
}

func makeDirectory(_ path: String) throws {
    guard mkdir(path, 0o700) == 0 else { throw BenchmarkError("\(path): \(String(cString: strerror(errno)))") }
}

func fileExists(_ path: String) -> Bool {
    access(path, F_OK) == 0
}

/// A directory of its own under the system's directory for temporary files, removed with all it holds afterwards.
func withScratchDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    var template = Array("\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/mayfly-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
        throw BenchmarkError("no directory for temporary files: \(String(cString: strerror(errno)))")
    }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
        for file in filesBelow(path) {
            unlink(file)
            // And the folders that this leaves empty, up to the directory itself.
            var folder = Substring(file)
            while let end = folder.lastIndex(of: "/"), end > path.endIndex {
                folder = folder[..<end]
                rmdir(String(folder))
            }
        }
        rmdir(path)
    }
    return try body(path)
}

/// Every plain file below a directory, sorted by path.
func filesBelow(_ directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var files: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
            field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name == "." || name == ".." { continue }
        let path = "\(directory)/\(name)"
        var status = stat()
        guard lstat(path, &status) == 0 else { continue }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: files += filesBelow(path)
        case S_IFREG: files.append(path)
        default: break
        }
    }
    return files.sorted()
}

/// The modules named by paths: a `.wasm` file stands for itself, a directory for every `.wasm` below it.
func modules(at paths: [String]) throws -> [String] {
    let found = try paths.flatMap { path -> [String] in
        guard fileExists(path) else { throw BenchmarkError("\(path) does not exist") }
        return path.hasSuffix(".wasm") ? [path] : filesBelow(path).filter { $0.hasSuffix(".wasm") }
    }
    guard !found.isEmpty else { throw BenchmarkError("no .wasm file under \(paths.joined(separator: ", "))") }
    return found
}

/// A module's name in a report: its path from the last two components on, without the extension.
func displayName(_ path: String) -> String {
    let parts = path.split(separator: "/").suffix(2)
    let name = parts.joined(separator: "/")
    return name.hasSuffix(".wasm") ? String(name.dropLast(5)) : name
}
