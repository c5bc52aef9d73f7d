"""Real load balancers in front of a gate: HAProxy, nginx, Caddy and Envoy, each a process with one front and one server.

A Balancer says how its program is set up for a Way, and what it knows of its own checks; what is expected of the gate is
the tests' business.
"""
# Needs: haproxy nginx-light libnginx-mod-stream caddy pypi
import importlib.util
import json
import os
import re
import socket
import ssl
import subprocess
import tempfile
import typing
import uuid

from gate import V2, free_port, read, wait_until
from processes import Relay


class Way(typing.NamedTuple):
    """How requests reach the gate."""
    # The gate's own setting: x-forwarded-for, forwarded or proxy-protocol.
    mode: str
    # tcp (the sender's TLS, as it is), plain (HTTP/1.1 without TLS), http/1.1 or h2 (both with TLS).
    upstream: str
    # Of the PROXY header: v1, v2, v2-ssl.
    version: str = ""
    # Where the gate takes it: webhook or sftp.
    channel: str = "webhook"


class Balancer:
    # From where it calls the gate: its trusted proxy.
    address = "127.0.0.5"

    def __init__(self, gate, way, check=None):
        """`check`: tcp, tls, http at the gate's health path, or options, which is what HAProxy asks by itself."""
        self.gate, self.way, self.check = gate, way, check
        self.port, self.to_port = free_port(), gate.ports[way.channel]
        self.server = f"127.0.0.1:{self.to_port}"
        # Not named by the port: a later balancer may get the same.
        self.folder = tempfile.mkdtemp(prefix="balancer-", dir=gate.root)
        self.control, path = self.folder + "/control", self.folder + "/config" + self.suffix
        with open(path, "w") as file:
            file.write(self.config())
        with open(self.folder + "/log", "wb") as log:
            self.process = subprocess.Popen(
                [*self.command, path], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "HOME": self.folder, "XDG_DATA_HOME": self.folder, "XDG_CONFIG_HOME": self.folder})
        try:
            wait_until(self.listens, 20, f"{self.command[0]} for {way}")
        except AssertionError as error:
            self.close()
            raise AssertionError(f"{error}\n{read(self.folder + '/log')}") from None

    suffix = ""

    def listens(self):
        """By the kernel's table: a connection would go on to the gate."""
        assert self.process.poll() is None, "it has ended"
        return re.search(r": 0100007F:%04X \w+:0000 0A" % self.port, read("/proc/net/tcp"))

    def close(self):
        self.process.kill()
        self.process.wait(20)

    def ask(self, request):
        """What the balancer says of itself."""
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(20)
            asked.connect(self.control)
            asked.sendall(request.encode())
            return b"".join(iter(lambda: asked.recv(65536), b"")).decode()

    # Senders

    def begin(self, source, field):
        """A request whose body is for the caller to send."""
        sender = socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(source, 0))
        if self.way.upstream == "tcp":
            context = ssl._create_unverified_context()
            try:
                sender = context.wrap_socket(sender)
            except OSError:
                sender.close()
                raise
        sender.sendall(b"POST /webhooks/vsee HTTP/1.1\r\nhost: gate.example\r\nconnection: close\r\n%s\r\n\r\n" % field)
        return sender

    def post(self, source, *options):
        """The status that a sender gets; 0 for none."""
        scheme = "https" if self.way.upstream == "tcp" else "http"
        run = subprocess.run(
            ["curl", "-sk", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}", "--interface", source, *options,
             "--data-binary", "@-", f"{scheme}://127.0.0.1:{self.port}/webhooks/vsee"], input=V2 % uuid.uuid4(),
            capture_output=True, text=True, timeout=30)
        return int(run.stdout)


