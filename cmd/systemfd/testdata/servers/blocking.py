"""Answers a line on descriptor 3 with "PID LINE". An accept(2) that does not wait ends it."""

import os
import socket

listener = socket.socket(fileno=3)
while True:
    connection, _ = listener.accept()
    with connection, connection.makefile("rw") as stream:
        stream.write(f"{os.getpid()} {stream.readline()}")
