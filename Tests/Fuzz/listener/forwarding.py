"""X-Forwarded-For and Forwarded, as a trusted proxy sends them on: chains that end in a listed address, in a stranger's,
and whatever a caller may have written to the left of what the proxy appended."""
import http1
from inputs import (
    ANY, AWKWARD, BODIES, INNER_PROXIES, LISTED, LISTED6, OK, PROXIES, REFUSED, STRANGERS, Input, cut_short, long_run, spoil, token)

PORTS = ["", "", ":4711", ":0", ":65535"]
ODD_ADDRESSES = [
    "127.0.1.256", "127.0.01.1", "127.1.1", "0x7f000101", "2130706689", "127.0.1.1/32", "::ffff:127.0.1.1", "[::ffff:127.0.1.1]",
    "127.0.1.1:", "127.0.1.1:65536", "127.0.1.1:080", "[127.0.1.1]", "[::1", "::1]", "[2001:db8:7::1]x", "[2001:db8:7::1%25eth0]",
    "2001:db8:7::1::", "unknown", "_hidden", "localhost", "", "-", "\"127.0.1.1\"", "127.0.1.1 127.0.1.2", "127.0.1.1;", "1" * 60,
    "\u0661\u0662\u0667.0.1.1", "127.0.1.1%00", "fe80::1%lo"]


class ForwardedFor:
    NAME, ADDRESS, TLS = "x-forwarded-for", "x-forwarded-for", False
    ENDS = http1.ENDS
    FIELD, OTHER = b"X-Forwarded-For", b"Forwarded"

    @classmethod
    def hop(cls, rng, address):
        if ":" in address:
            return f"[{address}]:99" if rng.random() < 0.5 else address
        return address + rng.choice(PORTS)

    @classmethod
    def odd(cls, rng):
        return rng.choice(ODD_ADDRESSES)


class Forwarded(ForwardedFor):
    NAME, ADDRESS = "forwarded", "forwarded"
    FIELD, OTHER = b"Forwarded", b"X-Forwarded-For"

    @classmethod
    def hop(cls, rng, address):
        address = f"[{address}]" if ":" in address else address
        port = rng.choice([*PORTS, ":_port"])
        node = f'"{address}{port}"' if port or ":" in address or rng.random() < 0.3 else address
        if rng.random() < 0.1 and node[0] == '"':
            node = f'"\\{node[1:]}'
        pairs = [rng.choice(("for=", "For=", "FOR=")) + node]
        pairs += rng.sample(["proto=https", "by=_gate", 'host="gate.example:8443"', "secret=x", 'by="[::1]:1"'], rng.randrange(3))
        if sum(pair.startswith("by=") for pair in pairs) > 1:
            pairs.pop()
        rng.shuffle(pairs)
        return rng.choice((";", "; ", " ; ")).join(pairs)

    @classmethod
    def odd(cls, rng):
        odd = rng.choice(ODD_ADDRESSES)
        return rng.choice((
            f"for={odd}", f'for="{odd}"', f'for="{odd}', f"for={odd};for=127.0.1.1", f'for="\\"{odd}\\""', f'by="for={odd}"',
            f'proto="https;for={odd}"', f"for ={odd}", f"for= {odd}", f"{odd}", "for=_SEVKISEK;by=_x",
            'for="_gaz:_port"', "for=unknown:1",
            'for="[2001:db8:7::1]:_o"', "for", "for=", "=127.0.1.1", ";;;", "for=127.0.1.1;;", 'for="127.0.1.1\\', 'for="a,b"',
            "for*=utf-8''127.0.1.1", 'host="\\\\\\"";for=' + odd))


def lines(rng, kind, elements):
    """One field or several; a comma and the end of a line are the same."""
    fields, line = [], []
    for element in elements:
        line.append(element)
        if rng.random() < 0.15:
            fields.append(line)
            line = []
    fields += [line] if line else []
    return [(rng.choice((kind.FIELD, kind.FIELD.lower())), rng.choice((", ", ",", " , ")).join(line).encode("utf-8", "replace"))
            for line in fields]


def left_of_it(rng, kind):
    """What a caller may have sent: it decides nothing. No line end and no NUL, which would not be the field's value."""
    elements = [rng.choice((kind.odd(rng), kind.hop(rng, rng.choice(LISTED + STRANGERS)), token(rng).decode()))
                for _ in range(rng.choice((0, 0, 1, 2, 5, 30)))]
    if rng.random() < 0.2:
        elements.insert(0, "\"" + "x" * rng.choice((1, 1000, 5000)))
    return elements


