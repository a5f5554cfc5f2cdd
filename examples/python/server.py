# SPDX-License-Identifier: MIT-0
#
#     systemfd -s http::3000 -- python3 server.py
#     ls *.py | systemfd -s http::3000 -- entr -nr systemfd -- python3 server.py

import http.server
import os
import socket


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"Hello from process {os.getpid()}\n".encode())


server = http.server.HTTPServer(None, Hello, bind_and_activate=False)
server.socket = socket.socket(fileno=3)
server.serve_forever()
