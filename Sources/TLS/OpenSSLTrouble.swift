// OpenSSL's reasons as sentences with what to do about them. Pure.

enum OpenSSLTrouble {
    /// - Parameter reason: as ERR_reason_error_string(3) has it.
    static func sentence(_ reason: String) -> String {
        switch reason.lowercased() {
        case "no start line", "not enough data", "no certificate or crl found":
            "it contains no PEM text of this kind; a PEM text begins with -----BEGIN"
        case "bad base64 decode", "bad end line", "short header", "header too long", "too long", "wrong tag",
            "nested asn1 error", "asn1 lib", "asn1 length mismatch", "bad object header", "unexpected eof",
            "not proc type", "bad get asn1 object call", "first num too large", "invalid encoding":
            "its text is damaged or cut short; copy the file again from where it was made"
        case "key values mismatch", "key type mismatch", "no private key assigned":
            "certificate and key do not belong together; use a pair that was made together"
        case "bad decrypt", "bad password read", "problems getting password", "interrupted or cancelled":
            "it is encrypted; write it without a password, for its user only (0600)"
        case "ee key too small", "ca key too small", "dh key too small", "key size too small":
            "its key is shorter than the system's crypto policy allows; take RSA of 2048 bits and more, or ECDSA P-256"
        case "ca md too weak", "ee md too weak", "invalid digest", "digest not allowed":
            "it is signed by a digest that the system's crypto policy does not allow; take SHA-256"
        case "unsupported", "unsupported algorithm", "unsupported public key type", "unknown key type",
            "unsupported signature type", "no suitable signature algorithm", "inner evp error",
            "fetch failed",
            "internal error":
            "it needs something that this OpenSSL does not provide; `dropgate doctor` lists its providers"
        case "no shared cipher", "no ciphers available", "no cipher match", "library has no ciphers":
            "no cipher is left that both sides take; look at the system's crypto policy"
        case "unsupported protocol", "no protocols available", "version too low", "wrong version number":
            "no version of TLS is left that both sides take; look at the system's crypto policy"
        case "malloc failure": "there is no memory left; give this machine or this service more"
        case "missing equal sign", "missing close square bracket", "unable to create new section",
            "variable has no value", "no close brace", "variable expansion too long":
            "this line is neither [section] nor name = value; correct it as config(5) says"
        case "openssl conf references missing section", "no conf or environment variable", "no section",
            "missing section", "module initialization error", "unknown module name", "no value", "bad value",
            "unknown command", "missing value":
            "a section or value that it names is not there or not known (\(reason)); correct it as config(5) says"
        default: "OpenSSL says: \(reason); `dropgate doctor` looks over OpenSSL and its configuration"
        }
    }
}
