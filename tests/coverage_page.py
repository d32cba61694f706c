"""Writes docs/coverage.md: every message, and whether it works, never did, or is not there yet.

A message counts as working only where a named test reaches its success: a step of a recorded conversation that
`tests/replay` replays and that ends well, or a call of it in a test that is not about an error.
"""

from __future__ import annotations

import argparse
import ast
import functools
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.api.implicit_messages import implicit_methods
from tests.replay.selection import SELECTED, VECTORS
from xapid.api.implicit import implicit_run
from xapid.api.methods import Method, find_operations, method_table
from xapid.datamodel.types import State
from xapid.ops import MODULES

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "coverage.md"
WORKS, AS_ORIGINAL, NOT_TESTED, NOT_YET = "works", "as the original", "no test of its success", "not yet"


def from_recordings() -> dict[str, str]:
    """Method -> the first replayed scenario in which it succeeds."""
    found: dict[str, str] = {}
    for selection in SELECTED:
        only = _only_classes(selection.options)
        for name in selection.files:
            content = json.loads(gzip.decompress((VECTORS / f"{name}.json.gz").read_bytes()))
            for scenario in content["scenarios"]:
                if only is not None and not _classes(scenario) <= only:
                    continue
                for number, step in enumerate(scenario["steps"], 1):
                    if "ok" in step and "call" in step and selection.looks_at(scenario["name"], number):
                        method = step["call"].removeprefix("Internal").removeprefix("Async.")
                        found.setdefault(method, f"tests/replay: {name}/{scenario['name']}")
    return found


def _only_classes(options: tuple[str, ...]) -> frozenset[str] | None:
    if "--only-classes" not in options:
        return None
    return frozenset(options[options.index("--only-classes") + 1].split(",")) | {"session", "task"}


def _classes(scenario: dict[str, list[dict[str, str]]]) -> frozenset[str]:
    calls = (
        step["call"].removeprefix("Internal").removeprefix("Async.") for step in scenario["steps"] if "call" in step
    )
    return frozenset(call.partition(".")[0] for call in calls if "." in call)


