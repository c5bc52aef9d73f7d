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

let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "dropgate",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "dropgate", targets: ["dropgate"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        .systemLibrary(name: "CLibSSH2", pkgConfig: "libssh2", providers: [.apt(["libssh2-1-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "CShims", linkerSettings: [.linkedLibrary("crypt"), .linkedLibrary("z")]),
        .target(name: "Admission", dependencies: [crypto], swiftSettings: strict),
        .target(
            name: "Ledger", dependencies: ["Admission", "CShims", crypto, grdb, grdbSQLite],
            swiftSettings: strict),
        .target(name: "Staging", dependencies: ["Admission", "CShims", crypto], swiftSettings: strict),
        .target(
            name: "Intake", dependencies: ["Admission", "Ledger", "Staging", crypto, logging, lifecycle],
            swiftSettings: strict),
        .target(
            name: "WebhookReceiver",
            dependencies: [
                "Admission", "Ledger", "Intake", "Settings", hummingbirdCore, nio, nioPosix, nioSSL, nioTLS,
                nioHTTP1, nioHTTP2, crypto, logging, lifecycle,
            ], swiftSettings: strict),
        .target(name: "SFTPWire", swiftSettings: strict),
        .target(
            name: "SFTPReceiver",
            dependencies: [
                "Admission", "Ledger", "Intake", "Staging", "Settings", "SFTPWire", "CShims", crypto, nio,
                nioPosix, subprocess, system, yams, logging, lifecycle,
            ], swiftSettings: strict),
        .target(
            name: "Console",
            dependencies: [
                "Admission", "Ledger", "Intake", "Settings", hummingbird, nio, nioPosix, httpTypes, crypto,
                logging,
                lifecycle,
            ], swiftSettings: strict),
        .target(name: "Settings", dependencies: ["Admission", yams, crypto], swiftSettings: strict),
        .target(
            name: "Audit",
            dependencies: [
                "Admission", "CShims", "Ledger", "Settings", asyncHTTPClient, crypto, nio, nioHTTP1, nioPosix,
                nioSSL, nioTLS,
                logging,
                lifecycle,
            ], swiftSettings: strict),
        .target(
            name: "Reachability",
            dependencies: [
                "Admission", "CLibSSH2", "COpenSSL", "CShims", "Intake", "Ledger", "Settings", "Staging",
                crypto, logging,
            ], swiftSettings: strict),
        .target(
            name: "RuleBook",
            dependencies: [
                "Admission", "Ledger", "Settings", nio, nioHTTP1, nioPosix, nioSSL, nioTLS, yams,
            ], swiftSettings: strict),
        .target(
            name: "Commands",
            dependencies: [
                "Admission", "Ledger", "Staging", "Intake", "Audit", "WebhookReceiver", "SFTPReceiver",
                "Console", "Reachability", "RuleBook",
                "Settings", "CShims", argumentParser, crypto, x509, asn1, nio, nioPosix, logging, lifecycle,
                unixSignals,
            ], swiftSettings: strict),
        .executableTarget(name: "dropgate", dependencies: ["Commands"], swiftSettings: strict),
        .target(name: "Support", path: "Tests/Support", swiftSettings: strict),
        .target(
            name: "LedgerSupport", dependencies: ["Admission", "Ledger"], path: "Tests/LedgerSupport",
            swiftSettings: strict),
        .executableTarget(
            name: "ledger-bench", dependencies: ["Admission", "Ledger", "Support"],
            path: "Tests/Performance/LedgerBench", swiftSettings: strict),
        .testTarget(name: "AdmissionTests", dependencies: ["Admission", crypto], swiftSettings: strict),
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
                "Admission", "Ledger", "Audit", "Settings", "Support", crypto, logging, lifecycle,
            ],
            swiftSettings: strict),
        .testTarget(name: "SFTPWireTests", dependencies: ["SFTPWire", "Support"], swiftSettings: strict),
        .testTarget(
            name: "StagingTests", dependencies: ["Staging", "Admission", "Support", crypto],
            swiftSettings: strict),
        .testTarget(
            name: "SettingsTests", dependencies: ["Settings", "Admission", "Staging"], swiftSettings: strict),
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
                "Commands", "Admission", "Audit", "Ledger", "Intake", "Settings", "Support", x509, asn1,
                logging,
                lifecycle,
            ], swiftSettings: strict),
        .testTarget(
            name: "WebhookReceiverTests",
            dependencies: [
                "WebhookReceiver", "Console", "Admission", "Intake", "Ledger", "Settings", "Staging",
                "LedgerSupport", "Support", crypto,
                nio,
                nioHTTP1, subprocess, system, logging, lifecycle,
            ], swiftSettings: strict),
        .testTarget(
            name: "SFTPReceiverTests",
            dependencies: [
                "SFTPReceiver", "Admission", "Intake", "Ledger", "Staging", "Settings", "Support", crypto,
                logging,
                lifecycle,
            ], swiftSettings: strict),
    ]
)
