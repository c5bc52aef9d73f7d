"""Requests of HTTP/2 over TLS: legal ones in every form that must be taken, and mutations of frames, of header blocks and
of the connection's state."""
import struct

from hpack import any_form, integer, literal
from inputs import ANY, AWKWARD, BODIES, NUMBERS, OK, Input, cut_short, long_run, spoil, token

NAME = "http2"
ADDRESS = "direct"
TLS = True

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
        [PING, 0, 0, bytes(8)], [PRIORITY, 0, stream + 2, u32(0) + b"\x10"], [WINDOW, 0, 0, u32(1)], [SETTINGS, 0, 0, setting(0xABC, 7)],
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


def bend_frames(rng, frames, stream):
    at = rng.randrange(len(frames))
    one = frames[at]
    match rng.randrange(13):
        case 0: frames.insert(rng.randint(0, len(frames)), list(one)); return "a frame twice"
        case 1: del frames[at]; return "a frame less"
        case 2: rng.shuffle(frames); return "frames in another order"
        case 3: one.append(max(0, len(one[3]) + rng.choice((-1, 1, 2, -9)))); return "length off"
        case 4: one.append(rng.choice((0, 16384, 16385, 65535, (1 << 24) - 1))); return "an extreme length"
        case 5: one[2] = rng.choice((0, 2, stream + 1, stream - 2, stream + 2, stream + 100, 0x7FFFFFFF, stream | 1 << 31)); return "another stream"
        case 6: one[0] = rng.randrange(256) if rng.random() < 0.3 else rng.randrange(10); return "another kind"
        case 7: one[1] ^= 1 << rng.randrange(8); return "a flag"
        case 8: one[1], one[3] = one[1] | PADDED, bytes([rng.choice((255, len(one[3]) & 255, len(one[3]) + 1 & 255))]) + one[3]; return "padding"
        case 9: one[3] = spoil(rng, one[3]); return "a spoilt payload"
        case 10: frames.insert(rng.randint(0, len(frames)), [RST, 0, stream, u32(rng.choice(NUMBERS))]); return "a reset"
        case 11: frames.insert(rng.randint(0, len(frames)), quiet_frame(rng, stream)); return "a frame between"
        case 12: one[3] = long_run(rng); return "a long payload"


def bend_block(rng, stream):
    """A header block that is odd, or is no header block."""
    fields, body, _ = fields_of(rng)
    at = rng.randrange(len(fields))
    name, value = fields[at]
    what, more = "block ", b""
    match rng.randrange(9):
        case 0: fields.insert(rng.randint(0, len(fields)), (name, value)); what += "a field twice"
        case 1: del fields[at]; what += "a field less"
        case 2: fields[at] = (name, value + rng.choice(AWKWARD)); what += "an awkward value"
        case 3: fields[at] = (name + rng.choice(AWKWARD), value); what += "an awkward name"
        case 4: fields[at] = (name, long_run(rng)); what += "a long value"
        case 5: more = literal(b"x", b"") * rng.choice((100, 500, 3000)); what += "many fields"
        case 6: fields.append(rng.choice((
            (b"Upper", b"x"), (b"connection", b"close"), (b"te", b"gzip"), (b"transfer-encoding", b"chunked"), (b"host", b"other"), (b":protocol", b"x"),
            (b":status", b"200"), (b"", b""), (b"content-length", b"%d" % rng.choice(NUMBERS)), (b"content-length", b"-1"),
            (b":method", b"GET"), (b"upgrade", b"h2c"), (b"expect", b"100-continue"), (b"content-encoding", b"gzip"))))
        case 7: rng.shuffle(fields)
        case 8: fields[at] = (name, rng.choice((b"", b"CONNECT", b"http", b"*", b"//", b"/" + b"a" * 9000, b"\xff", b"a" * 33000)))
    block = any_form(rng, fields) + more
    if rng.random() < 0.5:
        odd, which = rng.choice((
            (b"\x80", "index 0"), (integer(rng.choice((62, 70, 1000, 1 << 31, 1 << 62)), 7, 0x80), "an index that is not there"),
            (b"\xff" * rng.choice((2, 5, 10, 12)) + b"\x7f", "an endless integer"), (integer(rng.choice((4097, 1 << 31, 1 << 40)), 5, 0x20), "a huge table"),
            (integer(0, 5, 0x20) + integer(4096, 5, 0x20) + integer(1, 5, 0x20), "table sizes"), (rng.randbytes(rng.choice((1, 5, 50))), "garbage"),
            (b"\x00\x84\xff\xff\xff\xff\x01x", "the end of a string"), (b"\x00\x81\xff\x81\x00", "padding"), (b"\x00\xff\xff\xff\xff\x0f", "a string too long"),
            (literal(b"x", b"y" * 4000, "incremental") + integer(62, 7, 0x80) * rng.choice((3, 5, 300, 4000)), "one field many times")))
        cut = rng.choice((0, 0, len(block), rng.randint(0, len(block))))
        block, what = block[:cut] + odd + block[cut:], what + ", " + which
    if rng.random() < 0.2:
        block, what = spoil(rng, block), what + ", spoilt"
    frames = header_frames(rng, stream, block, not body, rng.choice((None, None, None, 20, 200)))
    for part in frames:
        part[3] = part[3][:16384 if rng.random() < 0.95 else 20000]
    if rng.random() < 0.1:
        frames.insert(rng.randint(0, len(frames)), [CONTINUATION, 0, stream, b""])
    return frames + ([[DATA, END_STREAM, stream, body]] if body else []), what


