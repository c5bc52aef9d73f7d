// A service that runs for as long as a test needs it.
import Logging
import ServiceLifecycle

/// Runs a service while `body` does, and has it end in order then, also when `body` throws.
func serving(_ service: some Service, _ body: (ServiceGroup) async throws -> Void) async throws {
    let group = ServiceGroup(
        configuration: .init(services: [.init(service: service)], logger: LiveGate.quiet))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        do {
            try await body(group)
        } catch {
            await group.triggerGracefulShutdown()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
    }
}
