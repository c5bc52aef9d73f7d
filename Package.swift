// swift-tools-version: 6.2
// Targets and their import directions follow the flow of a connection: a receiver takes it, Intake
// decides and records, Ledger and Staging keep it. Imports run one way; `.ci/imports` checks them.
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "dropgate",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "dropgate", targets: ["dropgate"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        .systemLibrary(name: "CLibSSH2", pkgConfig: "libssh2", providers: [.apt(["libssh2-1-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "CShims", linkerSettings: [.linkedLibrary("crypt"), .linkedLibrary("z")]),
        .target(name: "TLS", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "TLSChannel", dependencies: ["TLS", nio, nioTLS], swiftSettings: strict),
        .target(name: "Admission", dependencies: ["TLS"], swiftSettings: strict),
        .target(
            name: "Ledger", dependencies: ["Admission", "CShims", "TLS", grdb, grdbSQLite],
            swiftSettings: strict),
        .target(name: "Staging", dependencies: ["Admission", "CShims", "TLS"], swiftSettings: strict),
        .target(name: "Sockets", dependencies: ["Admission", "CShims", "Settings"], swiftSettings: strict),
        .target(
            name: "Intake", dependencies: ["Admission", "Ledger", "Staging", "TLS", logging, lifecycle],
            swiftSettings: strict),
        .target(
            name: "WebhookReceiver",
            dependencies: [
                "Admission", "Ledger", "Intake", "Settings", "Sockets", nio, nioPosix, "TLSChannel", nioTLS,
                nioHPACK, nioHTTP1, nioHTTP2, "TLS", logging, lifecycle,
            ], swiftSettings: strict),
        .target(name: "SFTPWire", swiftSettings: strict),
        .target(
            name: "SFTPReceiver",
            dependencies: [
                "Admission", "Ledger", "Intake", "Staging", "Settings", "SFTPWire", "Sockets", "CShims",
                "TLS", nio,
                nioPosix, subprocess, system, yams, logging, lifecycle,
            ], swiftSettings: strict),
        .target(
            name: "Console",
            dependencies: [
                "Admission", "Ledger", "Intake", "Settings", hummingbird, nio, nioPosix, httpTypes, "TLS",
                logging,
                lifecycle,
            ], swiftSettings: strict),
        .target(name: "Settings", dependencies: ["Admission", yams, "TLS"], swiftSettings: strict),
        .target(
            name: "Audit",
            dependencies: [
                "Admission", "CShims", "Ledger", "Settings", "TLS", "TLSChannel", nio, nioHTTP1, nioPosix,
                nioTLS,
                logging,
                lifecycle,
            ], swiftSettings: strict),
        .target(
            name: "Reachability",
            dependencies: [
                "Admission", "CLibSSH2", "CShims", "Intake", "Ledger", "Settings", "Sockets", "Staging",
                "TLS", logging,
            ], swiftSettings: strict),
        .target(
            name: "RuleBook",
            dependencies: [
                "Admission", "Ledger", "Settings", "TLS", "TLSChannel", nio, nioPosix, yams,
            ], swiftSettings: strict),
        .target(
            name: "Commands",
            dependencies: [
                "Admission", "Ledger", "Staging", "Intake", "Audit", "WebhookReceiver", "SFTPReceiver",
                "Console", "Reachability", "RuleBook",
                "Settings", "CShims", argumentParser, "TLS", nio, nioPosix, logging, lifecycle,
                unixSignals,
            ], swiftSettings: strict),
        .executableTarget(name: "dropgate", dependencies: ["Commands"], swiftSettings: strict),
        .target(name: "Support", path: "Tests/Support", swiftSettings: strict),
        .target(
            name: "LedgerSupport", dependencies: ["Admission", "Ledger"], path: "Tests/LedgerSupport",
            swiftSettings: strict),
        .target(name: "TLSSupport", dependencies: ["TLS"], path: "Tests/TLSSupport", swiftSettings: strict),
        .executableTarget(
            name: "tls-fuzz", dependencies: ["TLS", "TLSSupport", "Support"], path: "Tests/Fuzz/TLS",
            swiftSettings: strict),
        .testTarget(
            name: "TLSTests",
            dependencies: ["TLS", "TLSChannel", "TLSSupport", "Support", nio, nioPosix, nioTLS, nioEmbedded],
            swiftSettings: strict),
        .executableTarget(
            name: "ledger-bench", dependencies: ["Admission", "Ledger", "Support"],
            path: "Tests/Performance/LedgerBench", swiftSettings: strict),
        .testTarget(name: "AdmissionTests", dependencies: ["Admission", "TLS"], swiftSettings: strict),
        .testTarget(
            name: "LedgerTests", dependencies: ["Admission", "Ledger", "Support", grdb], swiftSettings: strict
        ),
        .testTarget(
            name: "IntakeTests",
            dependencies: [
                "Admission", "Ledger", "Staging", "Intake", "LedgerSupport", "Support", logging, lifecycle,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AuditTests",
            dependencies: [
                "Admission", "Ledger", "Audit", "Settings", "Support", "TLS", "TLSChannel", "TLSSupport", nio,
                nioPosix, logging, lifecycle,
            ],
            swiftSettings: strict),
        .testTarget(name: "SFTPWireTests", dependencies: ["SFTPWire", "Support"], swiftSettings: strict),
        .testTarget(
            name: "StagingTests", dependencies: ["Staging", "Admission", "Support", "TLS"],
            swiftSettings: strict),
        .testTarget(
            name: "SettingsTests", dependencies: ["Settings", "Admission", "Staging", "Support", "TLS"],
            swiftSettings: strict),
        .testTarget(
            name: "SocketsTests", dependencies: ["Sockets", "Admission", "Settings"], swiftSettings: strict),
        .testTarget(
            name: "ReachabilityTests",
            dependencies: ["Reachability", "Admission", "Ledger", "Settings", "Support"],
            swiftSettings: strict),
        .testTarget(
            name: "RuleBookTests", dependencies: ["RuleBook", "Admission", "Ledger", "Settings", "Support"],
            swiftSettings: strict),
        .testTarget(
            name: "CommandsTests",
            dependencies: [
                "Commands", "Admission", "Audit", "Ledger", "Intake", "Settings", "Support",
                logging,
                lifecycle,
            ], swiftSettings: strict),
        .testTarget(
            name: "WebhookReceiverTests",
            dependencies: [
                "WebhookReceiver", "Console", "Admission", "Intake", "Ledger", "Settings", "Staging",
                "LedgerSupport", "Support", "TLS",
                nio, nioEmbedded,
                nioHTTP1, subprocess, system, logging, lifecycle,
            ], swiftSettings: strict),
        .testTarget(
            name: "SFTPReceiverTests",
            dependencies: [
                "SFTPReceiver", "Admission", "Intake", "Ledger", "Staging", "Settings", "Sockets", "Support",
                "TLS",
                logging,
                lifecycle,
            ], swiftSettings: strict),
    ]
)
