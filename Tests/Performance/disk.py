"""What this disk needs to make 4 KiB durable."""
import os
import time


def fdatasync(directory, seconds):
    """Appends to a file and syncs it, again and again; p50 and p99 in ms."""
    times, until = [], time.monotonic() + seconds
    file = os.open(directory / "appended", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while time.monotonic() < until:
        began = time.monotonic()
        os.write(file, bytes(4096))
        os.fdatasync(file)
        times.append(time.monotonic() - began)
    os.close(file)
    times.sort()
    return {"p50": times[len(times) // 2] * 1e3, "p99": times[len(times) * 99 // 100] * 1e3}
