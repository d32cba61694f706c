"""The monitor of a guest's QEMU as libvirt reaches it, for what libvirt cannot tell or do."""

from __future__ import annotations

import json
from typing import Any

import libvirt
import libvirt_qemu

from xapid.backends.datapath.qmp import request, result
from xapid.backends.domain.domain_xml import ALIAS
from xapid.backends.interface import NotFound


class LibvirtMonitor:
    """Commands of QMP. Raises Failed, or NoSpace, with what QEMU says, and libvirt's own errors."""

    def __init__(self, domain: libvirt.virDomain) -> None:
        self._domain = domain

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run a command and return its result; ``_`` in the names of its arguments stands for ``-``."""
        line = json.dumps(request(command, arguments))
        return result(command, json.loads(libvirt_qemu.qemuMonitorCommand(self._domain, line, 0)))

    def drives(self) -> dict[str, dict[str, Any]]:
        """What is in the drives of our disks, by their VBDs, as ``query-block`` says it."""
        found = {}
        for drive in self.execute("query-block"):
            # The place of the device in QEMU's tree, one step of which is the name that we gave it.
            named = [step for step in drive.get("qdev", "").split("/") if step.startswith(ALIAS)]
            if named and "inserted" in drive:
                found[named[0].removeprefix(ALIAS)] = drive["inserted"]
        return found

    def drive(self, vbd: str) -> dict[str, Any]:
        """What is in one of them. Raises NotFound."""
        found = self.drives().get(vbd)
        if found is None:
            raise NotFound(f"{self._domain.UUIDString()} has nothing in its drive {vbd}", vbd=vbd)
        return found
