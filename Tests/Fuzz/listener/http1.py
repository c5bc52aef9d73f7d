"""Requests of HTTP/1.1: legal ones in every form that must be taken, and mutations of request line, fields and body."""
from inputs import ANY, AWKWARD, BODIES, NUMBERS, OK, Input, cut_short, long_run, spoil, token

NAME = "http1"
ADDRESS = "direct"
TLS = False
# How often of 100 each way to end (inputs.py).
ENDS = 45, 50, 1, 4

PATH = b"/webhooks/vsee"
TARGETS = [PATH, PATH + b"/", PATH + b"?x=1&y=%20", b"http://gate.example" + PATH, b"HTTPS://gate.example:8443" + PATH]
HOSTS = [b"gate.example", b"gate.example:8443", b"[::1]:8443", b"127.0.0.1", b"", b"a-b.c_d%20e:"]


class Request:
    """One that can be taken apart. `chunks`: of a chunked body, each with the text of its length; the last has no data."""

    def __init__(self, method=b"POST", target=PATH, fields=(), body=b"", chunks=None):
        self.method, self.target, self.version = method, target, b"HTTP/1.1"
        self.fields, self.body, self.chunks = list(fields), body, chunks
        self.line, self.trailers, self.between = b"\r\n", [], b": "

    def bytes(self):
        lines = [self.method + b" " + self.target + b" " + self.version]
        lines += [name + self.between + value for name, value in self.fields]
        head = self.line.join(lines) + self.line * 2
        if self.chunks is None:
            return head + self.body
        parts = [size + self.line + (b"" if data is None else data + self.line) for size, data in self.chunks]
        ends = [name + b": " + value + self.line for name, value in self.trailers]
        return head + b"".join(parts + ends) + self.line

    def set(self, name, value):
        self.fields = [field for field in self.fields if field[0].lower() != name] + [(name, value)]


def chunked(rng, body):
    chunks = []
    while body:
        count = rng.randint(1, len(body))
        size = rng.choice((b"%x", b"%X", b"%04x")) % count
        if rng.random() < 0.2:
            size += b";" + token(rng) + rng.choice((b"", b"=" + token(rng)))
        chunks.append((size, body[:count]))
        body = body[count:]
    return [*chunks, (b"0", None)]


def legal(rng, extra=()):
    """A request that has to be answered 2xx, as (request, is it HEAD)."""
    fields = [(b"Host", rng.choice(HOSTS)), *extra]
    for _ in range(rng.choice((0, 0, 1, 3, 20))):
        fields.append((b"X-" + token(rng), b" ".join(token(rng) for _ in range(rng.randrange(4)))))
    roll = rng.random()
    if roll < 0.2:
        request = Request(b"GET", b"/reachability", fields)
    elif roll < 0.4:
        request = Request(rng.choice((b"GET", b"HEAD", b"OPTIONS")), b"/healthz", fields)
    else:
        body = rng.choice(BODIES)
        request = Request(b"POST", rng.choice(TARGETS), fields, body)
        if rng.random() < 0.4:
            request.fields.append((b"Transfer-Encoding", rng.choice((b"chunked", b"Chunked"))))
            request.chunks = chunked(rng, body)
            request.body = b""
            if rng.random() < 0.2:
                request.trailers = [(b"X-" + token(rng), token(rng))]
        else:
            request.fields.append((b"Content-Length", b"%d" % len(body)))
        if rng.random() < 0.1:
            request.fields.append((b"Expect", b"100-continue"))
        if rng.random() < 0.2:
            request.fields.append((b"Content-Type", b"application/json"))
        if rng.random() < 0.1:
            request.fields.append((b"Content-Encoding", b"identity"))
    if rng.random() < 0.3:
        rng.shuffle(request.fields)
    if rng.random() < 0.2:
        request.fields = [(name.upper() if rng.random() < 0.5 else name.lower(), value) for name, value in request.fields]
    if rng.random() < 0.1:
        request.between = rng.choice((b":", b":  ", b":\t"))
    if request.chunks is None and rng.random() < 0.05:
        request.version = b"HTTP/1.0"
        request.fields.append((b"Connection", b"keep-alive"))
    return request, request.method == b"HEAD"


