"""Many callers of one process: whose turn it is, whose time is up, and what they found."""
import collections
import heapq
import select
import time

from caller import Caller

CANARY = 5


class Crowd:
    """Starts callers as others end, until all groups are sent."""
    SLOTS = 64
    MOST_PATIENT = 500

    def __init__(self, kind, port):
        self.kind, self.port = kind, port
        self.epoll, self.callers, self.watched = select.epoll(), {}, {}
        self.soon, self.alarms, self.patient, self.active = collections.deque(), [], 0, 0
        self.answers, self.outcomes, self.judged = collections.Counter(), collections.Counter(), collections.Counter()
        self.findings, self.canaries = [], []
        # Whether some wait as long as the gate lets them.
        self.is_patient = True
        # The last inputs on which the connection ended, for the case that the gate did.
        self.last, self.is_lost = collections.deque(maxlen=200), False

    def tell(self, given, outcome):
        if outcome == "closed" and not self.is_lost:
            self.last.append(given.number)

    def lose(self, why):
        """The gate takes no more connections: it is of no use to go on."""
        if not self.is_lost:
            self.is_lost = True
            self.findings.append(("gate", "", why, b""))

    def finding(self, given, why):
        if len(self.findings) < 50:
            self.findings.append((given.number, given.what, why, given.data[:400]))

    def opened(self, caller):
        self.callers[caller.descriptor], self.watched[caller.descriptor] = caller, select.EPOLLIN
        self.epoll.register(caller.descriptor, select.EPOLLIN)

    def watch(self, caller, events):
        if self.watched[caller.descriptor] != events:
            self.watched[caller.descriptor] = events
            self.epoll.modify(caller.descriptor, events)

    def forget(self, caller):
        if caller.wire.socket.fileno() >= 0:
            self.epoll.unregister(caller.descriptor)
        del self.callers[caller.descriptor], self.watched[caller.descriptor]

    def ended(self, caller):
        self.active -= 1
        if caller.inputs[0].what == "canary":
            self.canaries.append(time.monotonic() - caller.began)

    def start(self, inputs):
        self.active += 1
        Caller(self, inputs)

    def canary(self):
        given = self.kind.canary()
        given.number, given.pieces, given.end = 0, [given.data], "ask"
        self.start([given])

    def work(self, groups, canary_every):
        """Sends all groups. Returns when the last caller is done."""
        count = 0
        groups = iter(groups)
        more = True
        while more or self.active:
            while more and self.active - self.patient < self.SLOTS and self.patient < self.MOST_PATIENT:
                inputs = None if self.is_lost else next(groups, None)
                if inputs is None:
                    more = False
                    self.canary()
                    break
                if count // canary_every != (count + len(inputs)) // canary_every:
                    self.canary()
                count += len(inputs)
                self.start(inputs)
            self.turn()
        slow = [seconds for seconds in self.canaries if seconds > CANARY]
        if slow:
            self.findings.append(("canary", "", f"{len(slow)} took up to {max(slow):.1f} s", b""))

    def turn(self):
        for _ in range(len(self.soon)):
            self.soon.popleft().push()
        now = time.monotonic()
        while self.alarms and self.alarms[0][0] <= now:
            _, number, _, caller = heapq.heappop(self.alarms)
            if number == caller.alarms and not caller.is_over:
                caller.expired()
        wait = 0 if self.soon else min(1, max(0, self.alarms[0][0] - now)) if self.alarms else 0.1
        for descriptor, events in self.epoll.poll(wait):
            caller = self.callers.get(descriptor)
            if caller and events & ~select.EPOLLOUT:
                caller.readable()
            if events & select.EPOLLOUT and self.callers.get(descriptor) is caller and caller:
                caller.push()
