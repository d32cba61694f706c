"""Files of disks under attack: whatever they tell, they are read whole or refused, and always in the same way."""

from __future__ import annotations

import itertools
import os
import random
import struct
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.fuzz.engine import Target, Wrong, mutated
from xapid.backends.interface import Failed
from xapid.backends.storage import qcow2 as headers
from xapid.backends.storage import sizes
from xapid.formats.vhd.reading import Data, Facts, Stream, read_file
from xapid.formats.vhd.structures import (
    CHECKSUM_OF_FOOTER,
    CHECKSUM_OF_HEADER,
    HEADER,
    SECTOR,
    BadVhd,
    Footer,
    Header,
    Kind,
    Parent,
    Place,
    checksum,
)
from xapid.formats.vhd.writing import SparsePlan, stream

UUID = "00112233-4455-6677-8899-aabbccddeeff"
HEAD = SECTOR + HEADER.size
REWRITTEN = 8 * 1024 * 1024
"""Bytes of disks that are written again: larger ones take too long."""
Outcome = tuple[Facts | None, list[Data], str]
"""Facts, data, and the field that is wrong."""


def vhd() -> Target:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the target closes it

    def run(data: bytes) -> None:
        at_once = of_stream(data, [data])
        if at_once != of_stream(data, parts(data)):
            raise Wrong("in parts it is another file")
        facts, found, field = at_once
        in_bounds(data, found, facts.size if facts else len(data))
        os.ftruncate(file.fileno(), 0)
        os.pwrite(file.fileno(), data, 0)
        lying = of_file(file.fileno(), len(data))
        in_bounds(data, lying[1], lying[0].size if lying[0] else 0)
        if facts and not field and facts.kind is not Kind.fixed:
            same_as_a_file(at_once, lying)
            if facts.size <= REWRITTEN:
                written_again(facts, found)

    return Target("vhd", run, WORDS, seeds(), mutate, longest=8192, close=file.close)


WORDS = (
    *(struct.pack(">I", value) for value in (0, 1, 2, 3, 4, 5, 512, 1024, 2097152, 0xFFFFFFFF)),
    *(struct.pack(">Q", value) for value in (0, 512, 1024, 1536, 2048, 4096, 2190433320960, 0xFFFFFFFFFFFFFFFF)),
    *(b"conectix", b"cxsparse", b"tap\0\0\0\0\1", b"W2ru", b"W2ku", b"MacX", bytes(512), b"\xff" * 512),
)


def seeds() -> tuple[bytes, ...]:
    """Disks of a few sectors, in blocks of one: so a whole file is short."""
    block = b"\xff" + bytes(SECTOR - 1) + b"d" * SECTOR
    footer = Footer(Kind.dynamic, 3 * SECTOR, UUID, 1_700_000_000)
    table = struct.pack(">3I", 4, 0xFFFFFFFF, 6).ljust(SECTOR, b"\xff")
    dynamic = footer.pack() + Header(HEAD, 3, SECTOR).pack() + table + block * 2 + footer.pack()
    turned = footer.pack() + Header(HEAD, 3, SECTOR).pack()
    turned += struct.pack(">3I", 6, 4, 0xFFFFFFFF).ljust(SECTOR, b"\xff") + block * 2 + footer.pack()
    child = replace(footer, kind=Kind.differencing)
    places = (Place(0, b"W2ru", HEAD + SECTOR, 8), Place(1, b"MacX", HEAD + SECTOR + 8, 8))
    header = Header(HEAD, 3, SECTOR, Parent(UUID, "a.vhd"), places)
    paths = (b".\0\\\0a\0b\0" + b"file://a").ljust(SECTOR, b"\0")
    sectors = struct.pack(">3I", 5, 0xFFFFFFFF, 7).ljust(SECTOR, b"\xff")
    differencing = child.pack() + header.pack() + sectors + paths + block * 2 + child.pack()
    whole = Footer(Kind.fixed, SECTOR, UUID, 0)
    return dynamic, turned, differencing, b"x" * SECTOR + whole.pack()


