"""`make proof`: runs what shows each point of the first issue, and prints ``point N: command: ok|FAIL``."""

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = ".venv/bin"


@dataclass(frozen=True)
class Proof:
    """One command whose success shows a point, or a part of one."""

    point: int
    command: str


HERE = "-m 'not lab and not xen and not spare'"
"""Tests of this machine, not of one of the lab."""


def _tests(point: int, what: str, environment: str = "") -> Proof:
    return Proof(point, f"{environment}{BIN}/pytest -q {HERE} {what}")


PROOFS = (
    _tests(1, "tests/datamodel tests/test_coverage.py tests/api/test_implicit.py"),
    Proof(1, f"{BIN}/python -m tests.coverage_page --check"),
    _tests(2, "tests/store"),
    _tests(2, "tests/durability tests/load", "env XAPID_ALL_KILL_POINTS=1 "),
    _tests(3, "tests/wire tests/http tests/formats"),
    _tests(3, "tests/replay"),
    _tests(3, "tests/clients tests/fuzz"),
    _tests(4, "tests/http/test_listeners.py tests/auth/test_certificate.py"),
    _tests(5, "tests/cli tests/runtime/test_config.py"),
    _tests(6, "tests/api tests/auth"),
    _tests(7, "tests/observe"),
    _tests(8, "tests/backends tests/runtime tests/test_hardware.py"),
    Proof(8, f"{BIN}/python -m tests.durability.agent_stopped_for_a_minute"),
    _tests(9, "tests/ops tests/rules"),
    _tests(10, "tests/demo"),
    _tests(11, "tests/make_d tests/test_layering.py"),
    Proof(11, "make check"),
    Proof(11, "make lab-test"),
)


def main() -> int:
    failed = 0
    for proof in PROOFS:
        done = subprocess.run(shlex.split(proof.command), cwd=ROOT, capture_output=True, text=True)  # noqa: S603 - the table above
        print(f"point {proof.point}: {proof.command}: {'FAIL' if done.returncode else 'ok'}", flush=True)
        if done.returncode:
            failed += 1
            print("\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-5:]), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
