"""A daemon whose simulator is in an agent process, where it can be stopped and killed as libvirt can."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import uvloop

from tests.daemon import Daemon
from xapid.backends.agent import AgentConfig
from xapid.hardware import Hardware, simulated
from xapid.main import serve_with
from xapid.runtime.agents import LocalBackends
from xapid.runtime.config import Config
from xapid.runtime.logs import set_up_logging

TIMEOUT = "SIM_TIMEOUT"


class SimApart(Daemon):
    """``timeout``: seconds after which the daemon gives a call of the simulator up."""

    module = "tests.sim_apart"

    def __init__(self, directory: Path, timeout: float = 300.0) -> None:
        super().__init__(directory, environment={TIMEOUT: str(timeout)})


async def hardware(config: Config) -> Hardware:
    timeout = float(os.environ[TIMEOUT])
    drivers = tuple(replace(each, timeout=timeout) for each in simulated(config).drivers)
    backends = LocalBackends(AgentConfig(drivers), apart=True)
    return Hardware(backends, True, config.state_dir / "certificate.pem")


def main() -> None:
    """As ``xapid serve``."""
    words = sys.argv[2:]
    config = Config.load(dict(zip(words[::2], words[1::2], strict=True)), {})
    set_up_logging(config.log)
    uvloop.run(serve_with(config, hardware))


if __name__ == "__main__":
    main()
