"""Whether what a binding has read is of the type that its generated code casts it to."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

from tests.clients.bindings import Date

REFERENCE = Path(__file__).parent.parent / "reference" / "datamodel.json.gz"
CLASSES: dict[str, Any] = json.loads(gzip.decompress(REFERENCE.read_bytes()))["classes"]
"""The contract that the bindings are generated from."""
ENUMS: dict[str, list[str]] = {name: values for each in CLASSES.values() for name, values in each["enums"].items()}
_MAP = re.compile(r"\((.+?) -> (.+)\) map")
_INT = re.compile(r"-?[0-9]+")
_FLAT = {"bool": bool, "float": float, "datetime": Date, "string": str}


def mistakes(kind: str, value: Any, where: str = "") -> list[str]:
    """What is not as declared, each with its place; nothing, if all is."""
    if kind.endswith(" option"):
        return mistakes(kind.removesuffix(" option"), value, where)
    if kind.endswith(" set"):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no set"]
        inner = kind.removesuffix(" set")
        return [found for number, each in enumerate(value) for found in mistakes(inner, each, f"{where}[{number}]")]
    if (pair := _MAP.fullmatch(kind)) is not None:
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no map"]
        keys = [found for key in value for found in mistakes(pair[1], key, f"{where} key")]
        return keys + [found for key, each in value.items() for found in mistakes(pair[2], each, f"{where}[{key}]")]
    if kind.endswith(" record"):
        return record_mistakes(kind.removesuffix(" record"), value, where)
    return [] if _is(kind, value) else [f"{where}: {value!r} is no {kind}"]


def _is(kind: str, value: Any) -> bool:
    if kind == "int":
        return type(value) is str and _INT.fullmatch(value) is not None and -(2**63) <= int(value) < 2**63
    if kind.startswith("enum "):
        return value in ENUMS[kind.removeprefix("enum ")]
    if kind.endswith(" ref"):
        return type(value) is str and (value == "" or value.startswith("OpaqueRef:"))
    return type(value) is _FLAT[kind]


def record_mistakes(cls: str, record: Any, where: str = "") -> list[str]:
    """Of a record: each field that is published or deprecated is there, and of its type."""
    if not isinstance(record, dict):
        return [f"{where}: {record!r} is no record"]
    found = []
    for name, field in CLASSES[cls]["fields"].items():
        place = f"{where} {cls}.{name}"
        if name in record:
            found += mistakes(field["type"], record[name], place)
        elif not field["type"].endswith(" option"):
            found.append(f"{place} is missing")
    return found + [f"{where} {cls}.{name} is not declared" for name in record if name not in CLASSES[cls]["fields"]]
