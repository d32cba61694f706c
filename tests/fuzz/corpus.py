"""The inputs that are kept in the repository: one file a target, a list of texts whose characters are bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
MOST = 100_000
"""Bytes of the inputs of a target."""


def read(target: str) -> list[bytes]:
    path = FOLDER / f"{target}.json"
    return [text.encode("latin-1") for text in json.loads(path.read_text())] if path.exists() else []


def write(target: str, inputs: Iterable[bytes]) -> None:
    """Keep these instead of those that were kept, the short ones first."""
    kept, size = [], 0
    for data in sorted(set(inputs), key=len):
        size += len(data)
        if size > MOST:
            break
        kept.append(data)
    texts = sorted(data.decode("latin-1") for data in kept)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{target}.json").write_text(json.dumps(texts, indent=0, ensure_ascii=True) + "\n")
