"""Requests of HTTP/2 over TLS: legal ones, and mutations of frames, of header blocks and of the connection's state."""
from frames import (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, OPENING, PADDED, PATH, PING, PREFACE, PRIORITY, PUSH, RST,
    SETTINGS, WINDOW, fields_of, frame, header_frames, joined, legal, quiet_frame, setting, u32)
from hpack import any_form, integer, literal
from inputs import ANY, AWKWARD, NUMBERS, OK, Input, cut_short, long_run, spoil

NAME = "http2"
ADDRESS = "direct"
TLS = True
# Of HTTP/2 the gate answers nothing on a connection that its caller has half closed.
ENDS = 8, 88, 1, 3


def bend_frames(rng, frames, stream):
    at = rng.randrange(len(frames))
    one = frames[at]
    match rng.randrange(13):
        case 0: frames.insert(rng.randint(0, len(frames)), list(one)); return "a frame twice"
        case 1: del frames[at]; return "a frame less"
        case 2: rng.shuffle(frames); return "frames in another order"
        case 3: one.append(max(0, len(one[3]) + rng.choice((-1, 1, 2, -9)))); return "length off"
        case 4:
            one.append(rng.choice((0, 16384, 16385, 65535, (1 << 24) - 1)))
            return "an extreme length"
        case 5:
            one[2] = rng.choice((0, 2, stream + 1, stream - 2, stream + 2, stream + 100, 0x7FFFFFFF, stream | 1 << 31))
            return "another stream"
        case 6:
            one[0] = rng.randrange(256) if rng.random() < 0.3 else rng.randrange(10)
            return "another kind"
        case 7: one[1] ^= 1 << rng.randrange(8); return "a flag"
        case 8:
            one[1], one[3] = one[1] | PADDED, bytes([rng.choice((255, len(one[3]) & 255, len(one[3]) + 1 & 255))]) + one[3]
            return "padding"
        case 9: one[3] = spoil(rng, one[3]); return "a spoilt payload"
        case 10:
            frames.insert(rng.randint(0, len(frames)), [RST, 0, stream, u32(rng.choice(NUMBERS))])
            return "a reset"
        case 11:
            frames.insert(rng.randint(0, len(frames)), quiet_frame(rng, stream))
            return "a frame between"
        case 12: one[3] = long_run(rng); return "a long payload"


