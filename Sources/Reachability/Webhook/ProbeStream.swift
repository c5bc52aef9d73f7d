// The bytes of one HTTP exchange, with TLS or without.

enum ProbeStream {
    case plain(ProbeSocket)
    case tls(TLSSession, ProbeSocket)

    private var socket: ProbeSocket {
        switch self {
        case .plain(let socket), .tls(_, let socket): socket
        }
    }

    /// A connection that breaks meanwhile is not an error here: the server may have answered already.
    func write(_ bytes: [UInt8], _ limit: Duration) throws(Diagnosis) {
        let deadline = Deadline(in: limit)
        switch self {
        case .plain(let socket):
            if socket.write(bytes, until: deadline) == .timeout { throw .noAnswer("while sending", limit) }
        case .tls(let session, let socket):
            do throws(TLSSession.Failure) {
                try session.write(bytes, until: deadline)
            } catch {
                if case .closed = error { return }
                throw .tls(error, socket, limit)
            }
        }
    }

    /// Reads the whole answer; nothing of it goes on before it is scrubbed.
    func answer(_ limit: Duration, _ scrubber: SecretScrubber) throws(Diagnosis) -> HTTPAnswer {
        let deadline = Deadline(in: limit)
        var parser = HTTPAnswerParser()
        while true {
            let bytes = try read(deadline, limit)
            guard !bytes.isEmpty else {
                guard let answer = parser.end() else { throw ended(beforeAll: parser.isEmpty) }
                return answer.scrubbed(by: scrubber)
            }
            do throws(HTTPAnswerError) {
                if let answer = try parser.feed(bytes) { return answer.scrubbed(by: scrubber) }
            } catch {
                if case .notHTTP(let bytes) = error {
                    throw .unreadable(.notHTTP(scrubber.bytes(bytes)), socket)
                }
                throw .unreadable(error, socket)
            }
            if deadline.isPast { throw .noAnswer("that is whole", limit) }
        }
    }

    /// Empty at the end, however it came.
    private func read(_ deadline: Deadline, _ limit: Duration) throws(Diagnosis) -> [UInt8] {
        switch self {
        case .plain(let socket):
            switch socket.read(until: deadline) {
            case .bytes(let bytes): return bytes
            case .end, .failed: return []
            case .timeout: throw .noAnswer("to the request", limit)
            }
        case .tls(let session, let socket):
            do throws(TLSSession.Failure) {
                return try session.read(until: deadline)
            } catch {
                switch error {
                case .closed: return []
                case .timeout: throw .noAnswer("to the request", limit)
                case .notTLS, .tls: throw .tls(error, socket, limit)
                }
            }
        }
    }

    private func ended(beforeAll: Bool) -> Diagnosis {
        if case .plain(let socket) = self, beforeAll { return .closedAtOnce(to: socket) }
        return .noAnswerToRequest(socket)
    }
}
