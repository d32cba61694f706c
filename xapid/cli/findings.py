"""What ``xapid doctor`` asks the daemon of this host: where records and reality differ, and to repair it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import closing

from xapid.cli.local_client import LocalClient, NoDaemonError, RefusedError, first_that_answers
from xapid.runtime.config import Config

TROUBLE = "trouble"
SUBJECT = "guests, disks, bridges"
LONG = 600.0
"""Seconds within which repositories are looked through."""


def look(config: Config, repairs: Collection[str] | None, *, runs: bool, dry_run: bool) -> bool:
    """Print the findings, and do repairs: None, none; those named, else all that lose nothing. Whether all is well.

    ``runs``: a daemon is known to run, so that it is amiss if none answers. With ``dry_run`` nothing is done: it is
    said what would be.
    """
    try:
        with closing(first_that_answers(config.unix)) as client:
            found: list[dict[str, str]] = client.call("xapid.examine", seconds=LONG)
            for line in map(described, found):
                print(line)
            if not found:
                print(f"ok      {SUBJECT}: are as the records say")
            done = repairs is None or _repair(client, found, repairs, dry_run=dry_run)
    except NoDaemonError as error:
        grade = "warning" if runs else "ok"
        print(f"{grade:8}{SUBJECT}: are looked at while the daemon runs; {error}")
        return repairs is None
    except RefusedError as error:
        print(f"trouble {SUBJECT}: the daemon does not look at them: {error}")
        return False
    return done and not any(finding["grade"] == TROUBLE for finding in found)


def described(finding: dict[str, str]) -> str:
    """A finding as a line of the doctor's."""
    line = f"{finding['grade']:8}{finding['name']}: {finding['text']}"
    if not finding["repair"]:
        return line
    return f"{line}. Repair{', if named' if finding['loses'] == 'true' else ''}: {finding['repair']}"


def _repair(client: LocalClient, found: list[dict[str, str]], names: Collection[str], *, dry_run: bool) -> bool:
    known = {finding["name"]: finding for finding in found if finding["repair"]}
    unknown = [name for name in names if name not in known]
    for name in unknown:
        print(f"xapid: nothing to repair is called {name}", file=sys.stderr)
    for finding in [known[name] for name in names if name in known] or list(_harmless(known, names)):
        if dry_run:
            print(f"would   {finding['name']}: {finding['repair']}")
            continue
        client.call("xapid.repair", finding["name"], seconds=LONG)
        print(f"done    {finding['name']}: {finding['repair']}")
    return not unknown


def _harmless(known: dict[str, dict[str, str]], names: Collection[str]) -> Iterator[dict[str, str]]:
    """What is repaired where nothing is named."""
    if not names:
        yield from (finding for finding in known.values() if finding["loses"] == "false")
