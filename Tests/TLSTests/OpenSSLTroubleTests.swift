// What OpenSSL says, as people read it.
import TLS
import Testing

@Suite struct OpenSSLTroubleTests {
    @Test func aBrokenCertificateIsToldWithWhatToDo() throws {
        let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
        let error = #expect(throws: OpenSSLError.self) { try Certificate.list(pem: Array(pem.utf8)) }
        #expect(
            error?.description
                == "its text is damaged or cut short; copy the file again from where it was made",
            "\(error?.words ?? "")")
    }

    @Test func whatHasNoSentenceIsSaidToBeOpenSSLsWord() {
        #expect(OpenSSLError(words: "our own words").description == "our own words")
    }
}
