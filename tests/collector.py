"""A collector of traces in a thread, which takes what is posted, refuses it, or hangs."""

from __future__ import annotations

import json
import queue
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PATIENCE = 20.0
"""Seconds for a batch to come."""


class Handler(BaseHTTPRequestHandler):
    """One post."""

    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        collector = self.server.collector
        collector.arrived.set()
        collector.going_on.wait()
        if collector.status < 300:
            collector.batches.put((self.path, self.headers["content-type"], json.loads(body)))
        self.send_response(collector.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    collector: Collector

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may hang up: they are what is tested."""


class Collector:
    """``with Collector() as collector``: listens at ``collector.address``."""

    def __init__(self, status: int = 202) -> None:
        self.status = status
        self.batches: queue.Queue[tuple[str, str, list[dict[str, Any]]]] = queue.Queue()
        self.arrived = threading.Event()
        """Something was posted."""
        self.going_on = threading.Event()
        """Not set: whoever posts has to wait."""
        self.going_on.set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/v2/spans"

    def spans(self) -> list[dict[str, Any]]:
        """The next batch."""
        return self.batches.get(timeout=PATIENCE)[2]

    def until(self, name: str) -> list[dict[str, Any]]:
        """All spans up to the batch that has one of this name."""
        found: list[dict[str, Any]] = []
        while not any(each["name"] == name for each in found):
            found += self.spans()
        return found

    def __enter__(self) -> Self:
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.collector = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.going_on.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Silent:
    """Takes connections and never answers them, or a byte at a time and no end."""

    def __init__(self, drips: bytes = b"") -> None:
        self._drips = drips
        self.arrived = threading.Event()
        self.gone = threading.Event()
        """The client has hung up."""
        self._over = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        outer = self

        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer.arrived.set()
                self.request.settimeout(0.05)
                while not outer._over.is_set():
                    try:
                        if not self.request.recv(65536):
                            break
                    except TimeoutError:
                        pass
                    except OSError:
                        break
                    try:
                        self.request.sendall(outer._drips)
                    except OSError:
                        break
                outer.gone.set()

        class Listener(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Listener(("127.0.0.1", 0), Connection)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
