"""The toolstack, called back by a driver of a third party while it works: JSON-RPC over the Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from xapid.backends.briefing import Briefing
from xapid.backends.interface import Failed, Unavailable

PATIENCE = 60.0
"""Seconds that an answer may take: what is asked are records."""


class Refused(Failed):
    """The toolstack answered with an error of the API; the fact ``api`` is its code."""


class Toolstack:
    """As the session of one call."""

    def __init__(self, briefing: Briefing) -> None:
        self._briefing = briefing

    def call(self, method: str, *params: Any) -> Any:
        """Call a method of the API. Raises Refused, and Unavailable where nobody answers."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": [self._briefing.session, *params]})
        connection = _Connection(self._briefing.socket)
        try:
            connection.request("POST", "/jsonrpc", body.encode(), {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(f"the toolstack does not answer a driver: {error}") from error
        finally:
            connection.close()
        if "error" in answer:
            said = answer["error"]
            raise Refused(f"{method}: {said.get('message')} {said.get('data', '')}", api=str(said.get("message")))
        return answer["result"]

    def find(self, cls: str, uuid: str) -> str | None:
        """The reference of an object; None: there is none of that uuid."""
        try:
            return str(self.call(f"{cls}.get_by_uuid", uuid))
        except Refused as error:
            if error.facts["api"] == "UUID_INVALID":
                return None
            raise


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