LENGTHS = [b"-1", b"+5", b" 5", b"5 5", b"5,5", b"5, 6", b"0x10", b"1e3", b"", b"0005", b"\xb2", b"5\0", b"18446744073709551617"]
ENCODINGS = [b"chunked, chunked", b"gzip, chunked", b"chunked, identity", b"identity", b"xchunked", b"chunked;q=1", b"\x0bchunked",
             b"", b"chunked\0", b"CHUNKED", b"\"chunked\"", b"chunked,"]
METHODS = [b"GET", b"PUT", b"DELETE", b"CONNECT", b"PRI", b"OPTIONS", b"HEAD", b"TRACE", b"post", b"M-SEARCH", b"P\0ST", b"",
           b"SOURCE", b"QUERY", b"A" * 300]
VERSIONS = [b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1.1 ", b"http/1.1", b"HTTP/11", b"HTTP/1.", b"ICY/1.0",
            b"RTSP/1.0", b"", b"HTTP/1.1\r", b"HTTP/9999999999.1"]
ODD_TARGETS = [b"*", b"", b"//", b"/", b"/%00", PATH + b"#x", PATH + b"/secret", b"http://user:pw@gate" + PATH, b"http://:80/",
               b"http:///" + PATH, b"gate:443", b"/a b", PATH + b"\x80\xff", b"/.." + PATH, PATH + b"//", b"ftp://x/y",
               b"http://[::1" + PATH, b"/" + b"a" * 8190, b"/" + b"a" * 8192, b"/" + b"a" * 32768, b"?" + PATH]
SPECIAL = [(b"Upgrade", b"h2c"), (b"Upgrade", b"websocket"), (b"Connection", b"close"), (b"Connection", b"X-Forwarded-For, Host"),
           (b"Expect", b"200-ok"), (b"Content-Encoding", b"gzip"), (b"Content-Encoding", b"identity, br"), (b"", b"x"),
           (b"Transfer_Encoding", b"chunked"), (b"Content Length", b"5"), (b"Host", b"a, b"), (b"Host", b"a/b"), (b"Trailer", b"Host"),
           (b"HTTP2-Settings", b"AAMAAABkAAQAAP__"), (b"TE", b"trailers"), (b"Range", b"bytes=0-1"), (b"Te: x\r\nX", b"y")]


def bend_fields(rng, request):
    fields = request.fields
    at = rng.randrange(len(fields)) if fields else 0
    name, value = fields[at] if fields else (b"x", b"y")
    match rng.randrange(11):
        case 0: fields.insert(rng.randint(0, len(fields)), (name, value)); return "a field twice"
        case 1: del fields[at:at + 1]; return "a field less"
        case 2: rng.shuffle(fields); return "fields in another order"
        case 3: fields[at:at + 1] = [(name, value + rng.choice(AWKWARD) + value)]; return "an awkward value"
        case 4: fields[at:at + 1] = [(name + rng.choice(AWKWARD), value)]; return "an awkward name"
        case 5:
            fields.insert(at, (rng.choice((b"X-Long", long_run(rng)[:rng.choice((100, 70000))])), long_run(rng)))
            return "a long field"
        case 6:
            fields += [(b"X-%d" % n, b"") for n in range(rng.choice((95, 99, 100, 101, 500)))]
            return "many fields"
        case 7:
            fields[at:at + 1] = [(name, b"x\r\n" + rng.choice((b" ", b"\t")) + value)]
            return "a folded field"
        case 8: fields.append(rng.choice(SPECIAL)); return "a special field"
        case 9: fields.append((name.swapcase(), value + b"1")); return "a field twice, other value"
        case 10:
            request.between = rng.choice((b" : ", b"", b"\0:", b":\r\n ", b": \x0b"))
            return "odd colons"