class HAProxy(Balancer):
    command = ["haproxy", "-db", "-f"]

    def config(self):
        tcp, alpn = self.way.upstream == "tcp", self.way.upstream
        server = {"v1": "send-proxy", "v2": "send-proxy-v2", "v2-ssl": "send-proxy-v2-ssl"}.get(self.way.version, "")
        lines = "" if tcp else "http-reuse always"
        if alpn in ("h2", "http/1.1"):
            server += f" ssl verify none alpn {alpn}"
        if self.way.mode == "x-forwarded-for":
            lines += "\n option forwardfor"
        elif self.way.mode == "forwarded":
            told = subprocess.run(["haproxy", "-v"], capture_output=True, text=True).stdout
            version = tuple(map(int, re.search(r"version (\d+)\.(\d+)", told).groups()))
            lines += "\n option forwarded" if version >= (2, 8) else "\n http-request add-header Forwarded for=%[src]"
        if self.check:
            server += " check" + (" check-ssl verify none" if self.check != "tcp" else " no-check-ssl")
            server += " check-alpn h2" if alpn == "h2" and self.check == "http" else ""
            lines += {"http": "\n option httpchk GET /healthz", "options": "\n option httpchk"}.get(self.check, "")
        return f"""global
 nbthread 1
 stats socket {self.control} level admin
defaults
 timeout connect 5s
 timeout client 20s
 timeout server 20s
listen gate
 mode {"tcp" if tcp else "http"}
 bind 127.0.0.1:{self.port}
 {lines}
 server one {self.server} source {self.address} {server} inter 100 fastinter 100 downinter 100 rise 1 fall 2
"""

    def checks(self):
        """Whether they find the gate up now, how many there were (as far as known), and how many failed."""
        head, *rows = [line.split(",") for line in self.ask("show stat\n").splitlines() if line]
        row = dict(zip((name.lstrip("# ") for name in head), next(r for r in rows if r[1] == "one")))
        # It counts only failures. By what it goes up at the start is not a check.
        wanted = {"tcp": "L4OK", "tls": "L6OK"}.get(self.check, "L7OK")
        self.seen = getattr(self, "seen", 0) + (row["check_status"] == wanted)
        return row["status"] == "UP", self.seen, int(row["chkfail"] or 0)


