"""Rules on what guests may send, kept by nftables in a table of ours: a chain for each port, found by the link's name.

A packet is looked at before the bridge learns from it. Rules go by names, so that they can be there before the link.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from xapid.backends import process
from xapid.backends.interface import Failed, NotSupported
from xapid.backends.network import guard_rules
from xapid.backends.network.guard_rules import chain_of, counter_of
from xapid.backends.network.interface import GuestPort, Locking, Reason

TABLE = "bridge xapid"
PORTS, CUT = "ports", "cut"
"""The map from names of links to their chains, and the set of those that hear nothing either."""
FRAME = f"""
add table {TABLE}
add map {TABLE} {PORTS} {{ type ifname : verdict; }}
add set {TABLE} {CUT} {{ type ifname; }}
add chain {TABLE} from-guests {{ type filter hook prerouting priority filter; }}
add chain {TABLE} to-guests {{ type filter hook postrouting priority filter; }}
add rule {TABLE} from-guests iifname vmap @{PORTS}
add rule {TABLE} to-guests oifname @{CUT} drop
"""
ABSENT = "No such file or directory"
TIMEOUT = 30.0
"""Seconds. The kernel takes some milliseconds for a thousand rules."""


def put(ports: Sequence[GuestPort]) -> None:
    """Let each port send what it may; one that may send all has no rules. In one step: all of it, or nothing.

    What is so already is not touched, and goes on counting. Raises Failed, and NotSupported without nftables.
    """
    for port in ports:
        guard_rules.check(port)
    kept = _kept()
    bound = {port.vif: port for port in ports if guard_rules.rules(port)}
    if kept is None and not bound:
        return
    script = [FRAME] if kept is None else []
    kept = kept or {}
    for port in ports:
        links = {link: mark for link, (vif, mark) in kept.items() if vif == port.vif}
        if port.vif not in bound:
            script += _without(port.vif, links) if links else []
        elif links != dict.fromkeys(port.links, _mark(port)):
            # The name may have been that of another port, whose chain stays.
            script += _with(port, {link for link in kept if link in links or link in port.links})
    _change(script)


def lift(vifs: Iterable[str]) -> None:
    """Forget the rules of these ports; those that have none are nothing to be done."""
    kept = _kept() or {}
    script: list[str] = []
    for vif in vifs:
        if links := {link: mark for link, (owner, mark) in kept.items() if owner == vif}:
            script += _without(vif, links)
    _change(script)


def dropped() -> dict[str, dict[Reason, int]]:
    """Packets that ports with rules were not let send, by uuid of the VIF and by reason."""
    found: dict[str, dict[Reason, int]] = {vif: {} for vif, _ in (_kept() or {}).values()}
    for counter in _listed("counters", "table", *TABLE.split(), kind="counter"):
        reason, _, vif = counter["name"].partition("-")
        if vif in found:
            found[vif][Reason(reason)] = counter["packets"]
    return found


# --- What is changed -----------------------------------------------------------------------------------


def _with(port: GuestPort, named: Iterable[str]) -> list[str]:
    chain = f"{TABLE} {chain_of(port.vif)}"
    lines = [f"add counter {TABLE} {counter_of(port.vif, reason)}" for reason in Reason]
    lines += [f"add chain {chain}", f"flush chain {chain}"]
    lines += [f"add rule {chain} {rule}" for rule in guard_rules.rules(port)]
    lines += _unnamed(named)
    for link in port.links:
        element = f'"{link}" comment "{_mark(port)}" : jump {chain_of(port.vif)}'
        lines.append(f"add element {TABLE} {PORTS} {{ {element} }}")
        if port.locking is Locking.disabled:
            lines.append(f'add element {TABLE} {CUT} {{ "{link}" }}')
    return lines


def _without(vif: str, links: Iterable[str]) -> list[str]:
    chain = f"{TABLE} {chain_of(vif)}"
    counters = [f"{TABLE} {counter_of(vif, reason)}" for reason in Reason]
    return [
        *_unnamed(links),
        f"flush chain {chain}",
        f"delete chain {chain}",
        # One that a daemon of another age did not make is made, to be gone.
        *(f"add counter {counter}" for counter in counters),
        *(f"delete counter {counter}" for counter in counters),
    ]


def _unnamed(links: Iterable[str]) -> list[str]:
    """Forget links, those among them that hear nothing too."""
    lines = []
    for link in sorted(links):
        lines.append(f'delete element {TABLE} {PORTS} {{ "{link}" }}')
        lines.append(f'add element {TABLE} {CUT} {{ "{link}" }}')
        lines.append(f'delete element {TABLE} {CUT} {{ "{link}" }}')
    return lines


def _mark(port: GuestPort) -> str:
    return guard_rules.digest(port)


def _change(script: Sequence[str]) -> None:
    """All of it in one transaction."""
    if not script:
        return
    done = _run(["nft", "-f", "-"], "\n".join([*script, ""]))
    if done.status:
        raise Failed(f"nft: {done.errors.decode(errors='replace').strip()[:500]}", command="nft")


# --- What is there -------------------------------------------------------------------------------------


def _kept() -> dict[str, tuple[str, str]] | None:
    """The links that have rules: the VIF and the mark of each. None: our table is not there."""
    found = _listed("map", *TABLE.split(), PORTS, kind="map")
    if not found:
        return None
    kept = {}
    for element, verdict in found[0].get("elem", ()):
        chain = verdict["jump"]["target"]
        kept[element["elem"]["val"]] = (chain.removeprefix("vif-"), element["elem"].get("comment", ""))
    return kept


def _listed(*what: str, kind: str) -> list[dict[str, Any]]:
    """Objects of a kind. Where nftables is not installed, or has no table of ours, there are none."""
    try:
        done = _run(["nft", "--json", "list", *what])
    except NotSupported:
        return []
    if done.status:
        errors = done.errors.decode(errors="replace")
        if ABSENT in errors:
            return []
        raise Failed(f"nft: {errors.strip()[:500]}", command="nft")
    return [each[kind] for each in json.loads(done.output)["nftables"] if kind in each]


def _run(argv: Sequence[str], script: str = "") -> process.Ended:
    try:
        return process.ended(argv, timeout=TIMEOUT, reads=script.encode())
    except FileNotFoundError as error:
        raise NotSupported("what guests send cannot be bounded: nft is not installed") from error
