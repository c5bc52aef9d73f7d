// What is known of a request's connection.
import Admission
import Hummingbird
import NIOCore

struct ConsoleContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// nil where the system does not tell.
    let peer: Endpoint?
    /// How long the connection has gone on; nil where nobody counts.
    let age: ConnectionAge?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        peer = Endpoint(source.channel.remoteAddress)
        age = ConnectionAge.current
    }
}

extension Endpoint {
    /// The other end of a connection; nil where the system does not tell.
    init?(_ address: SocketAddress?) {
        guard let address, let ip = address.ipAddress.flatMap({ try? IPAddress($0) }) else { return nil }
        self.init(ip: ip, port: address.port.flatMap { UInt16(exactly: $0) })
    }
}
