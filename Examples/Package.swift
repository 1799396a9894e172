// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that what the examples are built on (Hummingbird, SwiftNIO) is no dependency of Mayfly.
// From the root of the repository:
//
//     swift run -c release --package-path Examples --scratch-path .build-examples plugin-host

let strict = Context.environment["MAYFLY_STRICT"] == "1"

let swift: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ]
    + (strict ? [.treatAllWarnings(as: .error)] : [])

let package = Package(
    name: "mayfly-examples",
    dependencies: [
        .package(name: "mayfly", path: ".."),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .executableTarget(
            name: "plugin-host", dependencies: [.product(name: "Mayfly", package: "mayfly")],
            swiftSettings: swift),
        .executableTarget(
            name: "rule-engine",
            dependencies: [
                .product(name: "Mayfly", package: "mayfly"), .product(name: "MayflyServer", package: "mayfly"),
                .product(name: "Hummingbird", package: "hummingbird"), .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], swiftSettings: swift),
        .executableTarget(
            name: "javascript-per-request",
            dependencies: [
                .product(name: "Mayfly", package: "mayfly"), .product(name: "MayflyWASI", package: "mayfly"),
            ], swiftSettings: swift),
    ]
)