def chain(rng, kind, source):
    """A chain whose source is this one, through trusted proxies or none."""
    inner = [kind.hop(rng, rng.choice(INNER_PROXIES + PROXIES)) for _ in range(rng.choice((0, 0, 1, 2, 15)))]
    return left_of_it(rng, kind) + [kind.hop(rng, source)] + inner


def bend(rng, kind, elements):
    at = rng.randrange(len(elements))
    match rng.randrange(10):
        case 0: elements[at] = kind.odd(rng); return "an odd hop"
        case 1 | 2: elements.append(kind.odd(rng)); return "an odd last hop"
        case 3: elements.insert(at, ""); return "an empty hop"
        case 4: elements[at] += rng.choice(AWKWARD[4:]).decode("latin-1"); return "an awkward hop"
        case 5: elements[at] = " " * rng.choice((1, 1025)) + elements[at] + "\t"; return "blanks"
        case 6: elements.extend([kind.hop(rng, INNER_PROXIES[0])] * rng.choice((14, 15, 16, 17, 400))); return "many proxies"
        case 7: elements[at] = long_run(rng).decode("latin-1"); return "a long hop"
        case 8: elements[at] = rng.choice((1, 2, 600)) * "\"" + elements[at]; return "quotes"
        case 9: elements[at] = elements[at].swapcase() * 2; return "a hop twice in one"


def make_for(kind):
    def make(rng, stream):
        roll = rng.random()
        if roll < 0.25:
            extra = lines(rng, kind, chain(rng, kind, rng.choice(LISTED + LISTED6)))
            request, head = http1.legal(rng)
            request.fields[1:1] = extra
            return Input(request.bytes(), OK, "legal", head=head)
        if roll < 0.35:
            # GET of the health path is the proxy's own where it names nobody.
            extra = lines(rng, kind, chain(rng, kind, rng.choice(STRANGERS)))
            request, head = http1.legal(rng)
            request.fields[1:1] = extra
            return Input(request.bytes(), REFUSED, "a stranger", head=head)
        if roll < 0.40:
            request, head = http1.legal(rng)
            request.target = http1.PATH
            request.fields += [(kind.OTHER, b"127.0.1.1"), (kind.FIELD.replace(b"-", b"_") + b"_", b"127.0.1.1")]
            return Input(request.bytes(), REFUSED, "the field under another name", head=head)
        elements = chain(rng, kind, rng.choice(LISTED + LISTED6 + STRANGERS))
        what = "chain"
        if rng.random() < 0.7:
            what = bend(rng, kind, elements)
        fields = lines(rng, kind, elements)
        if rng.random() < 0.4 and fields:
            name, value = fields.pop()
            value = spoil(rng, value)
            fields.append((name, value[:40000]))
            what += ", spoilt"
        if rng.random() < 0.1:
            rng.shuffle(fields)
            fields += fields[:1]
        if rng.random() < 0.2:
            made = http1.make(rng, stream, fields, share=0)
            return Input(made.data, ANY, f"{what}, {made.what}", head=made.head)
        request, head = http1.legal(rng, fields)
        data = request.bytes()
        if rng.random() < 0.05:
            data, what = cut_short(rng, data), what + ", cut short"
        return Input(data, ANY, what, head=head)
    return staticmethod(make)


def canary_for(kind):
    def canary():
        request = http1.Request(fields=[(b"Host", b"gate"), *lines(_Even, kind, [kind.hop(_Even, LISTED[0])])], body=BODIES[0])
        request.set(b"content-length", b"%d" % len(BODIES[0]))
        return Input(request.bytes(), OK, "canary", fresh=True)
    return staticmethod(canary)


class _Even:
    """Dice that always fall the same way."""
    random = staticmethod(lambda: 0.99)
    choice = staticmethod(lambda options: options[0])
    sample = staticmethod(lambda options, count: [])
    shuffle = staticmethod(lambda options: None)
    randrange = staticmethod(lambda most: 0)


for _kind in (ForwardedFor, Forwarded):
    _kind.make, _kind.canary = make_for(_kind), canary_for(_kind)