def bend_block(rng, stream):
    """A header block that is odd, or is not a header block."""
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
            (b"Upper", b"x"), (b"connection", b"close"), (b"te", b"gzip"), (b"transfer-encoding", b"chunked"), (b"host", b"other"),
            (b":protocol", b"x"),
            (b":status", b"200"), (b"", b""), (b"content-length", b"%d" % rng.choice(NUMBERS)), (b"content-length", b"-1"),
            (b":method", b"GET"), (b"upgrade", b"h2c"), (b"expect", b"100-continue"), (b"content-encoding", b"gzip"))))
        case 7: rng.shuffle(fields)
        case 8: fields[at] = (name, rng.choice((b"", b"CONNECT", b"http", b"*", b"//", b"/" + b"a" * 9000, b"\xff", b"a" * 33000)))
    block = any_form(rng, fields) + more
    if rng.random() < 0.5:
        odd, which = rng.choice((
            (b"\x80", "index 0"), (integer(rng.choice((62, 70, 1000, 1 << 31, 1 << 62)), 7, 0x80), "an index that is not there"),
            (b"\xff" * rng.choice((2, 5, 10, 12)) + b"\x7f", "an endless integer"),
            (integer(rng.choice((4097, 1 << 31, 1 << 40)), 5, 0x20), "a huge table"),
            (integer(0, 5, 0x20) + integer(4096, 5, 0x20) + integer(1, 5, 0x20), "table sizes"),
            (rng.randbytes(rng.choice((1, 5, 50))), "garbage"),
            (b"\x00\x84\xff\xff\xff\xff\x01x", "the end of a string"), (b"\x00\x81\xff\x81\x00", "padding"),
            (b"\x00\xff\xff\xff\xff\x0f", "a string too long"),
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
    fields = [(b":method", b"POST"), (b":scheme", b"https"), (b":path", PATH), (b":authority", b"g")]
    own = [HEADERS, END_HEADERS, stream, any_form(rng, fields)]
    reset = [RST, 0, stream, u32(8)]
    value = rng.choice(NUMBERS + [-1])
    return rng.choice((
        lambda: ([[SETTINGS, 0, 0, setting(rng.choice((1, 2, 3, 4, 5, 6, 8, 9, 0xFFFF)), value)]], "a setting"),
        lambda: ([[SETTINGS, 0, 0, setting(rng.randrange(1, 7), value)]] * rng.choice((2, 40, 300)), "settings"),
        lambda: ([[SETTINGS, 0, 0, bytes(rng.choice((1, 5, 7, 600)))]], "settings of a wrong length"),
        lambda: ([[SETTINGS, ACK, 0, b"" if value % 2 else bytes(6)]], "an ack"),
        lambda: ([[SETTINGS, 0, stream, setting(3, 1)]], "settings of a stream"),
        lambda: ([[WINDOW, 0, 0, u32(value)]] * rng.choice((1, 2)), "a window"),
        lambda: ([own, [WINDOW, 0, stream, u32(value)], [WINDOW, 0, stream, u32(0x7FFFFFFF)]], "a stream's window"),
        lambda: ([[WINDOW, 0, stream + 8, u32(value)]], "an idle window"),
        lambda: ([[WINDOW, 0, 0, bytes(rng.choice((0, 3, 5)))]], "half a window"),
        lambda: ([[RST, 0, rng.choice((0, stream, stream + 2)), u32(value)]], "a reset of nothing"),
        lambda: ([own, reset, [DATA, END_STREAM, stream, b"{}"]], "data behind a reset"),
        lambda: ([own, reset, own], "a stream again"),
        lambda: ([own, reset, reset], "two resets"),
        lambda: ([own, [DATA, 1, stream, b"{}"], reset], "a reset behind the end"),
        lambda: ([own, [DATA, 0, stream, b"{}"], [RST, 0, stream, b"\0\0\0"]], "half a reset"),
        lambda: ([own, [DATA, 1, stream, b"{}"], [DATA, 1, stream, b"{}"]], "data behind the end"),
        lambda: ([own, own], "a header twice"),
        lambda: ([own], "no body"),
        lambda: ([[part[0], part[1], stream + 2 * n, part[3]] for n in range(rng.choice((3, 20))) for part in (own, reset)],
                 "opened and reset"),
        lambda: ([[HEADERS, 4, stream + 2 * n, own[3]] for n in range(rng.choice((20, 101, 210)))], "many streams"),
        lambda: ([own] + [[DATA, 0, stream, b""]] * rng.choice((5, 200)) + [[DATA, 1, stream, b"{}"]], "empty data"),
        lambda: ([[PING, rng.randrange(2), 0, bytes(rng.choice((0, 7, 8, 9)))]] * rng.choice((1, 100)), "pings"),
        lambda: ([[PING, 0, stream, bytes(8)]], "a stream's ping"),
        lambda: ([[GOAWAY, 0, rng.choice((0, stream)), u32(value) + u32(value) + b"x" * rng.randrange(9)]], "going away"),
        lambda: ([[GOAWAY, 0, 0, b"\0"]], "half going away"),
        lambda: ([[PUSH, 4, stream, u32(2) + own[3]]], "a promise"),
        lambda: ([[PRIORITY, 0, stream, u32(stream) + b"\0"]], "depends on itself"),
        lambda: ([[PRIORITY, 0, rng.choice((0, stream)), bytes(rng.choice((0, 4, 5, 6)))]], "a priority"),
        lambda: ([[DATA, 0, rng.choice((0, stream)), b"x"]], "data of nothing"),
        lambda: ([[CONTINUATION, 4, stream, own[3]]], "a continuation of nothing"),
        lambda: ([[HEADERS, 0, stream, own[3]], [PING, 0, 0, bytes(8)]], "a ping in a header"),
        lambda: ([[HEADERS, 0, stream, own[3]]] + [[CONTINUATION, 0, stream, b""]] * rng.choice((3, 30, 1000)),
                 "endless continuations"),
        lambda: ([own] + [[DATA, 0, stream, bytes(16384)]] * rng.choice((1, 5, 70)), "a large body")))()


def make(rng, stream):
    roll = rng.random()
    frames, is_head = legal(rng, stream)
    if roll < 0.4:
        return Input(joined(frames), OK, "legal", stream=stream)
    if roll < 0.61:
        what = bend_frames(rng, frames, stream)
        if rng.random() < 0.2 and frames:
            what += ", " + bend_frames(rng, frames, stream)
        data = joined([parts[:5] for parts in frames])
    elif roll < 0.78:
        bent, what = bend_block(rng, stream)
        data = joined(bent)
    elif roll < 0.91:
        odd, what = odd_state(rng, stream)
        at = rng.randint(0, len(frames))
        data = joined(odd) if rng.random() < 0.5 else joined(frames[:at] + odd + frames[at:])
    elif roll < 0.97:
        what, data = "bytes", spoil(rng, joined(frames))
    else:
        opening = rng.choice((cut_short(rng, OPENING), spoil(rng, OPENING), PREFACE, b"", PREFACE + frame(SETTINGS, ACK, 0),
                              OPENING * 2, PREFACE + frame(SETTINGS, 0, 0, setting(3, 0) + setting(4, 0) + setting(1, 0) + setting(5, 16384))))
        return Input(opening + joined(frames), ANY, "another opening", fresh=True, stream=stream)
    if rng.random() < 0.05:
        what, data = what + ", cut short", cut_short(rng, data)
    return Input(data, ANY, what, stream=stream)


def canary():
    block = literal(b":authority", b"gate") + literal(b":path", b"/reachability") + b"\x82\x87"
    return Input(OPENING + frame(HEADERS, 5, 1, block), OK, "canary", fresh=True, stream=1)
