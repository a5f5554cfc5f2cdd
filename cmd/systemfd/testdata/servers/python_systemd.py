"""A strict reader: answers each request on the first passed socket with "PID NAMES"."""

import os
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer

from systemd import daemon

descriptors = daemon.listen_fds(unset_environment=False)
names = daemon.listen_fds_with_names()
if not descriptors:
    raise SystemExit("systemd.daemon.listen_fds: none")
body = f"{os.getpid()} {':'.join(names[fd] for fd in descriptors)}".encode()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = HTTPServer(("", 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=descriptors[0])
server.serve_forever()
