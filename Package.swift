// swift-tools-version: 6.2
// Targets and their import directions follow the flow of a connection: a receiver takes it, Intake
// decides and records, Ledger and Staging keep it. Imports run one way; `.ci/imports` checks them.
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    // A newer OpenSSL or libssh2 of the system's may have deprecated what an older one needs.
    .treatWarning("DeprecatedDeclaration", as: .warning),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
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
    products: [
        .executable(name: "dropgate", targets: ["dropgate"]),
        .executable(name: "dropgate-session", targets: ["dropgate-session"]),
    ],
    // A lock file cannot be committed, so the ranges are what was tested, with the corrections of its minor version.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", .upToNextMinor(from: "1.8.2")),
        .package(url: "https://github.com/apple/swift-http-types", .upToNextMinor(from: "1.8.0")),
        .package(url: "https://github.com/apple/swift-log", .upToNextMinor(from: "1.16.2")),
        .package(url: "https://github.com/apple/swift-metrics", .upToNextMinor(from: "2.13.0")),
        .package(url: "https://github.com/apple/swift-nio", .upToNextMinor(from: "2.101.2")),
        .package(url: "https://github.com/apple/swift-nio-http2", .upToNextMinor(from: "1.46.0")),
        .package(url: "https://github.com/apple/swift-system", .upToNextMinor(from: "1.8.1")),
        .package(url: "https://github.com/groue/GRDB.swift", .upToNextMinor(from: "7.10.0")),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", .upToNextMinor(from: "2.28.1"),
            traits: []),
        .package(
            url: "https://github.com/hummingbird-project/swift-mustache", .upToNextMinor(from: "2.1.1")),
        .package(url: "https://github.com/jpsim/Yams", .upToNextMinor(from: "6.2.2")),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle", .upToNextMinor(from: "2.13.0")),
        .package(url: "https://github.com/swiftlang/swift-subprocess", .upToNextMinor(from: "1.0.2")),
    ],
    targets: [
        .systemLibrary(name: "CLibSSH2", pkgConfig: "libssh2", providers: [.apt(["libssh2-1-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "CShims", linkerSettings: [.linkedLibrary("crypt"), .linkedLibrary("z")]),
        .target(name: "Blocking", swiftSettings: strict),
        .target(name: "Files", dependencies: ["CShims"], swiftSettings: strict),
        .target(name: "JSON", swiftSettings: strict),
        .target(name: "Metering", dependencies: [coreMetrics], swiftSettings: strict),
        .target(name: "TLS", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "TLSChannel", dependencies: ["TLS", nio, nioTLS], swiftSettings: strict),
        .target(name: "Admission", dependencies: ["TLS"], swiftSettings: strict),
        .target(
            name: "Ledger",
            dependencies: ["Admission", "Blocking", "CShims", "Files", "JSON", "TLS", grdb, grdbSQLite],
            swiftSettings: strict),
        .target(
            name: "Staging", dependencies: ["Admission", "CShims", "Files", "JSON", "TLS"],
            swiftSettings: strict),
        .target(name: "Sockets", dependencies: ["Admission", "CShims", "Files"], swiftSettings: strict),
        .target(
            name: "Intake",
            dependencies: [
                "Admission", "Blocking", "JSON", "Ledger", "Metering", "Staging", "TLS", coreMetrics, logging,
            ],
            swiftSettings: strict),
        .target(
            name: "Upkeep",
            dependencies: [
                "Admission", "Blocking", "Intake", "JSON", "Ledger", "Metering", logging, lifecycle,
            ],
            swiftSettings: strict),
        .target(
            name: "ListenerTLS",
            dependencies: [
                "Admission", "Blocking", "Files", "Intake", "JSON", "Metering", "Settings", "TLS", logging,
            ], swiftSettings: strict),
        .target(
            name: "WebhookReceiver",
            dependencies: [
                "Admission", "Blocking", "Files", "Intake", "JSON", "Ledger", "ListenerTLS", "Metering",
                "Settings",
                "Sockets", "TLS", "TLSChannel", nio, nioPosix, nioTLS, nioHPACK, nioHTTP1, nioHTTP2,
                coreMetrics, logging, lifecycle,
            ], swiftSettings: strict),
        .target(name: "SFTPWire", swiftSettings: strict),
        .target(
            name: "LocalSocket", dependencies: ["Files", "Sockets"], swiftSettings: strict),
        .target(
            name: "LocalServer",
            dependencies: ["CShims", "Files", "LocalSocket", "Sockets", logging],
            swiftSettings: strict),
        .target(
            name: "Accounts",
            dependencies: ["Admission", "CShims", "Files", "Settings", "Staging", "TLS", yams],
            swiftSettings: strict),
        .target(
            name: "SFTPSession",
            dependencies: ["Admission", "CShims", "Files", "LocalSocket", "SFTPWire", "Staging", "TLS"],
            swiftSettings: strict),
        .target(
            name: "SFTPReceiver",
            dependencies: [
                "Accounts", "Admission", "Blocking", "Files", "Intake", "JSON", "Ledger",
                "LocalServer", "LocalSocket", "Metering", "Settings", "SFTPSession", "Sockets", "Staging",
                "TLS", subprocess, system, logging, lifecycle,
            ], swiftSettings: strict),
        .target(
            name: "Console",
            dependencies: [
                "Accounts", "Admission", "Audit", "Blocking", "Intake", "JSON", "Ledger", "ListenerTLS",
                "Management",
                "Metering", "Reachability", "RuleBook", "Settings", "Sockets", "Staging", "TLS", "TLSChannel",
                hummingbird, hummingbirdCore, mustache, nio, nioHTTP1, nioTLS, httpTypes, logging, lifecycle,
            ],
            // The program carries them: it is one file.
            resources: [.embedInCode("Pages/Templates"), .embedInCode("Pages/Assets")],
            swiftSettings: strict),
        .target(name: "Settings", dependencies: ["Admission", "Files", yams, "TLS"], swiftSettings: strict),
        .target(
            name: "Audit",
            dependencies: [
                "Admission", "Blocking", "CShims", "Files", "JSON", "Ledger", "Settings", "TLS",
                "TLSChannel", nio, nioHTTP1, nioPosix, logging,
            ], swiftSettings: strict),
        .target(
            name: "Reachability",
            dependencies: [
                "Admission", "Blocking", "CLibSSH2", "CShims", "Files", "Intake", "JSON", "Ledger",
                "Settings", "Sockets", "Staging", "TLS",
            ], swiftSettings: strict),
        .target(
            name: "RuleBook",
            dependencies: [
                "Admission", "Blocking", "Files", "JSON", "Settings", "Sockets", "TLS",
                "TLSChannel", nio, nioPosix,
            ],
            swiftSettings: strict),
        .target(
            name: "Management",
            dependencies: [
                "Accounts", "Admission", "Audit", "Blocking", "CShims", "Files", "Intake", "JSON",
                "Ledger", "LocalServer", "LocalSocket", "Reachability", "RuleBook", "Settings",
                "SFTPReceiver",
                "Sockets", "Staging", "TLS", logging, lifecycle,
            ],
            swiftSettings: strict),
        .target(
            name: "Pull",
            dependencies: [
                "Admission", "Intake", "JSON", "Management", "Reachability", "Settings", "Staging",
            ],
            swiftSettings: strict),
        .target(
            name: "Daemon",
            dependencies: [
                "Admission", "Audit", "Blocking", "Console", "CShims", "Files", "Intake", "JSON",
                "Ledger", "Management", "Metering", "Settings", "SFTPReceiver", "Upkeep", "WebhookReceiver",
                logging, lifecycle, unixSignals,
            ],
            swiftSettings: strict),
        .target(
            name: "Commands",
            dependencies: [
                "Accounts", "Admission", "Audit", "Daemon", "Files", "Intake", "JSON", "Ledger", "Management",
                "Pull", "Reachability", "RuleBook", "Settings", "SFTPReceiver", "Staging",
                argumentParser, logging, unixSignals,
            ], swiftSettings: strict),
        .executableTarget(name: "dropgate-session", dependencies: ["SFTPSession"], swiftSettings: strict),
        // Who builds the gate builds its session, too. An executable links nothing of another one that it depends on.
        .executableTarget(
            name: "dropgate", dependencies: ["Commands", "dropgate-session"], swiftSettings: strict),
        .target(name: "Support", path: "Tests/Support", swiftSettings: strict),
        .target(
            name: "LedgerSupport", dependencies: ["Admission", "Ledger"], path: "Tests/LedgerSupport",
            swiftSettings: strict),
        .target(name: "TLSSupport", dependencies: ["TLS"], path: "Tests/TLSSupport", swiftSettings: strict),
        .executableTarget(
            name: "tls-fuzz", dependencies: ["TLSSupport", "Support"], path: "Tests/Fuzz/TLS",
            swiftSettings: strict),
        .testTarget(
            name: "TLSTests",
            dependencies: ["TLS", "TLSChannel", "TLSSupport", "Support", nio, nioTLS, nioEmbedded],
            swiftSettings: strict),
        .executableTarget(
            name: "ledger-bench", dependencies: ["Admission", "JSON", "Ledger", "Support"],
            path: "Tests/Performance/LedgerBench", swiftSettings: strict),
        .testTarget(name: "MeteringTests", dependencies: ["Metering", coreMetrics], swiftSettings: strict),
        .testTarget(name: "BlockingTests", dependencies: ["Blocking"], swiftSettings: strict),
        .testTarget(name: "FilesTests", dependencies: ["CShims", "Files", "Support"], swiftSettings: strict),
        .testTarget(
            name: "AccountsTests", dependencies: ["Accounts", "Admission", "Files", "Settings", "Support"],
            swiftSettings: strict),
        .testTarget(name: "AdmissionTests", dependencies: ["Admission"], swiftSettings: strict),
        .testTarget(
            name: "LedgerTests", dependencies: ["JSON", "Admission", "Files", "Ledger", "Support", grdb],
            swiftSettings: strict
        ),
        .testTarget(
            name: "IntakeTests",
            dependencies: [
                "Admission", "Blocking", "Intake", "JSON", "Ledger", "LedgerSupport", "Metering", "Staging",
                "Support", "TLS", "Upkeep", logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AuditTests",
            dependencies: [
                "Admission", "Audit", "Blocking", "JSON", "Ledger", "Settings", "Support", "TLS",
                "TLSChannel", "TLSSupport", nio, nioPosix, logging,
            ],
            swiftSettings: strict),
        .testTarget(name: "SFTPWireTests", dependencies: ["SFTPWire", "Support"], swiftSettings: strict),
        .testTarget(
            name: "StagingTests", dependencies: ["Staging", "Admission", "JSON", "Support", "TLS"],
            swiftSettings: strict),
        .testTarget(
            name: "SettingsTests",
            dependencies: ["Files", "Settings", "Admission", "Staging", "Support", "TLS"],
            swiftSettings: strict),
        .testTarget(
            name: "SocketsTests", dependencies: ["Sockets", "Admission"], swiftSettings: strict),
        .testTarget(
            name: "ReachabilityTests",
            dependencies: ["JSON", "Reachability", "Admission", "Ledger", "Settings", "Support"],
            swiftSettings: strict),
        .testTarget(
            name: "RuleBookTests",
            dependencies: ["JSON", "RuleBook", "Admission", "Ledger", "Settings"],
            swiftSettings: strict),
        .testTarget(
            name: "CommandsTests",
            dependencies: [
                "Accounts", "Admission", "Audit", "Blocking", "Commands", "Daemon", "Files", "Intake", "JSON",
                "Ledger", "LedgerSupport", "LocalServer", "LocalSocket", "Management", "Pull", "Reachability",
                "RuleBook", "Settings", "Sockets", "Staging", "Support", logging,
            ], swiftSettings: strict),
        .testTarget(
            name: "ConsoleTests",
            dependencies: [
                "Admission", "Console", "Files", "Intake", "JSON", "Ledger", "Management", "Reachability",
                "Staging", "Support", "TLS", httpTypes, logging, nio, nioEmbedded, nioHTTP1,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "WebhookReceiverTests",
            dependencies: [
                "Files", "JSON", "ListenerTLS",
                "WebhookReceiver", "Console", "Admission", "Intake", "Ledger", "Metering", "Settings",
                "Staging",
                "LedgerSupport", "Management", "Support", "TLS", "TLSSupport",
                httpTypes, nio, nioEmbedded,
                nioHTTP1, subprocess, system, logging, lifecycle,
            ], swiftSettings: strict),
        .testTarget(
            name: "SFTPReceiverTests",
            dependencies: [
                "Accounts", "Admission", "Files", "Intake", "JSON", "Ledger", "LocalServer", "LocalSocket",
                "Settings", "SFTPReceiver", "SFTPSession", "SFTPWire", "Sockets", "Staging", "Support", "TLS",
                logging,
                lifecycle,
            ], swiftSettings: strict),
    ]
)
