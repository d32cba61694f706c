"""Callers: programs that are told apart by user agent and address, counted, and held to their rates."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from xapid.datamodel import Caller, Rate_limit
from xapid.datamodel.types import DateTime
from xapid.runtime.clock import Clock
from xapid.store.store import Store

MOST_BY_THEMSELVES = 100
"""Callers that are registered because they called; for one more, the one that called longest ago goes."""
COST = 1.0
"""Tokens that a call takes."""


@dataclass
class Usage:
    """What a caller did since the daemon started."""

    calls: int = 0
    tokens: float = 0.0
    heard: float = 0.0
    """By the clock that never jumps."""


@dataclass
class Bucket:
    """The tokens of one limit. It may owe some: to calls that wait."""

    tokens: float
    filled: float = 0.0


@dataclass
class Callers:
    """Who calls how much. Off, nobody is registered and nobody waits."""

    store: Store
    clock: Clock
    enabled: bool = False
    _usage: dict[str, Usage] = field(default_factory=dict)
    _buckets: dict[str, Bucket] = field(default_factory=dict)
    _found: OrderedDict[tuple[str, str], str] = field(default_factory=OrderedDict)
    _found_at: int = -1

    def account(self, user_agent: str, address: str) -> float:
        """Count a call. Returns the seconds that it has to wait for its tokens: it is delayed, never refused."""
        if not user_agent and not address:
            return 0.0  # Over the Unix socket, and nobody says who.
        caller = self._caller(user_agent, address)
        usage = self._usage.setdefault(caller.ref, Usage())
        usage.calls += 1
        usage.tokens += COST
        usage.heard = self.clock.monotonic()
        limit = self.store.find(Rate_limit, caller.rate_limit)
        return 0.0 if limit is None else self._wait(limit, usage.heard)

    def usage(self, caller: str) -> Usage:
        return self._usage.get(caller, Usage())

    def _wait(self, limit: Rate_limit, now: float) -> float:
        bucket = self._buckets.setdefault(limit.ref, Bucket(limit.burst_size, now))
        bucket.tokens = min(limit.burst_size, bucket.tokens + (now - bucket.filled) * limit.fill_rate) - COST
        bucket.filled = now
        return max(0.0, -bucket.tokens / limit.fill_rate)

    # Who it is

    def _caller(self, user_agent: str, address: str) -> Caller:
        newest = self.store.tables[Caller.spec.name].newest
        if newest != self._found_at:
            self._found.clear()
            self._found_at = newest
        ref = self._found.get((user_agent, address))
        known = self.store.find(Caller, ref) if ref is not None else None
        if known is None:
            known = self._matching(user_agent, address) or self._register(user_agent, address)
            self._found[user_agent, address] = known.ref
            if len(self._found) > 10 * MOST_BY_THEMSELVES:
                self._found.popitem(last=False)
        return known

    def _matching(self, user_agent: str, address: str) -> Caller | None:
        """The caller whose patterns say most about it: exact ones before prefixes, long prefixes before short ones."""
        found = [
            each
            for each in self.store.all(Caller)
            if _matches(each.user_agent, user_agent) and _matches(each.client_ip, address)
        ]
        return max(found, key=lambda each: (_weight(each.user_agent), _weight(each.client_ip)), default=None)

    def _register(self, user_agent: str, address: str) -> Caller:
        own = [each for each in self.store.all(Caller) if each.auto_registered]
        with self.store.write() as tx:
            if len(own) >= MOST_BY_THEMSELVES:
                oldest = min(own, key=lambda each: self.usage(each.ref).heard)
                self._usage.pop(oldest.ref, None)
                tx.delete(oldest)
            made = tx.create(
                Caller,
                name_label=user_agent or address,
                user_agent=user_agent,
                client_ip=address,
                last_access=DateTime.of(self.clock.now()),
                auto_registered=True,
            )
        self._found_at = self.store.tables[Caller.spec.name].newest
        return made


def _matches(pattern: str, text: str) -> bool:
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return pattern in ("", text)


def _weight(pattern: str) -> tuple[bool, int]:
    return bool(pattern) and not pattern.endswith("*"), len(pattern)
