//! Test data as a condition of a test: `@Test(.needs("corpus"))`.

public import Testing

extension Trait where Self == ConditionTrait {
    /// Skips the test, saying what is missing, when shared data is absent; under CI the test runs, and so fails.
    public static func needs(_ paths: String...) -> Self {
        let missing = paths.first { !TestData.shouldRun($0) }
        return .enabled(if: missing == nil, Comment(rawValue: missing.map(TestData.reason) ?? ""))
    }
}