def from_tests() -> dict[str, str]:
    """Method -> the first test that calls it, outside a block that expects an error."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name.startswith("test_"):
                for method in _called(function):
                    found.setdefault(method, f"{path.relative_to(ROOT)}::{function.name}")
    return found


def _called(node: ast.AST) -> Iterator[str]:
    """Methods called as ``xapi.VM.start(...)`` or ``client.call("VM.start", ...)``."""
    if isinstance(node, ast.With | ast.AsyncWith) and any("raises" in ast.dump(item) for item in node.items):
        return
    if isinstance(node, ast.Call):
        name = node.func
        if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Attribute):
            yield f"{name.value.attr}.{name.attr.rstrip('_')}"
        if isinstance(name, ast.Attribute) and name.attr in ("call", "raw", "send") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value.removeprefix("Async.")
    for child in ast.iter_child_nodes(node):
        yield from _called(child)


def from_declarations() -> dict[str, str]:
    """Method -> the test that calls every message made from a declaration."""
    name = "tests/api/test_implicit.py::test_messages_made_from_fields_do_what_their_names_say"
    return {method.name: f"{name}[{cls}]" for cls, methods in implicit_methods().items() for method in methods}


REFUSALS = ("NOT_IMPLEMENTED", "MESSAGE_DEPRECATED", "PERMISSION_DENIED", "SR_OPERATION_NOT_SUPPORTED")
"""What the original answers to messages that it offers to nobody, or to its storage plug-ins alone."""


BEYOND_THE_RECORDINGS = {
    "host.dmesg_clear": "NOT_IMPLEMENTED",
    "VM.query_services": "NOT_IMPLEMENTED",
    "VM.add_to_VCPUs_params_live": "NOT_IMPLEMENTED",
    "VM.update_secureboot_certificates_on_boot": "OPERATION_NOT_ALLOWED",
    "VBD.pause": "SR_OPERATION_NOT_SUPPORTED",
    "VBD.unpause": "SR_OPERATION_NOT_SUPPORTED",
    "host.set_uefi_certificates": "OPERATION_NOT_ALLOWED",
    "pool.set_uefi_certificates": "OPERATION_NOT_ALLOWED",
    "pool.set_custom_uefi_certificates": "OPERATION_NOT_ALLOWED",
    "pool.set_igmp_snooping_enabled": "OPENVSWITCH_NOT_ACTIVE",
    "pool.set_vswitch_controller": "OPERATION_NOT_ALLOWED",
    "pool.test_archive_target": "MESSAGE_REMOVED",
    "PVS_proxy.create": "OPENVSWITCH_NOT_ACTIVE",
    "PVS_server.introduce": "OPENVSWITCH_NOT_ACTIVE",
    "PVS_site.introduce": "OPENVSWITCH_NOT_ACTIVE",
    "SDN_controller.introduce": "OPERATION_NOT_ALLOWED",
}
"""More of these: with its own settings, on hosts with plain bridges, and for who is no storage plug-in. The tests of
their class show them."""


def refused_always() -> dict[str, frozenset[str]]:
    """Messages that never succeed in the recordings, each with the refusals that they got."""
    refused: dict[str, set[str]] = {}
    succeeded: set[str] = set()
    for path in VECTORS.glob("*.json.gz"):
        for scenario in json.loads(gzip.decompress(path.read_bytes())).get("scenarios", []):
            for step in scenario["steps"]:
                name = step.get("call", "").removeprefix("Async.")
                if "ok" in step:
                    succeeded.add(name)
                elif (code := step.get("err", [""])[0]) in REFUSALS:
                    refused.setdefault(name, set()).add(code)
    found = {name: frozenset(codes) for name, codes in refused.items() if name not in succeeded}
    return found | {name: frozenset({code}) for name, code in BEYOND_THE_RECORDINGS.items()}


def never_returns(method: Method) -> bool:
    """Whether its function does nothing but say no."""
    return method.run is not None and method.run.__annotations__.get("return") == "NoReturn"


def state_of(method: Method, tested: dict[str, str], never: dict[str, frozenset[str]]) -> tuple[str, str]:
    if method.spec.life.state is State.removed:
        return AS_ORIGINAL, "answers MESSAGE_REMOVED"
    refusals = never.get(method.name, frozenset())
    if "NOT_IMPLEMENTED" in refusals:
        return AS_ORIGINAL, "answers NOT_IMPLEMENTED"
    if never_returns(method) and refusals:
        return AS_ORIGINAL, f"answers {min(refusals)}"
    if method.run is None or never_returns(method):
        return NOT_YET, ""
    evidence = tested.get(method.name)
    return (WORKS, evidence) if evidence else (NOT_TESTED, "")


@functools.cache
def states() -> dict[str, tuple[str, str]]:
    """Method -> its state and what shows it, in the order of the alphabet."""
    table = method_table(find_operations(MODULES), implicit_run)
    tested = {**from_declarations(), **from_tests(), **from_recordings()}
    never = refused_always()
    methods = sorted((method for name, method in table.items() if name == method.name), key=_alphabetical)
    return {method.name: state_of(method, tested, never) for method in methods}


def _alphabetical(method: Method) -> str:
    return method.name.lower()


def page() -> str:
    """The text of docs/coverage.md."""
    found = states()
    counts = Counter(state for state, _ in found.values())
    summary = ", ".join(f"{counts[state]} {state}" for state in (WORKS, AS_ORIGINAL, NOT_TESTED, NOT_YET))
    head = [
        "# Coverage of the API", "", "Generated by `make docs`; do not edit.", "",
        f"{len(found)} messages: {summary}.", "",
        "*works*: a named test reaches its success. *as the original*: which refuses it too. *no test of its",
        "success*: it is written, and no test shows it succeed yet. *not yet*: it answers `NOT_IMPLEMENTED`, or,",
        "before that, why there is nothing it could be done to.", "",
        "| Class | Message | State | Shown by |", "|---|---|---|---|",
    ]  # fmt: skip
    lines = [f"| {name.replace('.', ' | ', 1)} | {state} | {shown} |" for name, (state, shown) in found.items()]
    return "\n".join(head + lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the page on disk is not what would be written")
    options = parser.parse_args()
    text = page()
    if options.check:
        if PAGE.exists() and PAGE.read_text() == text:
            return 0
        print("docs/coverage.md is out of date: run `make docs`", file=sys.stderr)
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