def odd_state(rng, stream):
    """Frames of the connection, or of streams that are not in the state for them."""
    own = [HEADERS, END_HEADERS, stream, any_form(rng, [(b":method", b"POST"), (b":scheme", b"https"), (b":path", PATH), (b":authority", b"g")])]
    reset = [RST, 0, stream, u32(8)]
    value = rng.choice(NUMBERS + [-1])
    return rng.choice((
        lambda: ([[SETTINGS, 0, 0, setting(rng.choice((1, 2, 3, 4, 5, 6, 8, 9, 0xFFFF)), value)]], "a setting"),
        lambda: ([[SETTINGS, 0, 0, setting(rng.randrange(1, 7), value)]] * rng.choice((2, 40, 300)), "settings"),
        lambda: ([[SETTINGS, 0, 0, bytes(rng.choice((1, 5, 7, 600)))]], "settings of a wrong length"), lambda: ([[SETTINGS, ACK, 0, b"" if value % 2 else bytes(6)]], "an ack"),
        lambda: ([[SETTINGS, 0, stream, setting(3, 1)]], "settings of a stream"), lambda: ([[WINDOW, 0, 0, u32(value)]] * rng.choice((1, 2)), "a window"),
        lambda: ([own, [WINDOW, 0, stream, u32(value)], [WINDOW, 0, stream, u32(0x7FFFFFFF)]], "a stream's window"), lambda: ([[WINDOW, 0, stream + 8, u32(value)]], "an idle window"),
        lambda: ([[WINDOW, 0, 0, bytes(rng.choice((0, 3, 5)))]], "half a window"), lambda: ([[RST, 0, rng.choice((0, stream, stream + 2)), u32(value)]], "a reset of nothing"),
        lambda: ([own, reset, [DATA, END_STREAM, stream, b"{}"]], "data behind a reset"), lambda: ([own, reset, own], "a stream again"), lambda: ([own, reset, reset], "two resets"),
        lambda: ([own, [DATA, 1, stream, b"{}"], reset], "a reset behind the end"), lambda: ([own, [DATA, 0, stream, b"{}"], [RST, 0, stream, b"\0\0\0"]], "half a reset"),
        lambda: ([own, [DATA, 1, stream, b"{}"], [DATA, 1, stream, b"{}"]], "data behind the end"), lambda: ([own, own], "a header twice"), lambda: ([own], "no body"),
        lambda: ([[part[0], part[1], stream + 2 * n, part[3]] for n in range(rng.choice((3, 20))) for part in (own, reset)], "opened and reset"),
        lambda: ([[HEADERS, 4, stream + 2 * n, own[3]] for n in range(rng.choice((20, 101, 210)))], "many streams"),
        lambda: ([own] + [[DATA, 0, stream, b""]] * rng.choice((5, 200)) + [[DATA, 1, stream, b"{}"]], "empty data"),
        lambda: ([[PING, rng.randrange(2), 0, bytes(rng.choice((0, 7, 8, 9)))]] * rng.choice((1, 100)), "pings"), lambda: ([[PING, 0, stream, bytes(8)]], "a stream's ping"),
        lambda: ([[GOAWAY, 0, rng.choice((0, stream)), u32(value) + u32(value) + b"x" * rng.randrange(9)]], "going away"), lambda: ([[GOAWAY, 0, 0, b"\0"]], "half going away"),
        lambda: ([[PUSH, 4, stream, u32(2) + own[3]]], "a promise"), lambda: ([[PRIORITY, 0, stream, u32(stream) + b"\0"]], "depends on itself"),
        lambda: ([[PRIORITY, 0, rng.choice((0, stream)), bytes(rng.choice((0, 4, 5, 6)))]], "a priority"), lambda: ([[DATA, 0, rng.choice((0, stream)), b"x"]], "data of nothing"),
        lambda: ([[CONTINUATION, 4, stream, own[3]]], "a continuation of nothing"), lambda: ([[HEADERS, 0, stream, own[3]], [PING, 0, 0, bytes(8)]], "a ping in a header"),
        lambda: ([[HEADERS, 0, stream, own[3]]] + [[CONTINUATION, 0, stream, b""]] * rng.choice((3, 30, 1000)), "endless continuations"),
        lambda: ([own] + [[DATA, 0, stream, bytes(16384)]] * rng.choice((1, 5, 70)), "a large body")))()


def make(rng, stream):
    roll = rng.random()
    frames, is_head = legal(rng, stream)
    if roll < 0.3:
        return Input(joined(frames), OK, "legal", stream=stream)
    if roll < 0.55:
        what = bend_frames(rng, frames, stream)
        if rng.random() < 0.2 and frames:
            what += ", " + bend_frames(rng, frames, stream)
        data = joined([parts[:5] for parts in frames])
    elif roll < 0.75:
        bent, what = bend_block(rng, stream)
        data = joined(bent)
    elif roll < 0.9:
        odd, what = odd_state(rng, stream)
        at = rng.randint(0, len(frames))
        data = joined(odd) if rng.random() < 0.5 else joined(frames[:at] + odd + frames[at:])
    elif roll < 0.97:
        what, data = "bytes", spoil(rng, joined(frames))
    else:
        opening = rng.choice((cut_short(rng, OPENING), spoil(rng, OPENING), PREFACE, b"", PREFACE + frame(SETTINGS, ACK, 0), OPENING * 2,
                              PREFACE + frame(SETTINGS, 0, 0, setting(3, 0) + setting(4, 0) + setting(1, 0) + setting(5, 16384))))
        return Input(opening + joined(frames), ANY, "another opening", fresh=True, stream=stream)
    if rng.random() < 0.05:
        what, data = what + ", cut short", cut_short(rng, data)
    return Input(data, ANY, what, stream=stream)


def canary():
    block = literal(b":authority", b"gate") + literal(b":path", b"/reachability") + b"\x82\x87"
    return Input(OPENING + frame(HEADERS, 5, 1, block), OK, "canary", fresh=True, stream=1)
