// Digests, codes and signatures against published vectors.
import Support
import TLS
import Testing

private func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
        UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
}

@Suite struct DigestTests {
    /// FIPS 180-4 examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func aDigestIsThePublishedOne(text: String, digest: String) {
        #expect(SHA256.hash(data: Array(text.utf8)).hex == digest)
    }

    @Test func piecesGiveTheDigestOfTheWhole() {
        var random = SplitMix(seed: 1)
        for _ in 0..<500 {
            let whole = (0..<Int.random(in: 0...600, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            var hash = SHA256()
            var rest = whole[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...rest.count, using: &random)
                hash.update(data: rest.prefix(count))
                rest = rest.dropFirst(count)
            }
            let (soFar, end) = (hash.digestSoFar(), hash.finalize())
            #expect(soFar == SHA256.hash(data: whole) && end == soFar)
        }
    }

    @Test func aDigestSoFarChangesNothing() {
        var hash = SHA256()
        let nothing = hash.digestSoFar()
        hash.update(data: Array("a".utf8))
        let one = hash.digestSoFar()
        hash.update(data: Array("b".utf8))
        let two = hash.finalize()
        #expect(nothing == SHA256.hash(data: [UInt8]()) && one == SHA256.hash(data: Array("a".utf8)))
        #expect(two == SHA256.hash(data: Array("ab".utf8)))
    }

    /// Each thread keeps the state of a digest that has ended for its next one.
    @Test func nothingOfADigestStaysInTheNext() {
        let text = Array("abc".utf8)
        let expected = SHA256.hash(data: text)
        for count in [1, 63, 64, 65, 1000] {
            var abandoned = SHA256()
            abandoned.update(data: [UInt8](repeating: 0x58, count: count))
            _ = consume abandoned
            #expect(SHA256.hash(data: text) == expected)
            var outer = SHA256()
            var inner = SHA256()
            outer.update(data: text.prefix(1))
            inner.update(data: text)
            #expect(inner.finalize() == expected)
            outer.update(data: text.dropFirst())
            #expect(outer.next() == expected)
            outer.update(data: text)
            #expect(outer.finalize() == expected)
        }
    }

    @Test func manyThreadsHashAtOnce() async {
        let found = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask {
                    var hash = SHA256()
                    for _ in 0..<50 { hash.update(data: Array("\(number)".utf8)) }
                    let whole = String(repeating: "\(number)", count: 50)
                    return hash.finalize() == SHA256.hash(data: Array(whole.utf8))
                }
            }
            return await group.reduce(true) { $0 && $1 }
        }
        #expect(found)
    }

    /// RFC 4231 section 4.3, RFC 2202 section 3, and a key of no bytes.
    @Test func codesAreThePublishedOnes() {
        let text = Array("what do ya want for nothing?".utf8)
        #expect(
            HMAC.code(.sha256, key: Array("Jefe".utf8), text).map(Hex.text)
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            HMAC.code(.sha256, key: Array("Jefe".utf8), Array(text[..<9]), Array(text[9...])).map(Hex.text)
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            HMAC.code(.sha1, key: Array("Jefe".utf8), text).map(Hex.text)
                == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        #expect(
            HMAC.code(.sha256, key: [], []).map(Hex.text)
                == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    /// RFC 8032 section 7.1, test 2.
    @Test func signaturesAreThePublishedOnes() throws {
        let key = try Ed25519.PrivateKey(
            seed: bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
        #expect(
            Hex.text(key.publicKey.bytes)
                == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        let signature = try key.signature(of: [0x72])
        #expect(
            Hex.text(signature)
                == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        )
        #expect(
            key.publicKey.isValid(signature, for: [0x72]) && !key.publicKey.isValid(signature, for: [0x73]))
        for place in signature.indices {
            var broken = signature
            broken[place] ^= 1
            #expect(!key.publicKey.isValid(broken, for: [0x72]))
        }
        #expect(
            !key.publicKey.isValid([], for: [0x72])
                && !key.publicKey.isValid(Array(signature.dropLast()), for: [0x72]))
    }

    @Test(arguments: [0, 31, 33])
    func aKeyOfAnotherLengthIsNone(count: Int) {
        #expect(Ed25519.PublicKey([UInt8](repeating: 1, count: count)) == nil)
        #expect(throws: OpenSSLError.self) {
            try Ed25519.PrivateKey(seed: [UInt8](repeating: 1, count: count))
        }
    }

    @Test func digitsOfBothCasesHaveTheirValues() {
        #expect("0123456789abcdef".utf8.map(Hex.value) == (0...15).map(UInt8.init))
        #expect("ABCDEF".utf8.map(Hex.value) == (10...15).map(UInt8.init))
        #expect("/:@G`g\u{0}".utf8.allSatisfy { Hex.value($0) == nil })
    }

    @Test func onlyADigestsOwnTextIsADigest() {
        let text = SHA256.hash(data: []).hex
        #expect(SHA256Digest.isHex(text))
        for other in [
            "", String(text.dropLast()), text + "0", text.uppercased(), String(text.dropLast()) + "g",
        ] {
            #expect(!SHA256Digest.isHex(other), "\(other)")
        }
    }

    @Test func comparisonsAreRightAtEveryPlace() {
        let one = RandomBytes.make(40)
        #expect(ConstantTime.isEqual(one, one) && ConstantTime.isEqual([], []))
        #expect(!ConstantTime.isEqual(one, Array(one.dropLast())))
        for place in one.indices {
            var other = one
            other[place] ^= 0x80
            #expect(!ConstantTime.isEqual(one, other))
        }
        #expect(RandomBytes.make(32) != RandomBytes.make(32) && RandomBytes.make(0).isEmpty)
    }
}