class Nginx(Balancer):
    """It has no checks of its own: that is nginx Plus."""
    command = ["nginx", "-e", "stderr", "-c"]

    def config(self):
        tls = "" if self.way.upstream == "plain" else "s"
        common = f"daemon off; master_process off; pid {self.folder}/pid; events {{}}\n"
        if self.way.upstream == "tcp":
            return f"""load_module /usr/lib/nginx/modules/ngx_stream_module.so;
{common}
stream {{ server {{ listen 127.0.0.1:{self.port};
    proxy_pass {self.server}; proxy_bind {self.address}; proxy_protocol on; }} }}
"""
        # Unbuffered: a body that breaks off would never reach the gate.
        temporary = " ".join(f"{of}_temp_path {self.folder}/{of};"
                             for of in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""{common}
http {{ access_log off; {temporary}
    upstream gate {{ server {self.server}; keepalive 4; }}
    server {{ listen 127.0.0.1:{self.port};
        location / {{ proxy_pass http{tls}://gate; proxy_bind {self.address}; proxy_request_buffering off;
            proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }} }}
"""


class Caddy(Balancer):
    """Of version 2.6: it can neither choose where it calls from nor send a PROXY header (2.7)."""
    address = "127.0.0.1"
    command = ["caddy", "run", "--adapter", "caddyfile", "--config"]

    def config(self):
        tls = "" if self.way.upstream == "plain" else "s"
        transport = "" if not tls else "tls_insecure_skip_verify\n versions " + (
            "2" if self.way.upstream == "h2" else "1.1")
        checks = ""
        if self.check:
            # It says of a check that it was, not how many: they come by a relay, which counts what they send.
            self.relay = Relay(self.to_port)
            checks = f"health_uri /healthz\n health_interval 20ms\n health_port {self.relay.port_here}"
        return f"""{{
 admin off
 auto_https off
}}
http://:{self.port} {{
 bind 127.0.0.1
 reverse_proxy http{tls}://{self.server} {{
 {checks}
 transport http {{
 {transport}
 }}
 }}
}}
"""

    def close(self):
        super().close()
        if self.check:
            self.relay.close()

    def checks(self):
        # It writes down those that fail. One that does not is some 70 bytes over HTTP/2, 200 over HTTP/1.1.
        failed = read(self.folder + "/log").count("health_checker.active")
        return failed == 0, self.relay.carried // 200, failed


class Envoy(Balancer):
    suffix = ".json"

    @property
    def command(self):
        inside = importlib.util.find_spec("envoy").submodule_search_locations[0]
        return [inside + "/_bin/envoy", "--concurrency", "1", "--disable-hot-restart", "-l", "warning", "-c"]

    def config(self):
        tcp = self.way.upstream == "tcp"
        port = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self.port}}}
        to_gate = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self.to_port}}}
        options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        return json.dumps({
            "admin": {"address": {"pipe": {"path": self.control}}},
            "static_resources": {
                "listeners": [{"name": "front", **port, "filter_chains": [{"filters": [self.front(tcp)]}]}],
                "clusters": [{
                    "name": "gate", "type": "STATIC", "connect_timeout": "5s",
                    "upstream_bind_config": {"source_address": {"address": self.address, "port_value": 0}},
                    "load_assignment": {"cluster_name": "gate", "endpoints": [
                        {"lb_endpoints": [{"endpoint": to_gate}]}]},
                    "typed_extension_protocol_options": {} if tcp else {options: self.typed(
                        options.removeprefix("envoy."), explicit_http_config={
                            "http2_protocol_options" if self.way.upstream == "h2" else "http_protocol_options": {}})},
                    **self.transport(tcp), **self.health()}]}})

    @staticmethod
    def typed(name, **fields):
        return {"@type": "type.googleapis.com/envoy." + name, **fields}

    def front(self, tcp):
        network = "extensions.filters.network."
        if tcp:
            return {"name": "front", "typed_config": self.typed(
                network + "tcp_proxy.v3.TcpProxy", stat_prefix="front", cluster="gate")}
        router = self.typed("extensions.filters.http.router.v3.Router")
        route = {"match": {"prefix": "/"}, "route": {"cluster": "gate", "timeout": "20s"}}
        return {"name": "front", "typed_config": self.typed(
            network + "http_connection_manager.v3.HttpConnectionManager", stat_prefix="front", use_remote_address=True,
            route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
            http_filters=[{"name": "router", "typed_config": router}])}

    def transport(self, tcp):
        """What goes below HTTP, or the sender's bytes: TLS, and the PROXY header in front."""
        sockets = "extensions.transport_sockets."
        raw = {"name": "raw", "typed_config": self.typed(sockets + "raw_buffer.v3.RawBuffer")}
        alpn = {"alpn_protocols": ["h2" if self.way.upstream == "h2" else "http/1.1"]}
        tls = {"name": "tls", "typed_config": self.typed(
            sockets + "tls.v3.UpstreamTlsContext", common_tls_context=alpn)}

        def proxied(inner):
            if not self.way.version:
                return inner
            return {"name": "proxy", "typed_config": self.typed(
                sockets + "proxy_protocol.v3.ProxyProtocolUpstreamTransport",
                config={"version": self.way.version.upper()}, transport_socket=inner)}
        usual = proxied(raw if tcp or self.way.upstream == "plain" else tls)
        check = proxied(tls if self.check == "http" and self.way.upstream != "plain" else raw)
        return {"transport_socket": usual, "transport_socket_matches": [
            {"name": "check", "match": {"of": "check"}, "transport_socket": check}]}

    def health(self):
        if not self.check:
            return {}
        kind = {"tcp_health_check": {}} if self.check == "tcp" else {"http_health_check": {
            "path": "/healthz", "codec_client_type": "HTTP2" if self.way.upstream == "h2" else "HTTP1"}}
        return {"health_checks": [{
            "timeout": "2s", "interval": "0.02s", "no_traffic_interval": "0.02s", "unhealthy_threshold": 1,
            "healthy_threshold": 1, "transport_socket_match_criteria": {"of": "check"}, **kind}]}

    def checks(self):
        of = dict(re.findall(r"cluster\.gate\.health_check\.(\w+): (\d+)", self.ask(
            "GET /stats?filter=health_check HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")))
        return of["healthy"] == "1", int(of["success"]), int(of["failure"])
