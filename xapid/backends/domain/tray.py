"""The tray of a CD drive: libvirt remembers whether it is open, and QEMU may close it without a word."""

from __future__ import annotations

import json
import logging
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import libvirt
import libvirt_qemu

log = logging.getLogger(__name__)

ATTEMPTS = 10
CLOSED = "is not open"
"""In what QEMU says when a medium is to pass through a tray that is closed."""
FLAGS = libvirt.VIR_DOMAIN_DEVICE_MODIFY_LIVE | libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE
"""A guest that has locked the drive does not keep its user from opening it."""


def change_medium(domain: libvirt.virDomain, drive: Element) -> None:
    """Make a drive hold what its description says. Raises libvirtError.

    A guest that starts resets its drives, and QEMU closes their trays then, of which libvirt never hears: it would not
    open the tray again, and every further change be refused. So the tray is opened past libvirt, which is then right.
    """
    xml = ElementTree.tostring(drive, encoding="unicode")
    for attempt in range(ATTEMPTS):
        try:
            domain.updateDeviceFlags(xml, FLAGS)
        except libvirt.libvirtError as error:
            if CLOSED not in str(error) or attempt + 1 == ATTEMPTS:
                raise
            log.info("opening the tray of a drive of %s again: %s", domain.UUIDString(), error)
            _open(domain, drive)
        else:
            return


def _open(domain: libvirt.virDomain, drive: Element) -> None:
    alias = drive.find("alias")
    assert alias is not None, "libvirt gives every device of a running machine an alias"
    command = {"execute": "blockdev-open-tray", "arguments": {"id": alias.get("name"), "force": True}}
    # A refusal is an answer here; the next attempt tells it.
    libvirt_qemu.qemuMonitorCommand(domain, json.dumps(command), 0)
