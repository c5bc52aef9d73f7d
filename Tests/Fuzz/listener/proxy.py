"""PROXY headers of both versions in front of a request, from a trusted proxy: legal ones with every kind of field, ones that
name a stranger, ones that break a rule and have to be refused, and mutations of everything."""
import socket
import struct

import http1
from inputs import ANY, AWKWARD, BODIES, LISTED, LISTED6, NUMBERS, OK, REFUSED, STRANGERS, Input, cut_short, spoil, token

NAME = "proxy"
ADDRESS = "proxy-protocol"
TLS = False
# How often of 100 each way to end (inputs.py).
ENDS = 45, 50, 1, 4

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
CRC, NOOP, UNIQUE_ID, SSL = 3, 4, 5, 0x20
# CRC-32C (Castagnoli), reflected; RFC 3720, B.4.
TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82F63B78 if _byte & 1 else 0)
    TABLE.append(_byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def version1(rng, source):
    port = rng.choice((0, 1, 4242, 65535))
    if ":" in source:
        return f"PROXY TCP6 {source} 2001:db8::1 {port} 8443\r\n".encode()
    return f"PROXY TCP4 {source} 192.0.2.1 {port} 8443\r\n".encode()


def addresses(source):
    if ":" in source:
        both = [socket.inet_pton(socket.AF_INET6, address) for address in (source, "2001:db8::1")]
        return 0x21, b"".join(both) + b"\x10\x92\x20\xfb"
    return 0x11, socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + b"\x10\x92\x20\xfb"


def field(kind, value, length=None):
    return struct.pack(">BH", kind, (len(value) if length is None else length) & 0xFFFF) + value


def fields(rng):
    """Type-length-value fields that a proxy may send."""
    some = [field(1, b"h2"), field(2, b"gate.example"), field(NOOP, bytes(rng.choice((0, 1, 100)))),
            field(UNIQUE_ID, token(rng, 100)), field(0x30, b"ns"), field(0xEA, token(rng, 100)),
            field(SSL, b"\1\0\0\0\0" + field(0x21, b"TLSv1.3") + field(0x22, token(rng))),
            field(0xE0, bytes(rng.choice((0, 1, 1500)))), field(0xFF, b"")]
    return rng.sample(some, rng.choice((0, 0, 1, 2, 5)))


def version2(command, family, block, length=None):
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", (len(block) if length is None else length) & 0xFFFF) + block


def with_checksum(rng, family, block, spoilt=0):
    """A checksum somewhere among the fields; `block` ends with the addresses."""
    before, after = b"".join(fields(rng)), b"".join(fields(rng))
    block += before
    at = len(SIGNATURE) + 4 + len(block) + 3
    header = bytearray(version2(PROXY, family, block + field(CRC, bytes(4)) + after))
    header[at:at + 4] = struct.pack(">I", crc32c(header) ^ spoilt)
    return bytes(header)


def legal(rng, source):
    if rng.random() < 0.3:
        return version1(rng, source)
    family, block = addresses(source)
    if rng.random() < 0.4:
        return with_checksum(rng, family, block)
    return version2(PROXY, family, block + b"".join(fields(rng)))


def of_itself(rng):
    """The proxy calls for itself or does not say for whom: it may ask for the gate's health, and deliver nothing."""
    return rng.choice((
        b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN " + b"x" * rng.randrange(90) + b"\r\n",
        version2(LOCAL, rng.randrange(256), rng.randbytes(rng.choice((0, 1, 12, 500)))), version2(PROXY, 0, b""),
        version2(PROXY, 0x12, addresses("127.0.1.1")[1]), version2(PROXY, 0x31, bytes(216))))


def wrong(rng, source):
    """A header that breaks a rule, so that nothing may be believed."""
    family, block = addresses(source)
    good = version1(rng, source)
    words = good[:-2].split(b" ")
    match rng.randrange(14):
        case 0: return with_checksum(rng, family, block, 1 << rng.randrange(32)), "a wrong checksum"
        case 1: return version2(PROXY, family, block + field(CRC, bytes(rng.choice((0, 3, 5))))), "a checksum of another length"
        case 2: return version2(PROXY, family, block + field(NOOP, b"", rng.choice((1, 255, 65535)))), "a field beyond the end"
        case 3: return version2(PROXY, family, block + bytes(rng.choice((1, 2)))), "half a field"
        case 4: return version2(PROXY, family, block[:-1]), "addresses too short"
        case 5: return version2(rng.choice((0x22, 0x2F, 0x11, 0x31, 0)), family, block), "another version or command"
        case 6: return version2(PROXY, rng.choice((0x41, 0x13, 0xFF)), block + bytes(300)), "another family"
        case 7: return version2(PROXY, family, block + field(NOOP, bytes(4096))), "a long header"
        case 8: return good.replace(b" ", b"  ", 1), "two spaces"
        case 9:
            words[4] = rng.choice((b"04242", b"65536", b"-1", b"", b"+1", b"4242 "))
            return b" ".join(words) + b"\r\n", "a wrong port"
        case 10:
            words[1] = b"TCP4" if ":" in source else b"TCP6"
            return b" ".join(words) + b"\r\n", "the other family"
        case 11: return good[:-2] + rng.choice((b"\n", b"\r\r\n", b" \r\n", b"\0\r\n", b"x" * 80 + b"\r\n")), "a wrong end"
        case 12:
            words[2] = rng.choice((
                b"127.0.1.01", b"127.0.1", b"0x7f.0.1.1", b"127.0.1.1/32", b"[2001:db8:7::1]", b"2001:db8:7::1%lo", b""))
            return b" ".join(words) + b"\r\n", "an address that is none"
        case 13:
            return rng.choice((
                b"", b"proxy TCP4" + good[10:], good[1:], b"\r\n" + good, SIGNATURE[1:], b"\x16\x03\x01")), "no header"


def bend(rng, source):
    """Changes of which some are legal all the same."""
    family, block = addresses(source)
    parts = fields(rng) + [field(CRC, rng.randbytes(4)), field(SSL, rng.randbytes(rng.choice((0, 4, 5, 9))))]
    match rng.randrange(8):
        case 0: return version2(PROXY, family, block + b"".join(rng.sample(parts, len(parts)))), "fields"
        case 1: return version2(PROXY, family, block + b"".join(parts) * 3), "fields again and again"
        case 2:
            length = len(block) + rng.choice((-12, -1, 1, 2, 100))
            return version2(PROXY, family, block, length), f"length {length} for {len(block)}"
        case 3: return version2(PROXY, family, block, rng.choice(NUMBERS)), "an extreme length"
        case 4: return version2(rng.randrange(256), rng.randrange(256), block), "any command and family"
        case 5: return legal(rng, source) * 2, "two headers"
        case 6: return version1(rng, source).replace(b" ", rng.choice(AWKWARD), rng.randint(1, 5)), "awkward spaces"
        case 7:
            value = rng.randbytes(rng.choice((0, 1, 4081, 4082)))
            return version2(PROXY, family, block + field(rng.randrange(256), value)), "any field"


def make(rng, stream):
    """Each on a connection of its own."""
    request, head = http1.legal(rng)
    roll, source = rng.random(), rng.choice(LISTED + LISTED6)
    if roll < 0.30:
        return Input(legal(rng, source) + request.bytes(), OK, "legal", head=head, fresh=True)
    if roll < 0.36:
        own = http1.Request(b"GET", rng.choice((b"/", b"/healthz", b"/status?x")), [(b"Host", b"gate")])
        return Input(of_itself(rng) + own.bytes(), OK, "of the proxy itself", fresh=True)
    if roll < 0.40:
        request = http1.Request(b"POST", http1.PATH, [(b"Host", b"gate"), (b"Content-Length", b"2")], b"{}")
        return Input(of_itself(rng) + request.bytes(), REFUSED, "an event of the proxy itself", fresh=True)
    if roll < 0.46:
        return Input(legal(rng, rng.choice(STRANGERS)) + request.bytes(), REFUSED, "a stranger", head=head, fresh=True)
    if roll < 0.60:
        header, what = wrong(rng, source)
        return Input(header + request.bytes(), REFUSED, what, head=head, fresh=True)
    if roll < 0.78:
        header, what = bend(rng, source)
    else:
        what, header = "bytes", spoil(rng, legal(rng, source))
    data = request.bytes()
    if rng.random() < 0.1:
        made = http1.make(rng, stream, share=0)
        data, what = made.data, f"{what}, {made.what}"
    roll = rng.random()
    if roll < 0.1:
        header, data, what = cut_short(rng, header), b"", what + ", cut short"
    elif roll < 0.2:
        header, what = cut_short(rng, header), what + ", a piece missing"
    return Input(header + data, ANY, what, head=head, fresh=True)


def canary():
    return Input(b"PROXY TCP4 127.0.1.1 192.0.2.1 1 2\r\n" + http1.canary().data, OK, "canary", fresh=True)
