"""What Xen's guests are asked to do, in xenstore: to run scripts, to let users in from afar, to sleep."""

from __future__ import annotations

from xapid.backends.domain.guest_script import ScriptResult, Waiting
from xapid.backends.domain.vm_data import home
from xapid.backends.domain.xenstore import Xenstore
from xapid.backends.interface import Failed, NotFound, NotSupported

OFFERED = "control/feature-xs-batcmd"
"""The guest says that it runs scripts."""
COMMAND = "control/batcmd"
DESKTOP = "control/ts"
READY, RUNNING = "READY", "IN PROGRESS"
"""States: the script lies ready; the guest has begun."""
ENDED = ("SUCCESS", "TRUNCATED")
FAILED = "FAILURE"


def run(store: Xenstore, domain: int, script: str) -> ScriptResult:
    """Run a script in a guest, and wait until it ends. Raises NotSupported, Failed."""
    guest = home(domain)
    if _value(store, f"{guest}/{OFFERED}") is None:
        raise NotSupported("the guest does not offer to run scripts, or is still booting")
    state = _value(store, f"{guest}/{COMMAND}/state")
    if state == RUNNING:
        raise Failed("an earlier script still runs in the guest")
    if state:
        store.remove(f"{guest}/{COMMAND}")
    # The keys below have the owner of the folder, by xenstore's own rule.
    store.write(f"{guest}/{COMMAND}", "")
    store.give(f"{guest}/{COMMAND}", domain)
    store.write(f"{guest}/{COMMAND}/script", script)
    store.write(f"{guest}/{COMMAND}/state", READY)
    waiting = Waiting()
    while (state := _value(store, f"{guest}/{COMMAND}/state")) not in (*ENDED, FAILED):
        if state is None:
            raise Failed("the guest ended, or forgot the script")
        waiting.once_more()
    said = {name: _value(store, f"{guest}/{COMMAND}/{name}") or "" for name in ("return", "stdout", "stderr")}
    store.remove(f"{guest}/{COMMAND}")
    if state == FAILED or not said["return"].lstrip("-").isdecimal():
        raise Failed(f"the guest could not run the script: {state}, {said}")
    return ScriptResult(int(said["return"]), said["stdout"], said["stderr"])


def let_in(store: Xenstore, domain: int, allowed: bool) -> None:
    """Have the guest let users in by its remote desktop, or keep them out."""
    store.write(f"{home(domain)}/{DESKTOP}", "1" if allowed else "0")


def ask_to_sleep(store: Xenstore, domain: int) -> None:
    """Have the guest sleep as a computer does."""
    store.write(f"{home(domain)}/control/shutdown", "s3")


def _value(store: Xenstore, path: str) -> str | None:
    try:
        return store.read(path)
    except NotFound:
        return None
