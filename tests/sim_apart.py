"""A daemon whose simulator is in an agent process, where it can be stopped and killed as libvirt can."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import uvloop

from tests.daemon import Daemon
from xapid.backends.agent import AgentConfig, DriverSpec
from xapid.backends.storage import DRIVERS
from xapid.hardware import Hardware, simulated
from xapid.main import serve_with
from xapid.runtime.agents import LocalBackends
from xapid.runtime.config import Config
from xapid.runtime.logs import set_up_logging

TIMEOUT = "SIM_TIMEOUT"
REAL_FILES = "SIM_REAL_FILES"


class SimApart(Daemon):
    """``timeout``: seconds after which the daemon gives a call of the simulator up.

    ``real_files``: repositories of type file are directories, as on a real host.
    """

    module = "tests.sim_apart"

    def __init__(
        self,
        directory: Path,
        timeout: float = 300.0,
        *,
        real_files: bool = False,
        environment: dict[str, str] | None = None,
    ) -> None:
        words = {TIMEOUT: str(timeout), REAL_FILES: "yes" if real_files else ""}
        super().__init__(directory, environment={**words, **(environment or {})})


async def hardware(config: Config) -> Hardware:
    timeout = float(os.environ[TIMEOUT])
    drivers = tuple(replace(each, timeout=timeout) for each in simulated(config).drivers)
    if os.environ[REAL_FILES]:
        kind = "storage:file"
        drivers = (*(each for each in drivers if each.kind != kind), DriverSpec(kind, DRIVERS["file"]))
    backends = LocalBackends(AgentConfig(drivers), apart=True)
    return Hardware(backends, True, config.state_dir / "certificate.pem")


def serve(choose: Callable[[Config], Awaitable[Hardware]]) -> None:
    """As ``xapid serve``, on the hardware of a test."""
    words = sys.argv[2:]
    config = Config.load(dict(zip(words[::2], words[1::2], strict=True)), {})
    set_up_logging(config.log)
    uvloop.run(serve_with(config, choose))


if __name__ == "__main__":
    serve(hardware)
