"""nginx: writes each body to a file, without any fsync, and answers 200 after that.

`return 200` alone would not read the body, so an upstream answers: a second server in the same nginx, over kept-alive Unix
sockets and without sending it the body. That is the quickest of the arrangements tried; `proxy_pass` with its defaults
makes a TCP connection for each request and comes to less than half.
"""
from peers import Store, answers, free_port, where


class Nginx(Store):
    def __init__(self, place, tls=None):
        """`tls`: paths of certificate and key."""
        super().__init__(place)
        self.files, self.port = self.folder("bodies"), free_port()
        self.scheme = "https" if tls else "http"
        options = f"ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]}; ssl_protocols TLSv1.2 TLSv1.3;" if tls else ""
        temporary = "\n".join(f"  {kind}_temp_path {self.folder(kind)};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        config = self.write("nginx.conf", f"""
worker_processes auto;
worker_rlimit_nofile 8192;
pid {self.directory}/nginx.pid;
error_log {self.directory}/nginx.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_in_file_only on;
  client_body_temp_path {self.files} 1 2;
{temporary}
  keepalive_requests 1000000000;
  upstream answer {{ server unix:{self.directory}/answer.sock; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{self.port}{' ssl' if tls else ''};
    {options}
    location /healthz {{ return 200; }}
    location / {{
      proxy_pass http://answer; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_pass_request_body off; proxy_set_header Content-Length "";
    }}
  }}
  server {{ listen unix:{self.directory}/answer.sock; return 200; }}
}}
""")
        self.start([where("nginx"), "-e", self.directory / "nginx.log", "-p", self.directory, "-c", config,
                    "-g", "daemon off;"])
        self.ready(lambda: answers(self.port))
