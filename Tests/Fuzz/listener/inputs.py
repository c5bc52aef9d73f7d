"""What is sent: an Input, what is expected of the gate for it, and mutations that know nothing of its structure.

Everything random comes from `dice`, so that an input is the same again for the same seed, kind and number.
"""
import random

# Inputs with numbers that follow each other and share connections.
GROUP = 8

# What the gate has to do: answer 2xx; not answer 2xx; anything, as long as it answers or closes in time.
OK, REFUSED, ANY = "ok", "refused", "any"

EVENT = (b'{"version":"2.0","id":"m-%d","type":"visit.ended","created":1546950556,"clinic_code":"xxx",'
         b'"data":{"id":"28540","member_id":"60610","provider_id":null,"start":1546950546,"status":"cancelled"}}')
# Few, so that nearly all are repeats: what is fuzzed is the listener, not the disk.
BODIES = [EVENT % number for number in range(4)] + [b"{}", b"[1,2]", b"no JSON"]

# Who may call, by itself or as named by a proxy; who is a proxy; who may not.
LISTED = [f"127.0.1.{number}" for number in range(1, 255)]
LISTED6 = ["2001:db8:7::1", "2001:db8:7:ffff::42", "2001:DB8:7:0:0:0:0:9"]
PROXIES = [f"127.0.2.{number}" for number in range(1, 255)]
INNER_PROXIES = ["10.1.2.3", "10.255.255.254"]
STRANGERS = ["192.0.2.66", "203.0.113.9", "198.51.100.7", "8.8.8.8"]
SOURCES = ("name: fuzz\nentries:\n"
           "  - {cidr: 127.0.1.0/24, service: vsee, channels: [webhook]}\n"
           "  - {cidr: 2001:db8:7::/48, service: vsee6, channels: [webhook]}\n")

AWKWARD = [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\n\n", b"\0", b" ", b"\t", b":", b",", b";", b"=", b"\"", b"\\", b"%00",
           b"\x7f", b"\x80", b"\xff", b"\xc0\x80", b"\xe2\x80\xa8", b"[", b"]", b"0", b"-1", b"/../", b"\x0b", b"\x1b[2J"]
NUMBERS = [0, 1, 2, 127, 128, 255, 256, 16383, 16384, 16385, 65535, 65536, (1 << 24) - 1, (1 << 31) - 1, 1 << 31,
           (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, 10 ** 30]


def dice(*seed):
    return random.Random("/".join(map(str, seed)))


class Input:
    """Bytes for the gate. `what` says in words what they are."""
    __slots__ = ("number", "data", "expect", "what", "head", "fresh", "stream", "pieces", "end")

    def __init__(self, data, expect=ANY, what="", head=False, fresh=False, stream=0):
        self.data, self.expect, self.what = data, expect, what
        # An answer without a body; a connection of its own; the HTTP/2 stream that the answer comes on.
        self.head, self.fresh, self.stream = head, fresh, stream
        self.number, self.pieces, self.end = None, None, None

    def cast(self, number, rng, ends):
        """How it is sent: cut where, and what its sender does then."""
        self.number = number
        cuts = set()
        if len(self.data) > 1 and rng.random() < 0.3:
            cuts = {rng.randrange(1, len(self.data)) for _ in range(rng.choice((1, 1, 2, 3, 8)))}
        edges = [0, *sorted(cuts), len(self.data)]
        self.pieces = [self.data[start:end] for start, end in zip(edges, edges[1:])]
        # half: closes its side at once. ask: when nothing has come for a moment. wait: never, it is for the gate to
        # close. reset: is gone at once.
        self.end = rng.choices(("half", "ask", "wait", "reset"), ends)[0] if self.expect == ANY else "ask"
        return self


def group(kind, seed, first):
    """The inputs of one group. Each depends on seed, kind and its own number alone."""
    found = []
    for number in range(first, first + GROUP):
        rng = dice(seed, kind.NAME, number)
        # A stream for each, which is rising on whatever connection it comes to lie.
        found.append(kind.make(rng, 2 * (number - first) + 1).cast(number, rng, kind.ENDS))
    return found


def token(rng, most=12):
    return bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz0123456789-", k=rng.randint(1, most)))


def long_run(rng):
    return rng.choice((b"a", b"0", b",", b" ", b"\xff", b"a:b;")) * rng.choice((100, 1000, 8192, 16384, 33000, 65536))


def spoil(rng, data):
    """Some mutations of bytes, wherever they strike."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if not data:
            break
        at = rng.randrange(len(data))
        match rng.randrange(9):
            case 0: data[at] ^= 1 << rng.randrange(8)
            case 1: data[at] = rng.randrange(256)
            case 2 | 3: data[at:at] = rng.choice(AWKWARD)
            case 4: del data[at:at + rng.choice((1, 1, 2, 4, 16))]
            case 5:
                piece = data[at:at + rng.choice((1, 4, 20, 60))]
                data[at:at] = piece * rng.choice((1, 1, 2, 9))
            case 6: data[at:at + 1] = rng.choice(AWKWARD)
            case 7:
                other = rng.randrange(len(data))
                data[at], data[other] = data[other], data[at]
            case 8:
                if rng.random() < 0.15:
                    data[at:at] = long_run(rng)
                else:
                    del data[at:]
    return bytes(data)


def cut_short(rng, data):
    return data[:rng.randrange(len(data) + 1)]
