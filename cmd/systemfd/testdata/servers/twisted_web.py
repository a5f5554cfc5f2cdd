"""Answers "PID", for twist web --class."""

import os

from twisted.web import resource


class Root(resource.Resource):
    isLeaf = True

    def render_GET(self, request):
        return str(os.getpid()).encode()
