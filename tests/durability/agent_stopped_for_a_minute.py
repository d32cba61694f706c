"""What clients of a daemon on QEMU notice of an agent that hangs: python -m tests.durability.agent_stopped_for_a_minute

The agent is stopped for 60 s while a guest runs and another is to start. Prints how long reads took, and fails if one
in a hundred took 20 ms or more, or if not all is as before once the agent goes on. Needs root.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import time
from contextlib import closing

from tests.daemon import Client
from tests.qemu_daemon import agent_of, new_guest, qemu_daemon

STOPPED = 60.0
PAUSE = 0.01
"""Seconds between two reads."""
GOAL = 0.020
"""Seconds in which 99 of 100 reads are answered."""


def reads(client: Client, vm: str, seconds: float) -> list[float]:
    """How long each of the reads took that one client asked for, one after the other."""
    took = []
    end = time.monotonic() + seconds
    while (begun := time.monotonic()) < end:
        client.call("VM.get_record", vm)
        took.append(time.monotonic() - begun)
        time.sleep(PAUSE)
    return took


def main() -> int:
    with qemu_daemon() as daemon, closing(daemon.client()) as client:
        running, vm = daemon.booted("bystander"), new_guest(client, "patient")
        agent = agent_of(daemon)
        os.kill(agent, signal.SIGSTOP)
        try:
            task = client.call("Async.VM.start", vm, False, False)
            took = reads(client, running, STOPPED)
            waited = client.call("task.get_status", task) == "pending"
        finally:
            os.kill(agent, signal.SIGCONT)
        begun = time.monotonic()
        while (status := client.call("task.get_status", task)) == "pending":
            time.sleep(PAUSE)
        print(f"VM.get_record while the agent was stopped: {len(took)} calls in {STOPPED:.0f} s,", end=" ")
        slow = statistics.quantiles(took, n=100)[98]
        print(
            f"median {statistics.median(took) * 1e3:.1f} ms, p99 {slow * 1e3:.1f} ms, longest {max(took) * 1e3:.1f} ms"
        )
        print(f"VM.start: {'waited' if waited else 'ended meanwhile'},", end=" ")
        print(f"{status} {time.monotonic() - begun:.1f} s after the agent went on")

        if client.call("VM.get_power_state", vm) != "Running":
            client.call("VM.start", vm, False, False)
        for guest in running, vm:
            for method in "VM.pause", "VM.unpause", "VM.hard_shutdown":
                client.call(method, guest)
        print(f"afterwards both guests pause, go on and end; goal p99 < {GOAL * 1e3:.0f} ms")
        return 0 if slow < GOAL and not daemon.guests else 1


if __name__ == "__main__":
    sys.exit(main())
