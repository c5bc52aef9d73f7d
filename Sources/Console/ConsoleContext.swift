// What is known of a request's connection.
import Admission
import Hummingbird
import NIOCore

struct ConsoleContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// nil where the system does not tell.
    let peer: Endpoint?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        let address = source.channel.remoteAddress
        peer = address?.ipAddress.flatMap { try? IPAddress($0) }.map {
            Endpoint(ip: $0, port: address?.port.flatMap { UInt16(exactly: $0) })
        }
    }
}
