"""The PCI devices of this machine, as the kernel tells them, and which of them it leaves to guests."""

from __future__ import annotations

import re
from collections import defaultdict

from xapid.backends.host.interface import PciAccess, PciDevice
from xapid.backends.host.tree import Tree
from xapid.backends.interface import Failed, InUse, NotFound, NotSupported
from xapid.backends.process import Run

DEVICES = "sys/bus/pci/devices"
ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.ASCII)
MANAGED = ("01", "02", "03")
"""Classes of what can be told of: storage, networks, displays."""
IDS = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids")
"""Where distributions put the names of PCI devices; the first that is there counts."""

RULES = "etc/udev/rules.d/10-xapid-pci.rules"
RULE = 'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="{address}", ATTR{{driver_override}}="{driver}"\n'
RULED = re.compile(r'KERNEL=="([0-9a-f:.]+)"')
MODULES = "etc/modules-load.d/xapid-pci.conf"
KEEPERS = {"vfio-pci": "vfio-pci", "pciback": "xen-pciback"}
"""Drivers that hold a device for guests, and the modules that they are in."""

NVIDIA = "nvidia"
NVIDIA_PROGRAM = "usr/lib/nvidia/sriov-manage"

Names = dict[tuple[str, ...], str]


def devices(tree: Tree) -> tuple[PciDevice, ...]:
    """Those of the classes that are managed, and what sits on one card with them. Virtual functions are left out."""
    found = [each for each in tree.names(DEVICES) if ADDRESS.fullmatch(each) and not _is_virtual(tree, each)]
    cards = defaultdict(list)
    for address in found:
        cards[_card(address)].append(address)
    managed = [
        address
        for card in cards.values()
        if any(_hex(tree, each, "class")[:2] in MANAGED for each in card)
        for address in card
    ]
    names = _names(tree) if managed else {}
    return tuple(
        _device(tree, names, address, [each for each in cards[_card(address)] if each != address])
        for address in sorted(managed)
    )


def access(tree: Tree, address: str) -> PciAccess:
    """Raises NotFound."""
    if not ADDRESS.fullmatch(address) or not tree.is_directory(f"{DEVICES}/{address}"):
        raise NotFound(f"there is no PCI device {address}")
    after = address in _ruled(tree) or _is_hidden_by_boot(tree, address)
    return PciAccess(host_now=_driver(tree, address) not in KEEPERS, host_next=not after)


def set_host_access(tree: Tree, address: str, allowed: bool, keeper: str) -> None:
    """Have ``keeper`` hold a device for guests from the next boot on, or leave it to its own driver.

    Raises NotFound, InUse for the device that the system is on, NotSupported for one that the kernel's command line
    hides.
    """
    access(tree, address)
    if allowed and _is_hidden_by_boot(tree, address):
        raise NotSupported(f"the command line of the kernel hides {address} from the host")
    if not allowed and address in (found := _under_root(tree)):
        raise InUse(f"/ is on {address}", device=found[address])
    ruled = _ruled(tree) - {address} if allowed else _ruled(tree) | {address}
    if not ruled:
        tree.remove(RULES)
        tree.remove(MODULES)
        return
    tree.write(MODULES, f"{KEEPERS[keeper]}\n")
    tree.write(RULES, "".join(RULE.format(address=each, driver=keeper) for each in sorted(ruled)))


def share_amd_cards(run: Run) -> None:
    """Load the driver that has them show virtual functions. Raises Failed where there is none."""
    run(["modprobe", "--", "gim"])


