"""Sends groups of inputs, many at once, and judges what the gate does about each."""
import collections
import heapq
import select
import time

from answers import Reader1, Reader2
from inputs import ANY, LISTED, OK, PROXIES
from wires import GONE, TLS, Plain

# Of the gate, in seconds: its settings (fuzz.py), and the constants of GateChannel, RequestHandler and Connection.
TIMEOUT, PROXY_HEADER, LINGERING, FAREWELL, PATIENCE = 2, 3, 5, 2, 1
# What a busy machine may add.
SLACK = 5
FIRST_WORD = max(TIMEOUT, PROXY_HEADER) + SLACK
# A body, the rest of it that is thrown away, idleness, and the announced end of an HTTP/2 connection.
AFTER_WORD = TIMEOUT + LINGERING + TIMEOUT + FAREWELL + PATIENCE + SLACK
AFTER_HALF_CLOSE = LINGERING + PATIENCE + SLACK
# How long an answer is waited for before the connection is half closed, where the gate may still wait for more.
MOMENT = 0.03


class Caller:
    """One group at work, on one connection after the other."""

    def __init__(self, run, inputs):
        self.run, self.inputs, self.at = run, inputs, 0
        self.wire, self.is_waiting, self.alarms, self.is_over = None, False, 0, False
        self.began = time.monotonic()
        self.begin()

    def begin(self):
        self.wait_patiently(False)
        if self.at == len(self.inputs):
            return self.finish()
        given = self.given = self.inputs[self.at]
        if self.wire and (given.fresh or self.reader.is_closing):
            self.drop()
        opening = b""
        if not self.wire:
            try:
                self.open(given)
            except OSError as error:
                self.run.lose(f"cannot connect: {error}")
                return self.finish()
            opening = b"" if given.fresh else self.reader.opening
        self.statuses, self.heard, self.was_clean = [], False, self.is_clean
        self.reader.begin(given)
        self.pieces = collections.deque(piece for piece in (
            self.reader.owed(), opening, *given.pieces, self.reader.behind(given)) if piece)
        self.enter("sending", FIRST_WORD + AFTER_WORD)
        self.run.soon.append(self)

    def open(self, given):
        addresses = LISTED if self.run.kind.ADDRESS == "direct" else PROXIES
        source = addresses[given.number % len(addresses)]
        self.wire = (TLS if self.run.kind.TLS else Plain)(source, self.run.port)
        self.reader = (Reader2 if self.run.kind.TLS else Reader1)()
        # Nothing has been sent that could have put the gate and us out of step.
        self.is_clean = True
        self.descriptor = self.wire.socket.fileno()
        self.run.opened(self)

    def enter(self, stage, seconds):
        self.stage = stage
        self.alarms += 1
        heapq.heappush(self.run.alarms, (time.monotonic() + seconds, self.alarms, id(self), self))

    def push(self):
        """Sends the next piece; others have their turn before the one after it."""
        if self.stage != "sending" or not self.wire or not self.wire.is_ready:
            return
        try:
            self.wire.send(self.pieces.popleft() if self.pieces and not self.wire.unsent else b"")
        except GONE:
            return self.drain()
        if self.wire.unsent:
            self.run.watch(self, select.EPOLLIN | select.EPOLLOUT)
        elif self.pieces:
            self.run.soon.append(self)
        else:
            self.run.watch(self, select.EPOLLIN)
            self.sent()

    def sent(self):
        given = self.given
        if given.expect == OK:
            # Behind others it may have become a part of one of them, which has its own time.
            self.enter("answer", FIRST_WORD if self.was_clean else FIRST_WORD + AFTER_WORD)
            self.progress()
        elif given.end == "reset":
            self.wire.reset()
            self.over("left")
        elif given.end == "half":
            self.half_close()
        elif given.end == "wait" and self.run.is_patient:
            self.wait_patiently(True)
            self.enter("wait", AFTER_WORD if self.heard else FIRST_WORD)
        else:
            self.enter("grace", MOMENT)
            self.progress()

    def half_close(self):
        self.wire.half_close(politely=self.given.number % 3 > 0)
        self.enter("ending", AFTER_HALF_CLOSE)

    def readable(self):
        was_ready = self.wire.is_ready
        try:
            data = self.wire.receive()
        except GONE:
            data = b""
        if not was_ready and self.wire.is_ready:
            self.run.soon.append(self)
        if data == b"":
            self.over("closed")
        elif data:
            self.take(data)
            if self.wire.is_at_end:
                self.over("closed")
            else:
                self.progress()

    def drain(self):
        """The gate has closed; what it said before is there still."""
        try:
            while data := self.wire.receive():
                self.take(data)
        except GONE:
            pass
        self.over("closed")

    def take(self, data):
        if not self.heard and self.stage == "wait":
            self.enter("wait", AFTER_WORD)
        self.heard = True
        for status, is_own in self.reader.feed(data):
            self.run.answers[status] += 1
            if is_own:
                self.statuses.append(status)
            elif is_own is None:
                self.run.outcomes["read"] -= 1
                self.run.outcomes[status] += 1
            if status >= 500 and status != 503:
                self.run.finding(self.given, f"answered {status}")

    def progress(self):
        if self.stage not in ("answer", "grace"):
            return
        if self.reader.is_settled:
            self.settle()
        elif self.reader.is_closing and self.stage == "grace":
            self.enter("ending", AFTER_WORD)

    def settle(self):
        """Dealt with, and the connection goes on."""
        if not self.statuses and self.reader.opening:
            self.reader.pending.add(self.given.stream)
        self.judge("read")
        self.at += 1
        self.begin()

    def over(self, how):
        """So is the connection."""
        self.drop()
        if self.stage == "farewell":
            return self.finish()
        self.judge(how)
        self.at += 1
        self.begin()

    def judge(self, how):
        given, outcome = self.given, self.statuses[0] if self.statuses else how
        self.run.outcomes[outcome] += 1
        self.run.tell(given, outcome)
        is_good = any(200 <= status < 300 for status in self.statuses)
        if given.expect == ANY:
            self.is_clean = False
        elif self.was_clean:
            self.run.judged[given.expect] += 1
            if is_good != (given.expect == OK):
                self.run.finding(given, f"must be {given.expect}, was {outcome}")

    def expired(self):
        match self.stage:
            case "grace": self.half_close()
            case "farewell": self.finish()
            case "wait" if self.heard: self.late(f"not closed within {AFTER_WORD} s after a first word")
            case "wait" | "answer": self.late("neither answered nor closed in time")
            case "ending": self.late(f"not closed within {AFTER_HALF_CLOSE} s after half of it was")
            case "sending": self.late("neither read nor closed")

    def late(self, why):
        self.run.finding(self.given, why)
        self.over("late")

    def finish(self):
        if self.wire and self.stage != "farewell" and getattr(self.reader, "pending", None):
            # Answers that come a moment behind what was read.
            self.run.watch(self, select.EPOLLIN)
            self.reader.rest()
            return self.enter("farewell", MOMENT)
        if not self.is_over:
            self.is_over = True
            self.drop()
            self.run.ended(self)

    def drop(self):
        if self.wire:
            self.run.forget(self)
            self.wire.close()
            self.wire = None

    def wait_patiently(self, on):
        if on != self.is_waiting:
            self.is_waiting = on
            self.run.patient += 1 if on else -1
