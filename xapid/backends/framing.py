"""What goes over the socket between the daemon and an agent: messages as msgpack, each behind its length."""

from __future__ import annotations

import functools
import inspect
import struct
import types
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec

from xapid.backends.briefing import Briefing

LENGTH = struct.Struct(">I")
LIMIT = 64 * 1024 * 1024
"""A longer message is a mistake, not a message."""


class Start(msgspec.Struct, tag="start", array_like=True, frozen=True):
    """The first message to an agent: which drivers it holds (an AgentConfig)."""

    config: msgspec.Raw


class Call(msgspec.Struct, tag="call", array_like=True, frozen=True):
    """To the agent: call a driver's method."""

    id: int
    kind: str
    method: str
    deadline: float
    """By the monotonic clock, which all processes of a machine share: after it the call must not begin any more."""
    arguments: msgspec.Raw
    about: str = ""
    """What it works on: calls about one repository hold up none about another."""
    briefing: Briefing | None = None
    """For drivers that call back."""


class Serve(msgspec.Struct, tag="serve", array_like=True, frozen=True):
    """To the agent: hold one more driver (a DriverSpec), or another one of that kind."""

    spec: msgspec.Raw


class Drop(msgspec.Struct, tag="drop", array_like=True, frozen=True):
    """To the agent: let go of the driver of this kind; what it is at goes on to its end."""

    kind: str


class Cancel(msgspec.Struct, tag="cancel", array_like=True, frozen=True):
    """To the agent: nobody waits for this call any more."""

    id: int


class Result(msgspec.Struct, tag="result", array_like=True, frozen=True):
    """From the agent: what a method returned."""

    id: int
    value: msgspec.Raw


class Fault(msgspec.Struct, tag="fault", array_like=True, frozen=True):
    """From the agent: the BackendError that a method raised."""

    id: int
    error: str
    message: str
    facts: dict[str, str]


class Happened(msgspec.Struct, tag="happened", array_like=True, frozen=True):
    """From the agent: an event of a driver."""

    kind: str
    value: msgspec.Raw


class Logged(msgspec.Struct, tag="logged", array_like=True, frozen=True):
    """From the agent: a line for the daemon's log."""

    logger: str
    level: int
    text: str


Message = Start | Serve | Drop | Call | Cancel | Result | Fault | Happened | Logged

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def pack(value: Any) -> msgspec.Raw:
    """A value as bytes that a codec made from its type reads."""
    return msgspec.Raw(_encoder.encode(value))


def frame(message: Message) -> bytes:
    """A message as it goes over the socket. Raises ValueError if it is too long."""
    body = _encoder.encode(message)
    if len(body) > LIMIT:
        raise ValueError(f"a message of {len(body)} bytes is too long")
    return LENGTH.pack(len(body)) + body


class Splitter:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete. Raises ValueError if this is no stream of ours."""
        buffer = self._buffer
        buffer += data
        found: list[Message] = []
        start = 0
        while len(buffer) - start >= LENGTH.size:
            (size,) = LENGTH.unpack_from(buffer, start)
            if size > LIMIT:
                raise ValueError(f"a message of {size} bytes is too long")
            end = start + LENGTH.size + size
            if len(buffer) < end:
                break
            # A copy: what is decoded lazily (Raw) must not hold on to a buffer that changes.
            found.append(_decoder.decode(bytes(buffer[start + LENGTH.size : end])))
            start = end
        del buffer[:start]
        return found


class Signature:
    """How the arguments and the result of one method of a driver interface cross the socket."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._signature = inspect.signature(method)
        self._count = len(self._signature.parameters) - 1
        hints = get_type_hints(method)
        result = hints.pop("return", None)
        kinds = tuple(hints[name] for name in list(self._signature.parameters)[1:])
        self._arguments = msgspec.msgpack.Decoder(types.GenericAlias(tuple, kinds))
        self._result = msgspec.msgpack.Decoder(type(None) if result is None else result)

    def pack(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> msgspec.Raw:
        """The arguments of a call, all by position."""
        if kwargs or len(args) != self._count:
            bound = self._signature.bind(None, *args, **kwargs)
            bound.apply_defaults()
            args = bound.args[1:]
        return pack(args)

    def arguments(self, raw: msgspec.Raw) -> tuple[Any, ...]:
        decoded: tuple[Any, ...] = self._arguments.decode(raw)
        return decoded

    def result(self, raw: msgspec.Raw) -> Any:
        return self._result.decode(raw)


@functools.cache
def signature(interface: type, name: str) -> Signature:
    """The signature of a method that an interface declares. Raises LookupError if it declares none such."""
    method = vars(interface).get(name)
    if not isinstance(method, types.FunctionType) or name.startswith("_"):
        raise LookupError(f"{interface.__name__} has no method {name}")
    return Signature(method)


@functools.cache
def event_decoder(interface: type) -> msgspec.msgpack.Decoder[Any]:
    """Reads the events of a driver, whose type is that of the callback which ``watch`` takes."""
    callback = get_type_hints(vars(interface)["watch"])["tell"]
    return msgspec.msgpack.Decoder(callback.__args__[0])
