"""As much of HPACK (RFC 7541) as the fuzzer needs: a writer with every representation, and a reader of `:status` alone."""
import functools

STATIC = {b":authority": 1, b":path": 4, b":scheme": 7, b"content-length": 28, b"content-type": 31, b"cookie": 32, b"expect": 35}
WHOLE = {(b":method", b"GET"): 2, (b":method", b"POST"): 3, (b":path", b"/"): 4, (b":scheme", b"http"): 6, (b":scheme", b"https"): 7}
STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
# How a literal field begins: incremental, without indexing, never indexed; with the bits left for the index.
FORMS = {"incremental": (0x40, 6), "without": (0, 4), "never": (0x10, 4)}
# Appendix B, of some characters.
CODES = {**{c: (n, 5) for n, c in enumerate(b"012aceiost")}, **{c: (n, 6) for n, c in enumerate(b" %-./3456789=A_bdfghlmnpru", 20)},
         **{c: (n, 7) for n, c in enumerate(b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz", 92)}}
LETTERS = {code: character for character, code in CODES.items()}


def integer(value, bits, first=0):
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


@functools.lru_cache(10_000)
def huffman(data):
    value, count = 0, 0
    for byte in data:
        code, length = CODES[byte]
        value, count = value << length | code, count + length
    spare = -count % 8
    return ((value << spare) | (1 << spare) - 1).to_bytes((count + spare) // 8, "big")


def string(data, packed=False):
    if packed and len(data) < 100 and all(byte in CODES for byte in data):
        data = huffman(data)
        return integer(len(data), 7, 0x80) + data
    return integer(len(data), 7) + data


def literal(name, value, form="without", packed=False):
    first, bits = FORMS[form]
    index = STATIC.get(name, 0)
    return integer(index, bits, first) + (b"" if index else string(name, packed)) + string(value, packed)


def any_form(rng, fields):
    """The fields in representations that may all be used, without relying on what came before."""
    out = b""
    for name, value in fields:
        index = WHOLE.get((name, value))
        if index and rng.random() < 0.8:
            out += integer(index, 7, 0x80)
        else:
            out += literal(name, value, rng.choice(("incremental", "without", "never")), rng.random() < 0.5)
    return out


class StatusReader:
    """Reads the blocks of one connection. Places in the dynamic table count from the newest, so that what was evicted from
    its end does not matter here."""

    def __init__(self):
        self.table = []

    def status(self, block):
        found, at = None, 0
        while at < len(block):
            first = block[at]
            if first & 0x80:
                index, at = self.integer(block, at, 7)
                value = STATUS.get(index) if index < 62 else self.table[index - 62] if index - 62 < len(self.table) else None
            elif first & 0xE0 == 0x20:
                _, at = self.integer(block, at, 5)
                continue
            else:
                index, at = self.integer(block, at, 6 if first & 0x40 else 4)
                of_status = 8 <= index <= 14 or (index >= 62 and index - 62 < len(self.table) and self.table[index - 62] is not None)
                if index == 0:
                    name, at = self.string(block, at)
                    of_status = name == b":status"
                text, at = self.string(block, at)
                value = int(text) if of_status and text.isdigit() else None
                if first & 0x40:
                    self.table.insert(0, value)
            found = found or value
        return found

    @staticmethod
    def integer(block, at, bits):
        value = block[at] & (1 << bits) - 1
        at += 1
        if value == (1 << bits) - 1:
            shift = 0
            while True:
                byte = block[at]
                at += 1
                value += (byte & 127) << shift
                shift += 7
                if not byte & 128:
                    break
        return value, at

    def string(self, block, at):
        packed = block[at] & 0x80
        length, at = self.integer(block, at, 7)
        text = block[at:at + length]
        return self.unpack(text) if packed else text, at + length

    @staticmethod
    def unpack(data):
        """Empty if it holds a character that is not in the table: no status does."""
        bits, out, code, length = int.from_bytes(data, "big"), bytearray(), 0, 0
        for at in range(len(data) * 8 - 1, -1, -1):
            code, length = code << 1 | bits >> at & 1, length + 1
            if (code, length) in LETTERS:
                out.append(LETTERS[code, length])
                code, length = 0, 0
            elif length > 7:
                return b"" if at >= 7 else bytes(out)
        return bytes(out)
