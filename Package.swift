// swift-tools-version: 6.2
import PackageDescription

// `MAYFLY_STRICT=1` turns warnings into errors. It is an environment switch, not a default, because a package that
// treats its own warnings as errors breaks its dependents with every new toolchain.
let strict = Context.environment["MAYFLY_STRICT"] == "1"

let swift: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ]
    + (strict ? [.treatAllWarnings(as: .error)] : [])

let package = Package(
    name: "mayfly",
    products: [
        .library(name: "Mayfly", targets: ["Mayfly"]),
        .library(name: "WasmText", targets: ["WasmText"]),
        .library(name: "MayflyWASI", targets: ["MayflyWASI"]),
        .library(name: "MayflyMetrics", targets: ["MayflyMetrics"]),
        .library(name: "MayflyServer", targets: ["MayflyServer"]),
        .executable(name: "mayfly", targets: ["mayfly-cli"]),
        .executable(name: "mayfly-bench", targets: ["mayfly-bench"]),
    ],
    dependencies: [
        // The command line and the benchmark only: the core targets depend on no package.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        // MayflyMetrics and MayflyServer only.
        .package(url: "https://github.com/apple/swift-metrics", from: "2.5.0"),
        // MayflyServer only.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .target(name: "CPlatform", path: "Sources/CPlatform"),
        .target(name: "WasmModule", path: "Sources/WasmModule", swiftSettings: swift),
        .target(name: "WasmText", path: "Sources/WasmText", swiftSettings: swift),
        .target(name: "Compiler", dependencies: ["WasmModule"], path: "Sources/Compiler", swiftSettings: swift),
        .target(
            name: "Runtime", dependencies: ["CPlatform", "Compiler", "WasmModule"], path: "Sources/Runtime",
            swiftSettings: swift),
        .target(
            name: "Mayfly", dependencies: ["Runtime", "Compiler", "WasmModule", "WasmText"], path: "Sources/Mayfly",
            swiftSettings: swift),
        .target(
            name: "MayflyWASI", dependencies: ["Mayfly", "CPlatform"], path: "Sources/MayflyWASI",
            swiftSettings: swift),
        .target(
            name: "WasmScript", dependencies: ["Mayfly", "WasmText"], path: "Sources/WasmScript", swiftSettings: swift),
        .target(
            name: "MayflyMetrics", dependencies: ["Mayfly", .product(name: "CoreMetrics", package: "swift-metrics")],
            path: "Sources/MayflyMetrics", swiftSettings: swift),
        .target(
            name: "MayflyServer",
            dependencies: [
                "Mayfly", "MayflyMetrics", "MayflyWASI", .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], path: "Sources/MayflyServer", swiftSettings: swift),
        .executableTarget(
            name: "mayfly-cli",
            dependencies: [
                "Mayfly", "MayflyWASI", "WasmModule", "WasmText", "WasmScript", "Compiler", "Runtime",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Sources/mayfly-cli", swiftSettings: swift),
        .executableTarget(
            name: "mayfly-bench",
            dependencies: [
                "Compiler", "Mayfly", "MayflyWASI", "WasmText", "WasmModule", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Benchmarks/mayfly-bench", swiftSettings: swift),
        .executableTarget(
            name: "embedding", dependencies: ["Mayfly"], path: "Examples/Embedding", swiftSettings: swift),
        .target(
            name: "TestSupport", dependencies: ["WasmModule"], path: "Tests/TestSupport", swiftSettings: swift),
        .target(name: "CStepping", path: "Tests/CStepping"),
        .testTarget(
            name: "BenchmarkTests", dependencies: ["mayfly-bench", "TestSupport", "WasmModule", "WasmText"],
            path: "Tests/BenchmarkTests",
            swiftSettings: swift),
        .testTarget(
            name: "WasmModuleTests", dependencies: ["WasmModule", "TestSupport"], path: "Tests/WasmModuleTests",
            swiftSettings: swift),
        .testTarget(
            name: "WasmTextTests", dependencies: ["WasmText", "WasmModule", "TestSupport"], path: "Tests/WasmTextTests",
            swiftSettings: swift),
        .testTarget(
            name: "WasmScriptTests", dependencies: ["Compiler", "Mayfly", "WasmText", "WasmScript", "TestSupport"],
            path: "Tests/WasmScriptTests", swiftSettings: swift),
        .testTarget(
            name: "CompilerTests", dependencies: ["Compiler", "WasmModule", "TestSupport"],
            path: "Tests/CompilerTests", swiftSettings: swift),
        .testTarget(
            name: "RuntimeTests", dependencies: ["Runtime", "CPlatform", "TestSupport"], path: "Tests/RuntimeTests",
            swiftSettings: swift),
        .testTarget(
            name: "MayflyTests", dependencies: ["Mayfly", "MayflyWASI", "TestSupport"], path: "Tests/MayflyTests",
            swiftSettings: swift),
        .testTarget(
            name: "MayflyWASITests", dependencies: ["Mayfly", "MayflyWASI", "TestSupport"],
            path: "Tests/MayflyWASITests", swiftSettings: swift),
        .testTarget(
            name: "MayflyMetricsTests",
            dependencies: [
                "Mayfly", "MayflyMetrics", "TestSupport", .product(name: "CoreMetrics", package: "swift-metrics"),
            ], path: "Tests/MayflyMetricsTests", swiftSettings: swift),
        .testTarget(
            name: "MayflyServerTests",
            dependencies: [
                "Mayfly", "MayflyServer", "MayflyWASI", .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "InMemoryLogging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
            ], path: "Tests/MayflyServerTests", swiftSettings: swift),
        .testTarget(
            name: "CommandTests", dependencies: ["mayfly-cli", "TestSupport", "WasmModule"], path: "Tests/CommandTests",
            swiftSettings: swift),
        .testTarget(
            name: "AcceptanceTests",
            dependencies: [
                "Mayfly", "MayflyWASI", "Runtime", "Compiler", "WasmModule", "CPlatform", "CStepping", "TestSupport",
            ],
            path: "Tests/AcceptanceTests", swiftSettings: swift),
    ]
)