def mutate(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Mostly with right checksums and equal footers, else nothing behind them would be reached."""
    new = bytearray(fields_changed(chance, data) if chance.random() < 0.5 else mutated(chance, data, others, WORDS))
    if chance.random() < 0.9:
        summed(new, 0, SECTOR, CHECKSUM_OF_FOOTER)
        summed(new, SECTOR, HEADER.size, CHECKSUM_OF_HEADER)
        if new[:8] == b"conectix" and chance.random() < 0.8:
            new[-SECTOR:] = new[:SECTOR]
        else:
            summed(new, len(new) - SECTOR, SECTOR, CHECKSUM_OF_FOOTER)
    return bytes(new[:8192])


def fields_changed(chance: random.Random, data: bytes) -> bytes:
    """Numbers of footer, header and table become others, in their places."""
    new = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        size = chance.choice((4, 4, 8))
        at = chance.randrange(0, max(1, min(len(new) - size, HEAD + 64)) // 4) * 4
        near = int.from_bytes(new[at : at + size]) + chance.choice((-512, -1, 1, 512))
        value = chance.choice((near, chance.randrange(16), chance.randrange(16) * SECTOR, 1 << chance.randrange(63)))
        new[at : at + size] = (value % (1 << 8 * size)).to_bytes(size)
    return bytes(new)


def summed(content: bytearray, at: int, length: int, sum_at: int) -> None:
    if 0 <= at <= len(content) - length:
        struct.pack_into(">I", content, at + sum_at, checksum(bytes(content[at : at + length]), sum_at))


def parts(data: bytes) -> list[bytes]:
    chance = random.Random(len(data))
    cuts = sorted({0, len(data), *(chance.randrange(len(data) + 1) for _ in range(5))})
    return [data[start:end] for start, end in itertools.pairwise(cuts)]


def of_stream(data: bytes, arriving: Iterable[bytes]) -> Outcome:
    reader = Stream(fixed_size=len(data) - SECTOR if len(data) > SECTOR else None)
    found: list[Data] = []

    def all_of_it() -> None:
        for part in arriving:
            found.extend(reader.feed(part))
        reader.end()

    field = refused(all_of_it)
    # What is wrong behind some data may be known before those are given.
    return reader.facts, found if not field else [], field


def of_file(fd: int, length: int) -> Outcome:
    told: list[Facts] = []
    found: list[Data] = []

    def all_of_it() -> None:
        facts, data = read_file(fd, length)
        told.append(facts)
        found.extend(data)

    field = refused(all_of_it)
    return told[0] if told else None, found, field


def refused(read: Callable[[], None]) -> str:
    try:
        read()
    except BadVhd as error:
        str(error).encode()
        if not error.field:
            raise Wrong("no field is named") from error
        return error.field
    return ""


def in_bounds(data: bytes, found: list[Data], size: int) -> None:
    if sum(len(each.content) for each in found) > len(data):
        raise Wrong("there are more data than bytes in the file")
    end = 0
    for each in sorted(found, key=lambda each: each.offset):
        if each.offset < end or each.offset % SECTOR or len(each.content) % SECTOR:
            raise Wrong(f"data at {each.offset} lie within others, or are no sectors")
        end = each.offset + len(each.content)
    if end > size:
        raise Wrong(f"there are data up to {end} in a disk of {size}")


def same_as_a_file(stream: Outcome, file: Outcome) -> None:
    if file[2].startswith("locator"):
        return  # Those that lie behind the data are not read of a stream.
    if file[2]:
        raise Wrong(f"a stream is fine, and of a file {file[2]} is wrong")
    if sorted(stream[1], key=lambda each: each.offset) != file[1] or stream[0] is None or file[0] is None:
        raise Wrong("a file has other data")
    for name in ("kind", "size", "uuid", "allocated"):
        if getattr(stream[0], name) != getattr(file[0], name):
            raise Wrong(f"a file has another {name}")


def written_again(facts: Facts, found: list[Data]) -> None:
    """As we write it: the data are the same."""
    content = {each.offset: each.content for each in sorted(found, key=lambda each: each.offset)}
    extents = [(offset, len(each)) for offset, each in content.items()]
    plan = SparsePlan(facts.size, extents, uuid=facts.uuid, created=facts.created, whole_blocks=False)

    def read(offset: int, length: int) -> bytes:
        return b"".join(each for at, each in content.items() if offset <= at < offset + length)

    file = b"".join(stream(plan, read))
    if len(file) != plan.length:
        raise Wrong(f"{len(file)} bytes instead of {plan.length}")
    again, data, field = of_stream(file, [file])
    if field or again is None or again.size != facts.size:
        raise Wrong(f"what we write we do not read: {field}")
    if b"".join(each.content for each in data) != b"".join(content.values()):
        raise Wrong("what we write has other data")


# --- Headers of qcow2 images --------------------------------------------------------------------------------

QCOW2_WORDS = (
    *(struct.pack(">I", value) for value in (0, 1, 2, 3, 4, 9, 16, 21, 104, 112, 1023, headers.BACKING_FORMAT)),
    *(struct.pack(">Q", value) for value in (0, 4, 31, 104, 65536, sizes.LARGEST, 0xFFFFFFFFFFFFFFFF)),
    *(b"QFI\xfb", b"qcow2", b"raw", b"json:{}", b"/etc/shadow", bytes(8)),
)


def qcow2() -> Target:
    folder = tempfile.TemporaryDirectory(dir=Path("/dev/shm"), ignore_cleanup_errors=True)
    path = Path(folder.name) / "image"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        try:
            head = headers.read(path)
        except Failed as error:
            if error.facts != {"path": str(path)}:
                raise Wrong("the file is not named") from error
            return
        if not 0 <= head.size <= sizes.LARGEST:
            raise Wrong(f"it has {head.size} bytes")
        if head.backing and (os.fsencode(head.backing.file) not in data or not head.backing.format):
            raise Wrong(f"it continues {head.backing}")

    made = []
    for backing in (None, headers.Backing("00112233-4455-6677-8899-aabbccddeeff.raw", "raw")):
        path.unlink(missing_ok=True)
        headers.create(path, 1 << 20, backing)
        made.append(path.read_bytes()[:256])
    old = made[0][:4] + struct.pack(">I", 2) + made[0][8:72] + bytes(8)
    return Target("qcow2", run, QCOW2_WORDS, (*made, old), close=folder.cleanup)
