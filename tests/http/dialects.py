"""Calls in each of the three protocols, as bytes, and what their answers say."""

from __future__ import annotations

import json
import xmlrpc.client
from abc import ABC, abstractmethod
from typing import Any

from tests.daemon import Failure


class Dialect(ABC):
    """One way of writing a call. It is sent to a path, and answered in a type of content."""

    name: str
    path: str
    content_type: str

    def __str__(self) -> str:
        return self.name

    @abstractmethod
    def body(self, method: str, *params: Any) -> bytes:
        """The call."""

    @abstractmethod
    def result(self, answer: bytes) -> Any:
        """What an answer gives. Raises Failure with code and parameters."""

    def request(self, method: str, *params: Any) -> bytes:
        return self.post(self.body(method, *params))

    def post(self, body: bytes) -> bytes:
        """A request with this body, whatever it is."""
        return b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (self.path.encode(), len(body), body)


class XmlRpc(Dialect):
    name, path, content_type = "xmlrpc", "/RPC2", "text/xml"

    def body(self, method: str, *params: Any) -> bytes:
        return xmlrpc.client.dumps(params, method).encode()

    def result(self, answer: bytes) -> Any:
        ((found,), _) = xmlrpc.client.loads(answer)
        if found["Status"] != "Success":
            raise Failure(*found["ErrorDescription"])
        return found["Value"]


class JsonRpc1(Dialect):
    name, path, content_type = "jsonrpc1", "/jsonrpc", "application/json"

    def body(self, method: str, *params: Any) -> bytes:
        return json.dumps({"method": method, "params": params, "id": 1}).encode()

    def result(self, answer: bytes) -> Any:
        found = json.loads(answer)
        assert found.keys() == {"result", "error", "id"}
        if found["error"] is not None:
            raise Failure(*found["error"])
        return found["result"]


class JsonRpc2(Dialect):
    name, path, content_type = "jsonrpc2", "/jsonrpc", "application/json"

    def body(self, method: str, *params: Any) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": "a"}).encode()

    def result(self, answer: bytes) -> Any:
        found = json.loads(answer)
        assert (found["jsonrpc"], found["id"]) == ("2.0", "a")
        if "error" in found:
            error = found["error"]
            assert error["code"] == 1
            raise Failure(error["message"], *error["data"])
        return found["result"]


XML_RPC, JSON_RPC_1, JSON_RPC_2 = DIALECTS = (XmlRpc(), JsonRpc1(), JsonRpc2())
