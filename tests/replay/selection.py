"""Which recordings must replay without a difference, and the differences that docs/differences.md lists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
VECTORS = HERE.parent / "vectors"
CLASSES = "VM,VBD,VIF,network,VM_metrics,host,host_metrics,host_cpu,pool,console,role,Certificate,event"
OTHERS = ("objects", "create", "queries", "events")


@dataclass(frozen=True)
class Selection:
    """Files, and how they are replayed."""

    name: str
    files: tuple[str, ...]
    options: tuple[str, ...] = ()
    at_least: int = 0
    """Steps that must have been taken: an empty replay proves nothing."""
    without: frozenset[str] = frozenset()
    """Scenarios, or one step of one (``name #7``), whose answers are not looked at: what they are about is not there
    yet."""
    over_tcp: bool = False
    """Whether some scenarios are to be held over TCP, with a password."""

    def __str__(self) -> str:
        return self.name

    def looks_at(self, scenario: str, step: int) -> bool:
        return scenario not in self.without and f"{scenario} #{step}" not in self.without


def _dispatch() -> tuple[str, ...]:
    return tuple(sorted(path.name.removesuffix(".json.gz") for path in VECTORS.glob("dispatch-*.json.gz")))


def _over(transport: str) -> Selection:
    options = ("--only-classes", CLASSES, "--transport", transport)
    return Selection(f"objects-{transport}", OTHERS, options, 2000)


def _no_session(*paths: str) -> frozenset[str]:
    return frozenset(f"no session: {path}" for path in paths)


WHOLE = {
    "alerts": 50,
    "create": 780,
    "disks-copies": 150,
    "disks-life": 110,
    "disks-provision": 70,
    "disks-revert": 95,
    "disks-suspend": 65,
    "encodings": 2200,
    "events": 190,
    "messages": 140,
    "net-host": 80,
    "net-networks": 60,
    "net-pifs": 90,
    "net-vifs": 110,
    "network": 70,
    "queries": 320,
    "storage-sr": 230,
    "storage-vbd": 260,
    "storage-vdi": 330,
    "vm-copies": 400,
    "vm-devices": 230,
    "vm-groups": 170,
    "vm-life": 600,
    "vm-memory": 1480,
    "vm-operations": 1180,
    "vm-settings": 210,
    "vm-templates": 230,
}
"""Files of which every step is the same, and about how many they have."""

STREAMS = (
    "handlers-get-unix", "handlers-put-unix", "handlers-put-tcp", "handlers-tasks-unix", "handlers-tasks-tcp",
)  # fmt: skip
"""In the recording of requests, those that ask for handlers of streams."""

HANDLERS = (
    "/export/x", "/console", "/vncsnapshot", "/vm_rrd", "/rrd_updates", "/pool/xmldbdump", "/host_backup",
    "/wlb_report",
)  # fmt: skip
"""Paths whose handlers are not there yet."""

SELECTED = (
    *(Selection(name, (name,), at_least=100) for name in _dispatch()),
    Selection("tasks", ("tasks",), at_least=250),
    *(Selection(name, (name,), at_least=steps) for name, steps in WHOLE.items()),
    Selection("host-pool", ("host-pool",), at_least=190),
    Selection("http", ("http",), at_least=120, without=frozenset(STREAMS), over_tcp=True),
    Selection("sessions", ("sessions",), at_least=580, over_tcp=True),
    Selection("objects", ("objects",), ("--transport", "jsonrpc1"), at_least=2700),
    Selection("streams-handlers", ("streams-handlers",), at_least=20, without=_no_session(*HANDLERS)),
    *(_over(transport) for transport in ("xmlrpc", "jsonrpc2", "jsonrpc1")),
)

_LINE = re.compile(r"^\| `(?P<file>[^`/]+)/(?P<scenario>[^`#]+) #(?P<step>\d+)` \|", re.MULTILINE)


def listed_differences() -> frozenset[tuple[str, str, int]]:
    """File, scenario and step of every recorded answer from which we differ on purpose: at most twenty."""
    text = (HERE.parent.parent / "docs" / "differences.md").read_text()
    found = frozenset((line["file"], line["scenario"], int(line["step"])) for line in _LINE.finditer(text))
    if len(found) > 20:
        raise ValueError(f"{len(found)} recorded answers are listed as differing; 20 is the limit")
    return found
