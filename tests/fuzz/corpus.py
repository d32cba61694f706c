"""The inputs that are kept in the repository: one file a target, a list of texts whose characters are bytes.

Those that are mostly nothing, as files of disks are, are packed: ``{"zlib": BASE64}``.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
MOST = 100_000
"""Bytes of the inputs of a target."""


def read(target: str) -> list[bytes]:
    path = FOLDER / f"{target}.json"
    return [_bytes(kept) for kept in json.loads(path.read_text())] if path.exists() else []


def write(target: str, inputs: Iterable[bytes]) -> None:
    """Keep these instead of those that were kept, the short ones first."""
    kept, size = [], 0
    for data in sorted(set(inputs), key=len):
        size += len(data)
        if size > MOST:
            break
        kept.append(data)
    texts = [_written(data) for data in sorted(kept)]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{target}.json").write_text(json.dumps(texts, indent=0, ensure_ascii=True) + "\n")


def _written(data: bytes) -> str | dict[str, str]:
    text = data.decode("latin-1")
    packed = {"zlib": base64.b64encode(zlib.compress(data, 9)).decode()}
    return packed if len(json.dumps(packed)) * 4 < len(json.dumps(text)) else text


def _bytes(kept: str | dict[str, str]) -> bytes:
    return kept.encode("latin-1") if isinstance(kept, str) else zlib.decompress(base64.b64decode(kept["zlib"]))
