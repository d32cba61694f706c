"""Logins that were refused since the administrator was last told, by client: he is told of those who tried most."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple
from xml.sax.saxutils import escape

from xapid.datamodel.types import DateTime

CLIENTS = 1000
"""Clients that are remembered; of more, the one that failed longest ago counts as unknown."""
LONGEST = 100
"""Characters of a name that are remembered: each is the client's own choice."""
WORST = 3
"""Clients that are named."""


class Client(NamedTuple):
    """As whom somebody tried, with what, and from where."""

    username: str
    originator: str
    useragent: str
    ip: str


@dataclass
class _Attempts:
    number: int = 0
    last: float = 0.0
    """Seconds since 1970."""


class FailedLogins:
    """One in a daemon."""

    def __init__(self) -> None:
        self._known: OrderedDict[Client, _Attempts] = OrderedDict()
        self._unknown = 0

    def note(self, client: Client, now: float) -> None:
        if not any(client):
            self._unknown += 1
            return
        client = Client(*(each[:LONGEST] for each in client))
        attempts = self._known.setdefault(client, _Attempts())
        attempts.number += 1
        attempts.last = now
        self._known.move_to_end(client)
        if len(self._known) > CLIENTS:
            _, forgotten = self._known.popitem(last=False)
            self._unknown += forgotten.number

    def report(self) -> str:
        """The body of a message about them, after which counting begins anew; empty if there were none."""
        if not self._known and not self._unknown:
            return ""
        lines = ["<body>"]
        if self._known:
            lines.append(f"<total>{sum(each.number for each in self._known.values()) + self._unknown}</total>")
            worst = sorted(self._known.items(), key=lambda item: -item[1].number)[:WORST]
            lines += [line for client, attempts in worst for line in _known(client, attempts)]
        if self._unknown:
            lines.append(f"<unknown>{self._unknown}</unknown>")
        self._known.clear()
        self._unknown = 0
        return "\n".join([*lines, "</body>"])


def _known(client: Client, attempts: _Attempts) -> list[str]:
    facts = [f"<{name}>{escape(value)}</{name}>" for name, value in client._asdict().items() if value]
    return [
        "<known>",
        *facts,
        f"<number>{attempts.number}</number>",
        f"<date>{DateTime.of(attempts.last)}</date>",
        "</known>",
    ]