def share_nvidia_card(tree: Tree, run: Run, address: str, shared: bool) -> None:
    """Have a card show virtual functions, or none, by the program that comes with its driver.

    Raises NotFound, NotSupported for a card that cannot show any, Failed.
    """
    access(tree, address)
    functions = tree.number(f"{DEVICES}/{address}/sriov_numvfs")
    if functions is None:
        raise NotSupported(f"{address} has no virtual functions")
    driver = _driver(tree, address)
    if driver != NVIDIA:
        if driver:
            tree.set(f"{DEVICES}/{address}/driver/unbind", address)
        tree.set(f"sys/bus/pci/drivers/{NVIDIA}/bind", address)
    if shared == (functions > 0):
        return
    if not tree.is_file(NVIDIA_PROGRAM):
        raise Failed(f"/{NVIDIA_PROGRAM} is not installed")
    run([f"/{NVIDIA_PROGRAM}", "-e" if shared else "-d", address])


def _device(tree: Tree, names: Names, address: str, dependencies: list[str]) -> PciDevice:
    vendor, device = _hex(tree, address, "vendor"), _hex(tree, address, "device")
    card = _hex(tree, address, "subsystem_vendor"), _hex(tree, address, "subsystem_device")
    kind = _hex(tree, address, "class")
    return PciDevice(
        address=address,
        class_id=kind[:4],
        class_name=names.get(("C", kind[:2], kind[2:4]), names.get(("C", kind[:2]), "")),
        vendor_id=vendor,
        vendor_name=names.get((vendor,), ""),
        device_id=device,
        device_name=names.get((vendor, device), ""),
        subsystem_vendor_id=card[0],
        subsystem_vendor_name=names.get((card[0],), ""),
        subsystem_device_id=card[1],
        subsystem_device_name=names.get((vendor, device, *card), ""),
        driver=_driver(tree, address),
        dependencies=tuple(dependencies),
        is_display=kind[:2] == "03",
        shows_console=tree.number(f"{DEVICES}/{address}/boot_vga") == 1,
    )


def _card(address: str) -> str:
    return address.partition(".")[0]


def _is_virtual(tree: Tree, address: str) -> bool:
    return bool(tree.link(f"{DEVICES}/{address}/physfn"))


def _hex(tree: Tree, address: str, name: str) -> str:
    return tree.line(f"{DEVICES}/{address}/{name}").removeprefix("0x").lower()


def _driver(tree: Tree, address: str) -> str:
    return tree.link(f"{DEVICES}/{address}/driver").rpartition("/")[2]


def _ruled(tree: Tree) -> set[str]:
    return set(RULED.findall(tree.text(RULES)))


def _is_hidden_by_boot(tree: Tree, address: str) -> bool:
    words = tree.text("proc/cmdline").split()
    return any(word.startswith("xen-pciback.hide=") and f"({address})" in word for word in words)


def _under_root(tree: Tree) -> dict[str, str]:
    """The PCI devices on the way to the disk that / is on, each with that disk."""
    mounts = (line.split() for line in tree.text("proc/self/mountinfo").splitlines())
    root = next((fields for fields in mounts if len(fields) > 4 and fields[4] == "/"), None)
    if root is None:
        return {}
    source = root[root.index("-") + 2] if "-" in root[:-2] else ""
    found: dict[str, str] = {}
    # File systems of several devices have a number that is no disk's: then the name of their source tells one.
    waiting = [f"sys/dev/block/{root[2]}", f"sys/class/block/{source.rpartition('/')[2]}"]
    while waiting:
        disk = waiting.pop()
        path = tree.link(disk)
        found |= dict.fromkeys((part for part in path.split("/") if ADDRESS.fullmatch(part)), source)
        waiting += (f"sys/class/block/{name}" for name in tree.names(f"{disk}/slaves"))
    return found


def _names(tree: Tree) -> Names:
    """The list of names: a line a vendor, its devices below it, and cards with them below those; classes likewise."""
    text = next(filter(None, map(tree.text, IDS)), "")
    names: Names = {}
    above: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    for line in text.splitlines():
        number, _, name = line.strip().partition("  ")
        if not name or line.startswith("#"):
            continue
        parts = tuple(number.split(" "))
        if not line.startswith("\t"):
            above = key = parts
        elif not line.startswith("\t\t"):
            inner = key = above + parts
        else:
            key = inner + parts
        names[key] = name
    return names
