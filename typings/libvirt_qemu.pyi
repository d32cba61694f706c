"""Types of the part of libvirt-python's QEMU module that xapid uses."""

from libvirt import virDomain

def qemuMonitorCommand(domain: virDomain, cmd: str, flags: int) -> str: ...