def bend_length(rng, request):
    body = rng.choice(BODIES)
    request.chunks, request.body = None, body
    request.set(b"transfer-encoding", b"")
    request.fields.pop()
    match rng.randrange(6):
        case 0 | 1: length = b"%d" % max(0, len(body) + rng.choice((-2, -1, 1, 2, 100, -100)))
        case 2: length = b"%d" % (rng.choice(NUMBERS) + rng.choice((-1, 0, 0, 1)))
        case 3: length = rng.choice(LENGTHS)
        case 4:
            request.set(b"content-length", b"%d" % len(body))
            request.fields.append((b"Content-Length", b"%d" % (len(body) + rng.randrange(2))))
            return "content-length twice"
        case 5:
            request.set(b"content-length", b"%d" % len(body))
            request.fields.append((b"Transfer-Encoding", rng.choice(ENCODINGS + [b"chunked"])))
            return "content-length and transfer-encoding"
    request.set(b"content-length", length)
    return "content-length " + repr(length)[:60]


def bend_chunks(rng, request):
    request.set(b"content-length", b"")
    request.fields.pop()
    request.set(b"transfer-encoding", rng.choice(ENCODINGS) if rng.random() < 0.2 else b"chunked")
    request.body, request.chunks = b"", chunked(rng, rng.choice(BODIES))
    at = rng.randrange(len(request.chunks))
    size, data = request.chunks[at]
    match rng.randrange(8):
        case 0 | 1: size = b"%x" % max(0, len(data or b"") + rng.choice((-1, 1, 2, 16)))
        case 2: size = b"%x" % rng.choice(NUMBERS)
        case 3: size = rng.choice((b"-1", b"+1", b"0x5", b"", b" 5", b"5 ", b"g", b"0000000000000005", b"00", b"5;", b"5;a=\"", b"\xff"))
        case 4: size += b";" + long_run(rng)
        case 5: size += rng.choice(AWKWARD)
        case 6: request.trailers = [(token(rng), token(rng) + rng.choice(AWKWARD)) for _ in range(rng.choice((1, 3, 120)))]
        case 7: del request.chunks[at:]
    if request.chunks[at:]:
        request.chunks[at] = (size, data)
    return "chunks, " + repr(size)[:40]


def mutate(rng, request):
    """Changes the request itself; returns what was done."""
    match rng.randrange(9):
        case 0 | 1: return bend_fields(rng, request)
        case 2 | 3: return bend_length(rng, request)
        case 4 | 5: return bend_chunks(rng, request)
        case 6:
            match rng.randrange(4):
                case 0: request.method = rng.choice(METHODS); return "method " + repr(request.method)[:40]
                case 1: request.version = rng.choice(VERSIONS); return "version " + repr(request.version)
                case 2 | 3:
                    request.target = rng.choice(ODD_TARGETS)
                    return "target " + repr(request.target)[:60]
        case 7:
            request.line = rng.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n "))
            return "lines end in " + repr(request.line)
        case 8: return bend_fields(rng, request) + ", " + bend_fields(rng, request)


def make(rng, stream, extra=(), share=0.25):
    request, is_head = legal(rng, extra)
    if rng.random() < share:
        return Input(request.bytes(), OK, "legal", head=is_head)
    roll = rng.random()
    if roll < 0.7:
        what = mutate(rng, request)
        data = request.bytes()
    else:
        what, data = "bytes", spoil(rng, request.bytes())
    roll = rng.random()
    if roll < 0.08:
        what, data = what + ", cut short", cut_short(rng, data)
    elif roll < 0.16:
        what, data = what + ", one behind it", data + legal(rng, extra)[0].bytes()
    elif roll < 0.20:
        what, data = what + ", one before it", legal(rng, extra)[0].bytes() + data
    elif roll < 0.23:
        what, data = what + ", spoilt", spoil(rng, data)
    elif roll < 0.25:
        what, data = "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + data[:rng.randrange(40)]
    return Input(data, ANY, what, head=is_head)


def canary():
    request = Request(b"POST", PATH, [(b"Host", b"gate")], BODIES[0])
    request.set(b"content-length", b"%d" % len(BODIES[0]))
    return Input(request.bytes(), OK, "canary", fresh=True)
