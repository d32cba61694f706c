"""Memory: of records without their kept encodings, and of a daemon that has nothing to do."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path
from typing import Any

import orjson

from tests.bench.report import at_most, load_average, quick, say
from tests.bench.servers import daemon
from xapid.datamodel import VM
from xapid.datamodel.types import Kind, RecordType
from xapid.ops.vm.create import new_metrics
from xapid.store.store import Store
from xapid.wire.decode import decoder

MACHINES = 2_000 if quick() else 10_000
MIB = 2**20
GIVEN = {
    field.name: field.empty for field in VM.spec.fields.values() if field.kind is not Kind.DYNAMIC and field.mandatory
}
"""What a client must say of a new machine."""


def resident(pid: int | str = "self") -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def record(number: int) -> dict[str, Any]:
    """A machine as clients describe one: what all have alike, and what each has of its own."""
    return GIVEN | {
        "name_label": f"machine {number}",
        "name_description": f"One of many, number {number}",
        "platform": {"acpi": "1", "apic": "true", "pae": "true", "nx": "true", "viridian": "true", "timeoffset": "0"},
        "HVM_boot_policy": "BIOS order",
        "HVM_boot_params": {"order": "cdn", "firmware": "uefi"},
        "VCPUs_params": {"weight": "256"},
        "other_config": {"mac_seed": f"{number:08x}-5bd0-4a5b-9c21-0f1e2d3c4b5a", "base_template_name": "Other"},
        "recommendations": '<restrictions><restriction field="vcpus-max" max="32"/></restrictions>',
        "memory_static_max": str(MIB * (256 + number % 7)),
    }


def of_records() -> None:
    store, decode = Store(), decoder(RecordType("VM"))

    def fill(numbers: range) -> None:
        for number in numbers:
            values = decode(orjson.loads(orjson.dumps(record(number), default=str)))
            with store.write() as tx:
                tx.create(VM, metrics=new_metrics(tx).ref, **values)

    fill(range(100))
    gc.collect()
    before = resident()
    fill(range(100, 100 + MACHINES))
    gc.collect()
    grown = (resident() - before) / MACHINES * 10_000 / 1e6
    say("memory of 10,000 VM records and their metrics", grown, "MB", at_most(60))


def of_nothing() -> None:
    with tempfile.TemporaryDirectory(prefix="xapid-bench-") as name, daemon(Path(name) / "idle") as (_, server):
        say("memory of an idle daemon", resident(server.pid) / 1e6, "MB", at_most(120))


def main() -> None:
    print(f"Memory ({load_average()})")
    of_records()
    of_nothing()


if __name__ == "__main__":
    main()
