"""What configurations say of servers that repositories lie on: names, folders, options of mounts."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import PurePosixPath

from xapid.backends.interface import BadConfig, Unavailable

ANSWERING = 5.0
"""Seconds in which a server has to take a connection."""
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
OPTION = re.compile(r"[a-z][a-z0-9_]*(=[A-Za-z0-9_.:/@%+-]{1,255})?")
REFUSED = frozenset(
    {"suid", "dev", "bind", "rbind", "move", "remount", "loop", "user", "users", "owner", "group"}
    | {"username", "password", "pass", "credentials", "cred", "uid", "gid", "prefixpath", "ip", "addr", "unc"}
    | {"multiuser"}
)
"""Options that would change what is mounted, where, or for whom, or that hold secrets which all may read."""
LONGEST = 1024
"""Bytes of a folder on a server."""


def host(name: str, key: str = "server") -> str:
    """A name or address. Raises BadConfig (``key``) for what is neither, an address with a zone among it."""
    if NAME.fullmatch(name):
        return name
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        address = ipaddress.IPv6Address(bare)
    except ValueError:
        address = None
    if address is None or address.scope_id is not None:
        raise BadConfig(f"{key} must be the name or address of a host, not {name[:255]!r}", key=key)
    return str(address)


def in_brackets(name: str) -> str:
    """A host as it stands before a colon."""
    return f"[{name}]" if ":" in name else name


def folder(name: str, key: str) -> str:
    """A folder that a server exports, from its root. Raises BadConfig (``key``)."""
    path = PurePosixPath(name)
    if not path.is_absolute() or ".." in path.parts or not name.isprintable() or len(name.encode()) > LONGEST:
        raise BadConfig(f"{key} must be the full path of a folder on the server, not {name[:255]!r}", key=key)
    return f"/{'/'.join(path.parts[1:])}"


def options(text: str, key: str = "options") -> tuple[str, ...]:
    """Options of a mount, with commas between them. Raises BadConfig (``key``)."""
    found = tuple(each for each in text.split(",") if each)
    for each in found:
        if not OPTION.fullmatch(each) or each.partition("=")[0] in REFUSED:
            raise BadConfig(f"{each[:255]!r} is no option that can be given for a mount", key=key)
    return found


def assert_answers(name: str, port: int, code: str) -> None:
    """Raises Unavailable (``code``) if nobody takes a connection there, with 140 if there is no such host.

    A mount would wait for minutes.
    """
    try:
        socket.create_connection((name, port), ANSWERING).close()
    except socket.gaierror as error:
        raise Unavailable(f"the name {name} is not known: {error.strerror}", code="140") from error
    except OSError as error:
        raise Unavailable(f"{name} takes no connection at port {port}: {error.strerror or error}", code=code) from error
