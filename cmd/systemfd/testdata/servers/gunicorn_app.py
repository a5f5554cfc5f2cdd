"""Answers "PID" of the worker, for gunicorn, which looks for passed sockets itself."""

import os


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
