"""The gate that is fuzzed: its settings, and what is measured of its process."""
import collections
import os
import re

from caller import TIMEOUT
from gate import Gate, read
from inputs import SOURCES

TROUBLE = re.compile(r"AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:|Fatal error|SUMMARY:|Program crashed")


def gate_for(kind):
    made = Gate(sources=SOURCES, level="error", environment={
        "DROPGATE_WEBHOOK_HEADER_TIMEOUT": f"{TIMEOUT}s", "DROPGATE_WEBHOOK_BODY_TIMEOUT": f"{TIMEOUT}s",
        "DROPGATE_WEBHOOK_IDLE_TIMEOUT": f"{TIMEOUT}s", "DROPGATE_WEBHOOK_MAX_CONNECTIONS": "8192",
        "DROPGATE_WEBHOOK_MAX_CONNECTIONS_PER_SOURCE": "2048", "DROPGATE_WEBHOOK_ADDRESS": kind.ADDRESS,
        **({} if kind.ADDRESS == "direct" else {"DROPGATE_WEBHOOK_TRUSTED_PROXIES": "[127.0.2.0/24, 10.0.0.0/8]"})})
    if not kind.TLS:
        text = read(made.config)
        with open(made.config, "w") as file:
            file.write(re.sub(r"(?m)^  tls:.*\n(    .*\n)*", "  plaintext: true\n", text, count=1))
    return made


class Standing(collections.namedtuple("Standing", "memory descriptors threads")):
    """Of a process: MiB that are resident, open files, threads."""

    @classmethod
    def of(cls, pid):
        status = read(f"/proc/{pid}/status")
        return cls(int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024, len(os.listdir(f"/proc/{pid}/fd")),
                   int(re.search(r"Threads:\s+(\d+)", status)[1]))
