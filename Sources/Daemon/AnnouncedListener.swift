// A listener as the announcer knows it, and the way its bound port becomes known.
import Management
import ServiceLifecycle
import Settings

struct AnnouncedListener: Sendable {
    var name: String
    var address: ListenAddress
    /// Waits for the bound port; nil when the listener could not be opened.
    var port: @Sendable () async -> Int?
}

/// A port that becomes known once.
struct PortPromise: Sendable {
    private let stream: AsyncStream<Int>
    private let continuation: AsyncStream<Int>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

    func fulfil(_ port: Int) {
        continuation.yield(port)
        continuation.finish()
    }

    /// nil when the waiting task is cancelled first.
    var value: Int? {
        get async { await stream.first { _ in true } }
    }
}

/// A service whose errors say which one it was.
struct NamedService: Service {
    private let name: String
    private let service: any Service

    init(_ name: String, _ service: any Service) {
        self.name = name
        self.service = service
    }

    func run() async throws {
        do {
            try await service.run()
        } catch let error as CancellationError {
            throw error
        } catch {
            throw ManagementError(.internalError, "\(name): \(error)", cause: error)
        }
    }
}
