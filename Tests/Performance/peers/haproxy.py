"""HAProxy that rejects every connection before it reads a byte."""
import os

from peers import Server, answers, free_port, where


class HAProxy(Server):
    def __init__(self, place):
        super().__init__(place)
        self.port = free_port()
        config = self.write("haproxy.cfg", (
            f"global\n  nbthread {os.cpu_count()}\n  maxconn 4000\n"
            "defaults\n  mode tcp\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\n"
            f"frontend refusing\n  bind 127.0.0.1:{self.port}\n  tcp-request connection reject\n"))
        self.start([where("haproxy"), "-db", "-f", config])
        self.ready(lambda: answers(self.port))
