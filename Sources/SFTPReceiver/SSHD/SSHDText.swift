// How sshd writes text from outside into its log: by vis(3) with VIS_OCTAL, so that `\` is written `\\` and a
// byte that is not printable ASCII as three octal digits, `\303`. Pure.

enum SSHDText {
    /// The text before it was written so, once. What is no such escape stays as it is.
    static func decoded(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "\\")) else { return text }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(3)
            if rest.first == byte {
                rest.removeFirst()
                bytes.append(byte)
            } else if digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) }),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                rest.removeFirst(3)
                bytes.append(value)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension SSHDLogEvent {
    /// The event with another spelling of the user name that it holds.
    func named(_ spelling: (String) -> String) -> SSHDLogEvent {
        switch self {
        case .accepted(let method, let name, let fingerprint):
            .accepted(method: method, account: spelling(name), fingerprint: fingerprint)
        case .failed(let method, let name, let isKnown, let fingerprint):
            .failed(method: method, account: spelling(name), isKnown: isKnown, fingerprint: fingerprint)
        case .asked(let name, let method): .asked(account: spelling(name), method: method)
        case .unknownAccount(let name): .unknownAccount(spelling(name))
        case .tooManyTries(let name): .tooManyTries(account: spelling(name))
        case .leftWhileAuthenticating(let name, let isKnown):
            .leftWhileAuthenticating(account: spelling(name), isKnown: isKnown)
        default: self
        }
    }
}
