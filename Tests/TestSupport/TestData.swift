//! Where the shared test data lies (real programs, the specification's suite), which is not part of the repository.
//!
//! Policy: on a developer's machine a test whose data is missing is skipped with a reason; under CI (`CI=true`) the
//! same test runs and fails, so that missing data can never look like success.

public import Foundation

/// Locates shared test data: `MAYFLY_TEST_DATA`, or the folder `shared` beside the package.
public enum TestData {
    public static let root: URL = {
        if let path = ProcessInfo.processInfo.environment["MAYFLY_TEST_DATA"] { return URL(fileURLWithPath: path) }
        // <package>/Tests/TestSupport/TestData.swift
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared")
    }()

    /// Whether missing data must fail tests instead of skipping them.
    public static let isRequired = ProcessInfo.processInfo.environment["CI"] == "true"

    public static func url(_ path: String) -> URL { root.appendingPathComponent(path) }

    public static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: url(path).path) }

    /// The condition of `.enabled(if: TestData.shouldRun("corpus"), TestData.reason("corpus"))`: true when the data is
    /// there, and under CI always, so that the test itself fails when it opens the file.
    public static func shouldRun(_ path: String) -> Bool { isRequired || exists(path) }

    /// What a skipped test says.
    public static func reason(_ path: String) -> String {
        "needs \(url(path).path): put the shared test data there or name its folder in MAYFLY_TEST_DATA"
    }

    /// The bytes of a shared file. Throws when it is missing, which is how a test fails under CI.
    public static func bytes(_ path: String) throws -> [UInt8] { try bytes(at: url(path)) }

    public static func bytes(at url: URL) throws -> [UInt8] { [UInt8](try Data(contentsOf: url)) }

    /// All files below `folder` with an extension, sorted by path. Throws when there are none: a test over an empty
    /// list checks nothing.
    public static func files(in folder: String, withExtension pathExtension: String) throws -> [URL] {
        let base = url(folder)
        guard let paths = FileManager.default.enumerator(atPath: base.path) else {
            throw MissingTestData(description: reason(folder))
        }
        let found = paths.compactMap { $0 as? String }.filter { ($0 as NSString).pathExtension == pathExtension }
        guard !found.isEmpty else { throw MissingTestData(description: reason(folder)) }
        return found.sorted().map { base.appendingPathComponent($0) }
    }

    /// An integer from the environment, for sizes of long tests.
    public static func integer(fromEnvironment name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }
}

/// Shared test data is not where it should be.
public struct MissingTestData: Error, CustomStringConvertible {
    public let description: String
}
