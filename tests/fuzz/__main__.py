"""``make fuzz``: attacks every target for its share of the time; says what broke, and keeps what reached new code."""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import time
from multiprocessing import Pool
from pathlib import Path

from tests.fuzz import corpus
from tests.fuzz.engine import Finding, Search
from tests.fuzz.targets import TARGETS

FOUND = Path(__file__).parent / "found"
"""Inputs that broke something. Not kept in the repository: a mended one goes into the corpus."""


def attack(name: str, seconds: float, seed: int) -> tuple[str, list[Finding], list[bytes], str]:
    """One target, in a process of its own."""
    logging.disable(logging.NOTSET)
    search = Search(TARGETS[name](), corpus.read(name), seed)
    known = len(search.inputs)
    search.run_for(seconds)
    for what in search.findings:
        print(f"{name}: {what}", file=sys.stderr, flush=True)
    said = f"{search.tried:,} inputs, {search.edges:,} steps reached, {len(search.inputs) - known} new"
    smallest = search.smallest()
    search.target.close()
    return name, list(search.findings.values()), smallest, said


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="for all targets together, on each processor")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the same seed tries the same inputs")
    parser.add_argument("--jobs", type=int, default=2, help="targets attacked at the same time")
    parser.add_argument("--keep", action="store_true", help="write the corpus anew, with what reached new code")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="default: all")
    given = parser.parse_args()
    names = given.targets or list(TARGETS)
    each = given.seconds * min(given.jobs, len(names)) / len(names)
    print(f"seed {given.seed}, {each:.0f} s for each of {len(names)} targets", flush=True)
    broken = 0
    with Pool(min(given.jobs, len(names)), maxtasksperchild=1) as pool:
        runs = [pool.apply_async(attack, (name, each, given.seed)) for name in names]
        for run in runs:
            name, findings, inputs, said = run.get()
            print(f"{name:10} {said}, {len(findings)} broke something", flush=True)
            for finding in findings:
                broken += 1
                path = FOUND / f"{name}-{hashlib.sha256(finding.data).hexdigest()[:12]}"
                FOUND.mkdir(exist_ok=True)
                path.write_bytes(finding.data)
                print(f"  {path.relative_to(Path.cwd())}: {finding.what}\n{finding.trace}", file=sys.stderr, flush=True)
            if given.keep:
                corpus.write(name, inputs)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
