"""The keys of maps that the code reads: for each its values, what it is when it is not set, and what it means.

A map such as ``VM.other_config`` is free for labels of clients. The keys below are not: what they say is acted on. Each
is declared once, here, read through its declaration, and checked when a client writes it. A key is checked when it is
*used* instead (``late``) where clients of the original may write anything and are refused when the value matters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Generic, Protocol, TypeVar

from xapid.datamodel.errors import INVALID_VALUE

T = TypeVar("T")
K_co = TypeVar("K_co", covariant=True)


class Kind(Protocol[K_co]):
    """What the value of a key may be."""

    @property
    def words(self) -> str:
        """The values in words, for errors and for the reference."""

    def read(self, text: str) -> K_co:
        """What a text means. Raises ValueError for one that is none of the values."""


@dataclass(frozen=True)
class Flag:
    """True or false, in the spellings that the original tells apart for the key."""

    true: tuple[str, ...] = ("true",)
    false: tuple[str, ...] = ("false",)
    any_case: bool = False

    @property
    def words(self) -> str:
        return " or ".join((*self.true, *self.false))

    def read(self, text: str) -> bool:
        text = text.lower() if self.any_case else text
        if text not in (*self.true, *self.false):
            raise ValueError(text)
        return text in self.true


@dataclass(frozen=True)
class Whole:
    """A whole number within bounds, both included."""

    least: int
    most: int

    @property
    def words(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    def read(self, text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII) or not self.least <= int(text) <= self.most:
            raise ValueError(text)
        return int(text)


@dataclass(frozen=True)
class Seconds:
    """A span of time within bounds, both included; parts of a second behind a point."""

    least: float
    most: float

    @property
    def words(self) -> str:
        return f"a number of seconds from {self.least:g} to {self.most:g}"

    def read(self, text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?", text, re.ASCII) or not self.least <= float(text) <= self.most:
            raise ValueError(text)
        return float(text)


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    choices: tuple[str, ...]

    @property
    def words(self) -> str:
        return " or ".join(self.choices)

    def read(self, text: str) -> str:
        if text not in self.choices:
            raise ValueError(text)
        return text


@dataclass(frozen=True)
class Text:
    """Any text; ``words`` says of what form, which is found out where it is used."""

    words: str

    def read(self, text: str) -> str:
        return text


@dataclass(frozen=True)
class Pattern:
    """A text of a form that can be checked."""

    words: str
    pattern: str

    def read(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text, re.ASCII):
            raise ValueError(text)
        return text


@dataclass(frozen=True)
class PciAddresses:
    """Addresses of PCI devices, each behind a number and a slash, which say nothing here."""

    words = "addresses of PCI devices with commas between, such as 0/0000:03:00.0,0/0000:03:00.1"

    def read(self, text: str) -> tuple[str, ...]:
        found = [
            re.fullmatch(r"[0-9]+/([0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])", each.strip(), re.I | re.ASCII)
            for each in text.split(",")
            if text
        ]
        addresses = tuple(each[1].lower() for each in found if each is not None)
        if len(addresses) < len(found):
            raise ValueError(text)
        return addresses


@dataclass(frozen=True)
class Presence:
    """Set or not; the value says nothing."""

    words = "anything: that it is there counts"

    def read(self, text: str) -> bool:
        return True


@dataclass(frozen=True)
class Routes:
    """Networks of IPv4, each with the gateway over which it is reached."""

    words = "networks with their gateways, commas between, such as 192.0.2.0/24/198.51.100.1"

    def read(self, text: str) -> tuple[tuple[str, str], ...]:
        found = []
        for each in text.split(",") if text else ():
            network, _, gateway = each.strip().rpartition("/")
            # Bits of the host's part are nobody's concern.
            found.append((str(IPv4Network(network, strict=False)), str(IPv4Address(gateway))))
        return tuple(found)


@dataclass(frozen=True)
class Domains:
    """Domains of the name service."""

    words = "domains with commas between, such as example.com,example.net"

    def read(self, text: str) -> tuple[str, ...]:
        found = tuple(each.strip() for each in text.split(",") if each.strip())
        if wrong := [each for each in found if not re.fullmatch(r"[\w-]{1,63}(\.[\w-]{1,63})*\.?", each, re.ASCII)]:
            raise ValueError(wrong[0])
        return found


KEYS: dict[tuple[str, str], dict[str, MapKey[Any]]] = {}
"""Every key by class and field, and then by its name."""


@dataclass(frozen=True)
class MapKey(Generic[T]):
    """One key of a map."""

    owner: str
    """the class"""
    field: str
    name: str
    kind: Kind[T]
    default: T
    """what counts where the key is not set, or cannot be read"""
    doc: str
    late: bool = False
    """Checked when it is used, not when it is written."""
    tolerant: bool = False
    """Never checked: what cannot be read counts as not set, as the original is known to do."""
    spelled: str = ""
    """How INVALID_VALUE names it, where not as ``field:name``."""

    def __post_init__(self) -> None:
        keys = KEYS.setdefault((self.owner, self.field), {})
        if self.name in keys:
            raise TypeError(f"{self.owner}.{self.field}:{self.name} is declared twice")
        keys[self.name] = self

    def of(self, row: object) -> T:
        """The value that a row has; anything with a map of that name serves.

        Raises INVALID_VALUE for a late key that cannot be read. Other keys were checked when they were written; an
        empty text, where it is none of the values, and what an older database holds count as not set.
        """
        text = getattr(row, self.field).get(self.name)
        if text is None:
            return self.default
        try:
            return self.kind.read(text)
        except ValueError:
            if self.late:
                raise INVALID_VALUE(self.spelled or f"{self.field}:{self.name}", text) from None
            return self.default

    def check(self, text: str) -> None:
        """Whether a client may write a value. Raises INVALID_VALUE, with the values that there are.

        An empty one always: clients take a key back so where a command line cannot remove it.
        """
        if self.late or self.tolerant or not text:
            return
        try:
            self.kind.read(text)
        except ValueError:
            raise INVALID_VALUE(
                self.spelled or f"{self.field}:{self.name}", text, f"It must be {self.kind.words} or empty"
            ) from None


def check_written(owner: str, field: str, present: Mapping[str, str], written: Mapping[str, str]) -> None:
    """Check the keys that a client adds to a map or changes. Raises INVALID_VALUE.

    What it leaves as it was is not checked: a client that writes a whole map back is not to stumble over old values.
    """
    keys = KEYS.get((owner, field), {})
    for name in keys.keys() & written.keys():
        if written[name] != present.get(name):
            keys[name].check(written[name])


def all_keys() -> Iterator[MapKey[Any]]:
    """Every key, by class, field and name."""
    for place in sorted(KEYS):
        for name in sorted(KEYS[place]):
            yield KEYS[place][name]


YES = Flag()
PLATFORM_YES = Flag(true=("true", "1"), false=("false", "0"), any_case=True)
PATH = Text("the full path of a directory")

# --- Pools -------------------------------------------------------------------------------------------

ROLLING_UPGRADE = MapKey(
    "pool",
    "other_config",
    "rolling_upgrade_in_progress",
    Presence(),
    False,
    "The hosts of the pool are of two versions; what only the newer one can do is refused meanwhile.",
)
ALLOW_CLONE_SUSPENDED = MapKey(
    "pool", "other_config", "allow_clone_suspended_vm", YES, False, "Machines that sleep may be cloned."
)
ALLOW_GUEST_SCRIPTS = MapKey(
    "pool",
    "other_config",
    "allow_guest_agent_run_script",
    YES,
    False,
    "The agents of guests may be asked to run a script.",
)

WLB_TIMEOUT_SECONDS = MapKey(
    "pool",
    "other_config",
    "wlb_timeout",
    Seconds(0.001, 3600),
    30.0,
    "For how many seconds an answer of the service that balances load is waited for.",
)

POOL_AUTO_POWERON = MapKey(
    "pool",
    "other_config",
    "auto_poweron",
    YES,
    True,
    "Whether machines that ask for it are started with their host.",
)

# --- Hosts -------------------------------------------------------------------------------------------

AUTO_ENABLE = MapKey(
    "host",
    "other_config",
    "auto_enable",
    YES,
    True,
    "Whether the host, once disabled, is enabled again when it starts.",
)
NO_LOCAL_STORAGE = MapKey(
    "host", "other_config", "no_local_storage", YES, False, "Whether the host keeps no content of blobs."
)
AUTO_SCAN_INTERVAL = MapKey(
    "host",
    "other_config",
    "auto-scan-interval",
    Seconds(1, 999_999_999),
    30.0,
    "Seconds between two scans of a repository that is scanned by itself; read at each scan.",
)
ISCSI_IQN = MapKey(
    "host", "other_config", "iscsi_iqn", Text("an iSCSI name"), "", "The field iscsi_iqn again, for older clients."
)
MULTIPATHING = MapKey(
    "host", "other_config", "multipathing", YES, False, "The field multipathing again, for older clients."
)
RRD_UPDATE_INTERVAL = MapKey(
    "host",
    "other_config",
    "rrd_update_interval",
    Choice(("never", "1", "2")),
    "never",
    "How often figures of the older classes of metrics are taken: 1 is every 5 seconds, 2 every minute; read when the "
    "toolstack starts.",
)

LOGGED_MULTIPATHING = MapKey(
    "host",
    "logging",
    "multipathing",
    YES,
    False,
    "The field multipathing again, where the guide of the API has it; read when it is set, and never written.",
)
SYSLOG_DESTINATION = MapKey(
    "host",
    "logging",
    "syslog_destination",
    Pattern("the name or address of a machine, with :PORT if it is not 514", r"[A-Za-z0-9._:\[\]%-]*"),
    "",
    "Where the log of the host is sent too, once host.syslog_reconfigure is called.",
)

# --- Machines ----------------------------------------------------------------------------------------

DEFAULT_TEMPLATE = MapKey(
    "VM", "other_config", "default_template", YES, False, "The template came with the product and cannot be destroyed."
)
INTERNAL_TEMPLATE = MapKey(
    "VM",
    "other_config",
    "xensource_internal",
    Text("true or empty"),
    "",
    "Clients hide the template; copies lose the key.",
)
BASE_TEMPLATE = MapKey(
    "VM",
    "other_config",
    "base_template_name",
    Text("a name"),
    "",
    "Name of the template that the machine was made from.",
)
AUTO_POWERON = MapKey(
    "VM",
    "other_config",
    "auto_poweron",
    YES,
    False,
    "The machine is started once its host has booted, in the order of its field order, if the pool's key allows it.",
)
AUTO_POWEROFF = MapKey(
    "VM",
    "other_config",
    "auto_poweroff",
    YES,
    True,
    "Whether the machine is shut down before its host goes down; else it ends with the host.",
)
LAST_SHUTDOWN_TIME = MapKey(
    "VM",
    "other_config",
    "last_shutdown_time",
    Text("a date in UTC, such as 20260131T12:00:00Z"),
    "",
    "When the machine was last shut down or rebooted; written by the server.",
)
DISABLE_PV_VNC = MapKey(
    "VM",
    "other_config",
    "disable_pv_vnc",
    Presence(),
    False,
    "A machine that has a line of text and no screen has no console of the protocol rfb, which would show that line.",
)
SYSTEM_DOMAIN = MapKey(
    "VM", "other_config", "is_system_domain", YES, False, "The machine serves its host and may share disks with guests."
)
MAC_SEED = MapKey(
    "VM",
    "other_config",
    "mac_seed",
    Text("any text; the server makes it a uuid"),
    "",
    "What the hardware addresses of interfaces are made from that are given none.",
)
PASSED_THROUGH = MapKey(
    "VM",
    "other_config",
    "pci",
    PciAddresses(),
    (),
    "PCI devices of its host that the machine gets for itself while it runs, from its next start on.",
    late=True,
)
PROVISION_DISKS = MapKey(
    "VM",
    "other_config",
    "disks",
    Text("XML: provision with an element disk for each, its attributes device, size in bytes, sr, bootable and type"),
    "",
    "The disks that VM.provision makes.",
    late=True,
)
POSTINSTALL = MapKey(
    "VM",
    "other_config",
    "postinstall",
    Text("the path of a program"),
    "",
    "A program that would run after the disks are made; none is allowed.",
    late=True,
)
NOMIGRATE = MapKey(
    "VM", "platform", "nomigrate", PLATFORM_YES, False, "The machine cannot be moved, suspended or checkpointed."
)
NESTED_VIRT = MapKey(
    "VM", "platform", "nested-virt", PLATFORM_YES, False, "The guest can run guests of its own, and cannot be moved."
)
VCPU_UNRESTRICTED = MapKey(
    "VM", "platform", "vcpu-unrestricted", PLATFORM_YES, False, "The machine may have more processors than its host."
)
DEVICE_MODEL = MapKey(
    "VM",
    "platform",
    "device-model",
    Text("qemu-upstream-compat or qemu-upstream-uefi; older names mean the first"),
    "",
    "The device model that a machine with emulated devices is started with; filled in at its start.",
    late=True,
)
CORES_PER_SOCKET = MapKey(
    "VM",
    "platform",
    "cores-per-socket",
    Whole(1, 999_999_999),
    1,
    "Cores that each socket shows the guest; VCPUs_max has to be a multiple of it.",
    late=True,
)
GRAPHICS = MapKey(
    "VM",
    "platform",
    "vga",
    Text("std, or anything else for cirrus"),
    "cirrus",
    "The graphics card of a machine with emulated devices.",
)
VIDEO_MEMORY = MapKey(
    "VM", "platform", "videoram", Whole(1, 256), 4, "Memory of the graphics card, in MiB.", tolerant=True
)
KEYMAP = MapKey(
    "VM",
    "platform",
    "keymap",
    Pattern("a keyboard as QEMU names it, such as de or en-us", r"[a-z]{2,3}(-[a-z]{2,3})?"),
    "",
    "The keyboard of those who look at the machine's screen.",
)
SERIAL = MapKey(
    "VM",
    "platform",
    "hvm_serial",
    Text("none, or anything else for a serial line"),
    "pty",
    "Whether a machine with emulated devices has a serial line, which is a console of it.",
)
PARALLEL = MapKey(
    "VM",
    "platform",
    "parallel",
    Pattern("none, or /dev/parport and a number", r"none|/dev/parport[0-9]{1,2}"),
    "none",
    "A parallel port of the host that the machine gets.",
)
USB = MapKey("VM", "platform", "usb", PLATFORM_YES, True, "Whether a machine with emulated devices has USB.")
USB_TABLET = MapKey(
    "VM",
    "platform",
    "usb_tablet",
    PLATFORM_YES,
    True,
    "Whether the machine's pointing device, on USB, knows where on the screen it is.",
)
ACPI = MapKey("VM", "platform", "acpi", PLATFORM_YES, True, "Whether the machine has ACPI.")
APIC = MapKey("VM", "platform", "apic", PLATFORM_YES, True, "Whether the machine has an APIC.")
PAE = MapKey("VM", "platform", "pae", PLATFORM_YES, True, "Whether 32-bit guests can address more than 4 GiB.")
NX = MapKey("VM", "platform", "nx", PLATFORM_YES, True, "Whether guests can say that data is not to be executed.")
HPET = MapKey("VM", "platform", "hpet", PLATFORM_YES, True, "Whether the machine has a timer of high precision.")
VIRIDIAN = MapKey(
    "VM", "platform", "viridian", PLATFORM_YES, False, "The guest is shown an interface of Hyper-V; Windows likes it."
)
VIRIDIAN_PARTS = tuple(
    MapKey("VM", "platform", f"viridian_{part}", PLATFORM_YES, False, f"With viridian: {what}.")
    for part, what in (
        ("time_ref_count", "a counter of time"),
        ("reference_tsc", "a page by which time stamps are read without leaving the guest"),
        ("hcall_remote_tlb_flush", "a call that flushes the address caches of other processors"),
        ("hcall_ipi", "a call that interrupts other processors"),
        ("apic_assist", "a page by which interrupts end without leaving the guest"),
        ("crash_ctl", "a way to tell of a crash"),
        ("stimer", "timers"),
    )
)
TSC_MODE = MapKey(
    "VM",
    "platform",
    "tsc_mode",
    Whole(0, 3),
    0,
    "On Xen, the guest's time stamp counter: 0 as suits it, 1 always emulated, 2 never, 3 by help of the guest.",
)
TIME_OFFSET = MapKey(
    "VM",
    "platform",
    "timeoffset",
    Whole(-(2**62), 2**62),
    0,
    "Seconds by which the machine's clock is before UTC; written when the guest sets its clock.",
    tolerant=True,
)
SECURE_BOOT = MapKey(
    "VM",
    "platform",
    "secureboot",
    Choice(("true", "false", "auto")),
    "false",
    "Whether UEFI starts only what is signed; auto: if the pool has certificates for that.",
)
CPU_WEIGHT = MapKey(
    "VM",
    "VCPUs_params",
    "weight",
    Whole(1, 65_536),
    256,
    "The machine's part of the host's processors when there is not enough; one with 512 gets twice as much.",
    tolerant=True,
)
CPU_CAP = MapKey(
    "VM",
    "VCPUs_params",
    "cap",
    Whole(0, 100_000),
    0,
    "Most that the processors of the machine get together, in percent of one of the host's; 0: no bound.",
    tolerant=True,
)
CPU_MASK = MapKey(
    "VM",
    "VCPUs_params",
    "mask",
    Pattern("numbers with commas, and semicolons between processors", r"[0-9]{1,4}([,;][0-9]{1,4})*"),
    "",
    "Processors of the host that the machine's may run on, after semicolons those for its second, third, ...; for others "
    "the first list counts.",
    tolerant=True,
)
SIMULATED_GUEST = MapKey(
    "VM",
    "platform",
    "sim-guest",
    Choice(("full", "deaf")),
    "",
    "On the simulator: a guest with drivers and agent, or one that answers to nothing asked of it.",
)
BOOT_ORDER = MapKey(
    "VM",
    "HVM_boot_params",
    "order",
    Text("letters c (disk), d (CD), n (network), in either case; others are passed over"),
    "cd",
    "Devices that a machine with emulated devices tries to boot from, in this order.",
)
FIRMWARE = MapKey(
    "VM",
    "HVM_boot_params",
    "firmware",
    Choice(("bios", "uefi")),
    "bios",
    "What boots the machine.",
    late=True,
    spelled="HVM-boot-params['firmware']",
)
EFI_VARIABLES = MapKey(
    "VM",
    "NVRAM",
    "EFI-variables",
    Text("Base64, as VM.set_NVRAM_EFI_variables takes it"),
    "",
    "Variables that the firmware keeps over a boot; written when the machine stops.",
    late=True,
)
EFI_VARIABLES_ON_BOOT = MapKey(
    "VM",
    "NVRAM",
    "EFI-variables-on-boot",
    Choice(("persist", "reset")),
    "persist",
    "Whether variables of the firmware outlive a boot.",
    late=True,
    spelled="NVRAM['EFI-variables-on-boot']",
)

# --- Drives and interfaces ---------------------------------------------------------------------------

OWNER = MapKey("VBD", "other_config", "owner", Presence(), False, "The disk belongs to the machine and goes with it.")
IS_OWNER = MapKey("VBD", "other_config", "is_owner", Presence(), False, "As owner, in the spelling of older clients.")
VBD_BACKEND_KIND = MapKey(
    "VBD",
    "other_config",
    "backend-kind",
    Text("a word"),
    "",
    "The kind of back end for the drive, from its disk's sm_config.",
)
IO_CLASS = MapKey(
    "VBD",
    "qos_algorithm_params",
    "sched",
    Text("rt or real-time, idle, or anything else for best-effort"),
    "best-effort",
    "With qos_algorithm_type ionice: which requests go first.",
)
IO_LEVEL = MapKey(
    "VBD",
    "qos_algorithm_params",
    "class",
    Text("highest, high, normal, low, lowest, or a number from 0 to 7"),
    "normal",
    "With qos_algorithm_type ionice: where they stand among those of the same kind.",
    tolerant=True,
)
VBD_IO_LEVEL = MapKey(
    "VBD",
    "other_config",
    "class",
    Whole(0, 7),
    None,
    "The level of requests of the disk, 0 first, where qos_algorithm_type says nothing.",
    tolerant=True,
)
VIF_MTU = MapKey(
    "VIF",
    "other_config",
    "mtu",
    Whole(68, 65_535),
    0,
    "Bytes in a packet of the interface, instead of those of its network.",
)
VIF_RATE = MapKey(
    "VIF",
    "qos_algorithm_params",
    "kbps",
    Whole(0, 2**32 - 1),
    0,
    "With qos_algorithm_type ratelimit: KiB that the guest may send in a second; 0 for as many as it can.",
    tolerant=True,
)

PIF_MTU = MapKey(
    "PIF",
    "other_config",
    "mtu",
    Whole(68, 65_535),
    0,
    "Bytes in a packet of the host interface, instead of those of its network.",
)
DEFAULT_ROUTE = MapKey(
    "PIF",
    "other_config",
    "defaultroute",
    YES,
    False,
    "The way out of the host leads over this interface, instead of that of the management.",
)

NAMES_FIRST = MapKey(
    "PIF",
    "other_config",
    "peerdns",
    YES,
    False,
    "The name servers of this interface are asked before all others, instead of those of the management.",
)
SEARCH_DOMAINS = MapKey(
    "PIF",
    "other_config",
    "domain",
    Domains(),
    (),
    "Domains in which the host looks for names without a dot.",
    tolerant=True,
)

STATIC_ROUTES = MapKey(
    "network",
    "other_config",
    "static-routes",
    Routes(),
    (),
    "Networks that hosts reach by this one, over a gateway that they have there, once its interface comes up.",
    tolerant=True,
)

_ON_OFF = Flag(true=("on", "true"), false=("off", "false"))
_SWITCHES = {
    "rx": "checks sums of what comes in",
    "tx": "makes sums of what goes out",
    "sg": "gathers packets from several places",
    "tso": "cuts TCP into packets",
    "ufo": "cuts UDP into packets, where the kernel has it still",
    "gso": "gets packets that the kernel cuts late",
    "gro": "puts packets together that come in, instead of the property gro",
    "lro": "puts packets together that come in, by itself",
    "autoneg": "agrees with the switch by itself",
}
ETHTOOL_SWITCHES: dict[str, MapKey[bool | None]] = {
    name: MapKey("PIF", "other_config", f"ethtool-{name}", _ON_OFF, None, f"Whether the device {does}.", tolerant=True)
    for name, does in _SWITCHES.items()
}
"""What a device does by itself or not, by the name of the setting; None: it is left as it is."""
BRIDGE_SWITCHES: dict[str, MapKey[bool | None]] = {
    name: MapKey(
        "network", "other_config", f"ethtool-{name}", _ON_OFF, None, f"Whether the bridge {does}.", tolerant=True
    )
    for name, does in _SWITCHES.items()
    if name != "autoneg"
}
"""The same of the bridges by which hosts reach a network."""
ETHTOOL_SPEED = MapKey(
    "PIF",
    "other_config",
    "ethtool-speed",
    Whole(1, 1_000_000),
    0,
    "The speed of the link in Mbit/s.",
    tolerant=True,
)
ETHTOOL_DUPLEX = MapKey(
    "PIF",
    "other_config",
    "ethtool-duplex",
    Choice(("half", "full")),
    "",
    "Whether the link sends and receives at the same time.",
    tolerant=True,
)
ETHTOOL_ADVERTISE = MapKey(
    "PIF",
    "other_config",
    "ethtool-advertise",
    Pattern("a hexadecimal number that begins with 0x", "0x[0-9a-fA-F]{1,8}"),
    "",
    "The modes that the device offers the switch, as bits.",
    tolerant=True,
)
_MS = Whole(0, 3_600_000)
BOND_MODE = MapKey(
    "PIF",
    "other_config",
    "bond-mode",
    Choice(("balance-slb", "active-backup", "lacp")),
    "",
    "How the bond spreads its packets, instead of its mode.",
    tolerant=True,
)
BOND_HASHING = MapKey(
    "PIF",
    "other_config",
    "bond-hashing-algorithm",
    Choice(("src_mac", "tcpudp_ports")),
    "",
    "By what a bond in mode lacp chooses a link, instead of its property hashing_algorithm.",
    tolerant=True,
)
BOND_LACP_TIME = MapKey(
    "PIF",
    "other_config",
    "bond-lacp-time",
    Choice(("fast", "slow")),
    "",
    "How often a bond in mode lacp hears of its switch, instead of its property lacp-time.",
    tolerant=True,
)
BOND_KEY = MapKey(
    "PIF",
    "other_config",
    "bond-lacp-aggregation-key",
    Pattern("a number", "[0-9]{1,9}"),
    "",
    "The key of a bond in mode lacp, instead of its property lacp-aggregation-key.",
    tolerant=True,
)
BOND_MIIMON = MapKey(
    "PIF",
    "other_config",
    "bond-miimon",
    _MS,
    100,
    "Milliseconds between two looks at the links of a bond.",
    tolerant=True,
)
BOND_DOWN_DELAY = MapKey(
    "PIF",
    "other_config",
    "bond-downdelay",
    _MS,
    200,
    "Milliseconds that a link of a bond must be down until that counts.",
    tolerant=True,
)
BOND_UP_DELAY = MapKey(
    "PIF",
    "other_config",
    "bond-updelay",
    _MS,
    31_000,
    "Milliseconds that a link of a bond must be up until that counts.",
    tolerant=True,
)
BOND_USE_CARRIER = MapKey(
    "PIF",
    "other_config",
    "bond-use_carrier",
    Flag(true=("1",), false=("0",)),
    True,
    "Whether the links of a bond are told by their carrier, and not by registers of the cards.",
    tolerant=True,
)

# --- Networks ----------------------------------------------------------------------------------------

ASSUME_SHARED = MapKey(
    "network",
    "other_config",
    "assume_network_is_shared",
    YES,
    False,
    "Somebody else connects the internal network between hosts, so that machines on it can be moved and protected.",
)
INTERNAL_MANAGEMENT = MapKey(
    "network",
    "other_config",
    "is_host_internal_management_network",
    YES,
    False,
    "The network between a host and its own guests, which cannot be destroyed.",
)

# --- Storage -----------------------------------------------------------------------------------------

INDESTRUCTIBLE = MapKey(
    "SR", "other_config", "indestructible", YES, False, "The repository may be forgotten, but not destroyed."
)
DIRTY = MapKey(
    "SR", "other_config", "dirty", Presence(), False, "The repository is to be scanned; a scan takes the key away."
)
AUTO_SCAN = MapKey(
    "SR", "other_config", "auto-scan", YES, False, "The repository is scanned by itself, again and again."
)
GARBAGE = MapKey(
    "SR",
    "other_config",
    "gc",
    YES,
    True,
    "Whether images that nobody needs go, and chains of them become shorter.",
    tolerant=True,
)
COALESCE = MapKey(
    "SR",
    "other_config",
    "coalesce",
    YES,
    True,
    "Whether images that nothing else continues are written over those that they continue.",
    tolerant=True,
)
LEAF_COALESCE = MapKey(
    "SR",
    "other_config",
    "leaf-coalesce",
    YES,
    True,
    "The same of disks themselves, and not only of what is beneath them.",
    tolerant=True,
)
GC_NO_SPACE = MapKey(
    "SR",
    "sm_config",
    "gc_no_space",
    Text("a number of bytes"),
    "",
    "The space that the repository lacks for becoming emptier; written by the server.",
)
SR_CONTENT = MapKey(
    "SR",
    "sm_config",
    "type",
    Text("cd, or anything else for disks"),
    "",
    "What a repository of the type udev shows: CD drives, or disks that can be taken out.",
)
NO_SUBDIRECTORY = MapKey(
    "SR",
    "sm_config",
    "nosubdir",
    YES,
    False,
    "A repository on a server lies in the folder that is exported, and not in one of its own below that.",
)
SR_ALLOCATION = MapKey(
    "SR",
    "sm_config",
    "allocation",
    Choice(("thick", "thin")),
    "thick",
    "Whether a disk in a volume group has all its space at once, or while it is written.",
    late=True,
)
PBD_ALLOCATION = MapKey(
    "PBD",
    "device_config",
    "allocation",
    Choice(("thick", "thin")),
    "thick",
    "The same for a repository whose sm_config does not say it.",
    late=True,
)
LOCATION = MapKey(
    "PBD",
    "device_config",
    "location",
    PATH,
    "",
    "Where the files of the repository are; its driver refuses a place that it cannot use.",
    late=True,
)
LEGACY_MODE = MapKey(
    "PBD", "device_config", "legacy_mode", YES, False, "An iso repository is a directory that is there already."
)
URI = MapKey(
    "PBD",
    "device_config",
    "uri",
    Text("an address"),
    "",
    "Where a repository is that a storage plug-in of an older kind (SMAPIv3, version 3.0) serves.",
    late=True,
)
SR_MASTER = MapKey(
    "PBD",
    "device_config",
    "SRmaster",
    YES,
    False,
    "Whether the host leads the repository; the toolstack alone sets it.",
    late=True,
)
VDI_TYPE = MapKey(
    "VDI",
    "sm_config",
    "type",
    Text("raw, or anything else"),
    "",
    "How a new disk is laid out: raw asks for plain bytes.",
)
IMAGE_FORMAT = MapKey(
    "VDI",
    "sm_config",
    "image-format",
    Text("raw, qcow2 or vhd"),
    "raw",
    "How the bytes of the disk are laid out; written by the server when the disk is made.",
    late=True,
)
PARENT = MapKey(
    "VDI",
    "sm_config",
    "vhd-parent",
    Text("a uuid"),
    "",
    "The volume that the disk continues, for whatever format; written by the server.",
    late=True,
)
USB_PATH = MapKey(
    "VDI",
    "sm_config",
    "usb_path",
    Text("bus and port, such as 1-1.4"),
    "",
    "The USB port that a removable disk is plugged into; written by the server.",
)
LEAF_COALESCE_OF_DISK = MapKey(
    "VDI",
    "other_config",
    "leaf-coalesce",
    Choice(("false", "force", "offline")),
    "",
    "Whether the disk is written over the image that it continues: false, never; force, also where the repository's own key "
    "says no; offline, only while no guest has it open.",
    tolerant=True,
)
VM_HINT = MapKey("VDI", "sm_config", "vmhint", Text("a uuid"), "", "The machine that the disk was made for.")
ON_BOOT = MapKey(
    "VDI",
    "sm_config",
    "on_boot",
    Text("reset, or anything else"),
    "",
    "With reset, the disk falls back at each start of its machine.",
)
CACHING = MapKey(
    "VDI",
    "sm_config",
    "caching",
    PLATFORM_YES,
    False,
    "A disk that falls back is cached on its host, so its machine stays there.",
)
VDI_BACKEND_KIND = MapKey(
    "VDI", "sm_config", "backend-kind", Text("a word"), "", "The kind of back end that drives of the disk get."
)
TPM_OF_SECRET = MapKey(
    "secret",
    "other_config",
    "vtpm",
    Text("a uuid"),
    "",
    "The TPM whose contents the secret holds; written by the server.",
)
WLB_OF_SECRET = MapKey(
    "secret",
    "other_config",
    "wlb",
    Text("a uuid"),
    "",
    "The pool that logs in to the service that balances its load by the secret; written by the server.",
)
