"""Frames of HTTP/2, and requests of them that are legal in every form that must be taken."""
import struct

from hpack import any_form, integer
from inputs import BODIES, token

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
ACK = END_STREAM = 1
END_HEADERS, PADDED, WITH_PRIORITY = 4, 8, 32
PATH = b"/webhooks/vsee"


def frame(kind, flags, stream, payload=b"", length=None):
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + struct.pack(">BBI", kind, flags, stream & 0xFFFFFFFF) + payload


def setting(key, value):
    return struct.pack(">HI", key, value & 0xFFFFFFFF)


def u32(value):
    return struct.pack(">I", value & 0xFFFFFFFF)


OPENING = PREFACE + frame(SETTINGS, 0, 0)


def ping(number):
    return frame(PING, 0, 0, struct.pack(">Q", number))


def padded(rng, flags, payload):
    count = rng.choice((0, 1, 10, 200))
    return flags | PADDED, bytes([count]) + payload + bytes(count)


def fields_of(rng):
    """(fields, body, is HEAD)"""
    roll = rng.random()
    body = b""
    if roll < 0.4:
        method, path = (b"GET", b"/reachability") if roll < 0.2 else (rng.choice((b"GET", b"HEAD", b"OPTIONS")), b"/healthz")
    else:
        method, path, body = b"POST", rng.choice((PATH, PATH + b"?x=1", PATH + b"/")), rng.choice(BODIES)
    fields = [(b":method", method), (b":scheme", b"https"), (b":path", path), (b":authority", b"gate.example")]
    rng.shuffle(fields)
    for _ in range(rng.choice((0, 0, 1, 4, 20))):
        fields.append((b"x-" + token(rng), token(rng)))
    if rng.random() < 0.2:
        fields.append((b"cookie", b"a=b"))
    if body and rng.random() < 0.5:
        fields.append((b"content-length", b"%d" % len(body)))
    return fields, body, method == b"HEAD"


def header_frames(rng, stream, block, end_stream, pieces=None):
    pieces = rng.choice((1, 1, 1, 2, 5)) if pieces is None else pieces
    edges = sorted(rng.randint(0, len(block)) for _ in range(pieces - 1))
    parts = [block[start:end] for start, end in zip([0, *edges], [*edges, len(block)])]
    flags, payload = END_STREAM if end_stream else 0, parts[0]
    if rng.random() < 0.2:
        flags, payload = flags | WITH_PRIORITY, u32(rng.choice((0, 1 << 31))) + bytes([rng.randrange(256)]) + payload
    if rng.random() < 0.2:
        flags, payload = padded(rng, flags, payload)
    frames = [[HEADERS, flags, stream, payload]] + [[CONTINUATION, 0, stream, part] for part in parts[1:]]
    frames[-1][1] |= END_HEADERS
    return frames


def quiet_frame(rng, stream):
    """One that may stand between any others and changes nothing."""
    return rng.choice((
        [PING, 0, 0, bytes(8)], [PRIORITY, 0, stream + 2, u32(0) + b"\x10"], [WINDOW, 0, 0, u32(1)],
        [SETTINGS, 0, 0, setting(0xABC, 7)],
        [0xBE, rng.randrange(256), rng.choice((0, stream)), token(rng)], [SETTINGS, 0, 0, setting(1, 4096) + setting(4, 65535)]))


def legal(rng, stream):
    """The frames of a request that has to be answered 2xx."""
    fields, body, is_head = fields_of(rng)
    block = any_form(rng, fields)
    if rng.random() < 0.1:
        block = integer(rng.choice((0, 100, 4096)), 5, 0x20) + block
    has_trailers = body and rng.random() < 0.15
    frames = header_frames(rng, stream, block, not body)
    while body:
        count = rng.choice((len(body), rng.randint(1, len(body))))
        part, body = body[:count], body[count:]
        flags = 0 if body or has_trailers else END_STREAM
        if rng.random() < 0.2:
            flags, part = padded(rng, flags, part)
        frames.append([DATA, flags, stream, part])
        if rng.random() < 0.1:
            frames.append(quiet_frame(rng, stream))
    if has_trailers:
        frames += header_frames(rng, stream, any_form(rng, [(b"x-trailer", token(rng))]), True, 1)
    if rng.random() < 0.15:
        frames.insert(0, quiet_frame(rng, stream))
    return frames, is_head


def joined(frames):
    return b"".join(frame(*parts) for parts in frames)
