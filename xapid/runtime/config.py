"""Every setting of the daemon, declared once."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xapid.runtime.settings import Address, ConfigError, Form, read, sample, setting, table

_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
UUID = Form("a uuid in lower case", _UUID)
REF = Form("OpaqueRef:, then a uuid in lower case", f"OpaqueRef:{_UUID}")
VERSION = Form("numbers with dots between them", r"\d+(\.\d+)*")

CONFIG_FILE = Path("/etc/xapid/xapid.toml")
"""Read if it is there and no other file is named."""
FILE_OPTION = "--config"
FILE_VARIABLE = "XAPID_CONFIG"


class Drivers(enum.StrEnum):
    """What carries out what the API asks for."""

    auto = "auto"
    libvirt = "libvirt"
    sim = "sim"


class NetworkBackend(enum.StrEnum):
    """What switches the packets of guests."""

    bridge = "bridge"
    openvswitch = "openvswitch"


class Datapath(enum.StrEnum):
    """Where Open vSwitch does that."""

    system = "system"
    netdev = "netdev"


class NamePolicy(enum.StrEnum):
    """Whether the list of name servers of the host is the daemon's."""

    auto = "auto"
    always = "always"
    never = "never"


class LogLevel(enum.StrEnum):
    """How much is logged."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


class LogFormat(enum.StrEnum):
    """What a line of the log looks like."""

    text = "text"
    json = "json"


@dataclass(frozen=True)
class LibvirtConfig:
    """Where virtual machines run."""

    uri: str = setting(
        "",
        "The hypervisor as libvirt names it. Empty: the system's own libvirtd where one runs, else one inside a "
        "process of the daemon, with its files below the state directory.",
        flag="URI",
    )


@dataclass(frozen=True)
class LogConfig:
    """The log, on the standard error output. A text that comes again within half a minute is counted, not repeated."""

    level: LogLevel = setting(LogLevel.info, "Least severity: debug, info, warning or error.", flag="LEVEL")
    format: LogFormat = setting(
        LogFormat.text,
        "Either text, for people, or json, one object a line, for programs. Text goes to systemd's journal with task, "
        "object and originator as fields, where that takes the standard error output.",
    )
    rate: int = setting(500, "Lines a second; what is more is counted and left out. 0: any number.", least=0)


@dataclass(frozen=True)
class AuditConfig:
    """The audit log: who asked for what, with which outcome. It is audit.log in the state directory."""

    size: int = setting(10 * 2**20, "Bytes after which its file is done with and the next one begun.", least=4096)
    files: int = setting(10, "Files that are done with and kept; the oldest one goes.", least=1)


@dataclass(frozen=True)
class TracingConfig:
    """Traces of calls, which the Observers of the API switch on and off."""

    folder: Path | None = setting(
        None,
        "Where the traces of Observers with the endpoint bugtool are written. Empty: traces in the state directory.",
    )
    file_size: int = setting(
        2**20, "Bytes after which a file of traces is done with and the next one begun.", least=4096
    )
    total_size: int = setting(64 * 2**20, "Bytes of all these files; the oldest one goes.", least=4096)
    days: float = setting(14.0, "Days after which such a file goes.", least=0.001)
    interval: float = setting(1.0, "Seconds in which spans are gathered before they are written or sent.", least=0)
    waiting: int = setting(
        10_000, "Spans that may wait for a disk or a collector that is down or slow; the oldest one goes.", least=1
    )
    timeout: float = setting(10.0, "Seconds in which a collector must have taken a batch of spans.", least=0.1)


@dataclass(frozen=True)
class FirstStartConfig:
    """What is made when the daemon starts on an empty state directory. Without effect later."""

    repositories: bool | None = setting(
        None,
        "Whether to make the storage repositories of an installation: local storage, DVD drives, removable storage, "
        "tools. Empty: yes, but on simulated drivers no.",
    )
    demo_guest: bool = setting(True, "Whether to make the template 'xapid demo guest'.")
    host_uuid: str = setting("", "The uuid of this host, to restore one that was lost. Empty: a new one.", form=UUID)
    host_ref: str = setting("", "The reference of this host, likewise.", form=REF)
    pool_uuid: str = setting("", "The uuid of the pool, likewise.", form=UUID)
    pool_ref: str = setting("", "The reference of the pool, likewise.", form=REF)


@dataclass(frozen=True)
class ProductConfig:
    """What the map host.software_version says to clients, which compare its versions."""

    brand: str = setting(
        "xapid", "The key product_brand. Xen Orchestra patches hosts called XCP-ng or XenServer in its own ways."
    )
    version: str = setting("8.3.0", "The key product_version.", form=VERSION)
    version_text: str = setting("8.3", "The key product_version_text, for people.")
    version_text_short: str = setting("8.3", "The key product_version_text_short.")
    platform_name: str = setting("XCP", "The key platform_name.")
    platform_version: str = setting("3.4.0", "The key platform_version.", form=VERSION)
    build_number: str = setting("", "The key build_number. Empty: the version of xapid.")


@dataclass(frozen=True)
class GuestsConfig:
    """How long guests are waited for, and what they start with."""

    answer: float = setting(
        1200.0, "Seconds that a guest has for shutting down or rebooting once it was asked to.", least=0
    )
    ask_again: float = setting(
        15.0, "Seconds after which it is asked again: a guest that is still booting misses it.", least=0.01
    )
    last_shutdown_time: bool | None = setting(
        None,
        "Whether the time of each shutdown and reboot of a machine is written into its other_config, key "
        "last_shutdown_time. Empty: yes, but on simulated drivers no.",
    )
    ballooning: bool | None = setting(
        None,
        "Whether guests are given memory, and asked it back, within their dynamic ranges as others need it; each then "
        "counts for its memory_dynamic_min on its host, and otherwise for its memory_static_max. Empty: no, but yes "
        "under Xen, and on simulated drivers.",
    )
    end_with_host: float = setting(
        60.0, "Seconds that a guest has for shutting down because its host goes down; then it is switched off.", least=0
    )
    all_end_with_host: float = setting(
        600.0,
        "Seconds that all have, one order after the other; who runs then is switched off at once.",
        least=0,
    )
    custom_uefi_certificates: bool = setting(
        False, "Whether a pool can be given certificates of one's own for secure boot, in place of the system's."
    )


@dataclass(frozen=True)
class StorageConfig:
    """How chains of images become shorter, and types of repositories that programs of third parties serve."""

    merge_speed: int = setting(100 * 2**20, "Bytes a second that are written so. 0: any number.", least=0)
    merge_after: float = setting(
        60.0,
        "Seconds after which that begins once it is possible; at once where a chain is long. Images that nobody needs "
        "go then, too.",
        least=0,
    )
    smapiv1: Path = setting(
        Path("/opt/xensource/sm"), "The folder of storage plug-ins that are one program for each type (SMAPIv1)."
    )
    smapiv3: Path = setting(
        Path("/usr/libexec/xapi-storage-script"),
        "The folder of those that are folders of programs, in volume and datapath (SMAPIv3).",
    )
    plugins: tuple[str, ...] = setting((), "Types of repositories that plug-ins may serve. Empty: any.")


@dataclass(frozen=True)
class NetworkConfig:
    """How hosts are reached, and what joins guests to their networks."""

    backend: NetworkBackend = setting(
        NetworkBackend.bridge,
        "Either bridge, the kernel's own bridges; or openvswitch, which must be installed and run. What one has made "
        "the other leaves alone: change it only on a host without guests, whose networks are down.",
    )
    datapath: Datapath = setting(
        Datapath.system,
        "With openvswitch, where packets are switched: system, in the kernel, by its module; or netdev, in the process "
        "of the switch, which any kernel bears and which is slower. It counts for bridges that are made from now on.",
    )
    names: NamePolicy = setting(
        NamePolicy.auto,
        "Whether the host asks the name servers of its interfaces (PIF.reconfigure_ip, servers of DHCP): auto, by "
        "systemd-resolved or the file resolv_conf, which is left alone where another program keeps it, or where "
        "somebody wrote it and the interface of the management is not the daemon's; always, by that file, whoever "
        "keeps it; never.",
    )
    resolv_conf: Path = setting(Path("/etc/resolv.conf"), "The file that says which name servers the host asks.")
    management_deadline: float = setting(
        60.0,
        "Seconds in which a client of another machine must come to the new address of a host, where a change of it cut "
        "off who asked for that; else it is taken back. 0: it stays, whatever comes.",
        least=0,
    )


@dataclass(frozen=True)
class LimitsConfig:
    """Bounds of what one client may take."""

    rpc_body: int = setting(307200, "Most bytes of a call over XML-RPC or JSON-RPC.", least=1024)
    tcp_head: int = setting(1024, "Most bytes of the head of a request over TCP and TLS.", least=64)
    unix_head: int = setting(65536, "Most bytes of the head of a request over a Unix socket.", least=64)
    head_idle: float = setting(10.0, "Seconds in which a new TCP connection must begin to speak.", least=0.1)
    head_total: float = setting(60.0, "Seconds in which it must have sent the whole head of its request.", least=0.1)
    tcp_connections: int = setting(
        800,
        "Connections that a TCP or TLS listener serves at once; for one more the one that was idle longest ends.",
        least=1,
    )
    unix_connections: int = setting(1024, "Connections that a Unix socket serves at once, likewise.", least=1)
    login_failure_delay: float = setting(
        1.0,
        "Seconds after which a refused login is told so; for each further one from the same address twice as many, up "
        "to 30.",
        least=0,
    )
    rate_limit: bool = setting(
        False, "Whether callers (class Caller) are registered and counted, and held to their Rate_limit."
    )
    sessions_per_user: int = setting(
        500, "Sessions of one user, or of one originator; a further login ends the one longest idle.", least=1
    )
    sessions: int = setting(10_000, "Sessions in all; a further login ends the one longest idle.", least=1)


@dataclass(frozen=True)
class Config:
    """The settings. Those at the top have flags; those in tables mostly not."""

    state_dir: Path = setting(
        Path("/var/lib/xapid"), "Everything that the daemon keeps: database, certificate, local disks.", flag="DIR"
    )
    http: tuple[Address, ...] = setting(
        (Address("0.0.0.0", 80), Address("::", 80)),  # noqa: S104 - a management API is there to be reached
        "Where to listen for HTTP. Empty: nowhere.",
        flag="ADDR:PORT",
    )
    https: tuple[Address, ...] = setting(
        (Address("0.0.0.0", 443), Address("::", 443)),  # noqa: S104 - likewise
        "Where to listen for HTTPS. Empty: nowhere.",
        flag="ADDR:PORT",
    )
    unix: tuple[Path, ...] = setting(
        (Path("/var/lib/xcp/xapi"), Path("/var/xapi/xapi")),
        "Unix sockets, whose callers root and the daemon's own user need no password. Empty: none.",
        flag="PATH",
    )
    drivers: Drivers = setting(
        Drivers.auto,
        "Either auto, what this host has: Xen in its control domain, else QEMU, with KVM where a guest boots on it and "
        "else emulating, both through libvirt; or libvirt, the same; or sim, which only pretends, in memory.",
        flag="auto|libvirt|sim",
    )
    password_file: Path | None = setting(
        None,
        "The file with users and hashes of their passwords. Empty: the file passwords in the state directory.",
        flag="FILE",
    )
    pam_service: str = setting(
        "xapi",
        "The service as which PAM is asked for root's password, if /etc/pam.d describes it and root does not stand in "
        "the password file. Empty: PAM is never asked.",
    )
    programs: Path = setting(
        Path("/etc/xapi.d"),
        "Where programs of this host lie: plug-ins in plugins, extensions of the API in extensions, and hooks in "
        "folders named by the event that they are for.",
    )
    libvirt: LibvirtConfig = table(LibvirtConfig)
    log: LogConfig = table(LogConfig)
    audit: AuditConfig = table(AuditConfig)
    tracing: TracingConfig = table(TracingConfig)
    first_start: FirstStartConfig = table(FirstStartConfig)
    product: ProductConfig = table(ProductConfig)
    guests: GuestsConfig = table(GuestsConfig)
    storage: StorageConfig = table(StorageConfig)
    network: NetworkConfig = table(NetworkConfig)
    limits: LimitsConfig = table(LimitsConfig)

    @property
    def notes_shutdowns(self) -> bool:
        """Whether machines are told when they were shut down or rebooted last. The simulator's never were told it."""
        said = self.guests.last_shutdown_time
        return self.drivers is not Drivers.sim if said is None else said

    @property
    def passwords(self) -> Path:
        """The password file."""
        return self.password_file or self.state_dir / "passwords"

    @property
    def database(self) -> Path:
        """The file of the database."""
        return self.state_dir / "xapid.db"

    @property
    def audit_log(self) -> Path:
        """The newest file of the audit log."""
        return self.state_dir / "audit.log"

    @property
    def traces(self) -> Path:
        """The folder of files with traces."""
        return self.tracing.folder or self.state_dir / "traces"

    @property
    def blobs(self) -> Path:
        """The folder with the content of blobs, a file each, named by its uuid."""
        return self.state_dir / "blobs"

    @property
    def demo_cache(self) -> Path:
        """Where the demo guest is kept, and what was found out about KVM by it."""
        return self.state_dir / "demo"

    @classmethod
    def load(cls, flags: Mapping[str, str], environment: Mapping[str, str]) -> Config:
        """The settings; ``flags`` by their names, as ``{"--http": "..."}``. Raises ConfigError."""
        named = flags.get(FILE_OPTION, environment.get(FILE_VARIABLE, ""))
        file = Path(named) if named else CONFIG_FILE if CONFIG_FILE.exists() else None
        return read(cls, file, environment, flags)


def sample_file() -> str:
    """The text of ``etc/xapid.toml``."""
    return sample(
        Config,
        "# Settings of xapid, with their defaults. Each can also be given by the environment variable that stands in\n"
        "# brackets, and some by a flag of `xapid serve`; a flag goes before a variable, a variable before this file.\n"
        "# Read from /etc/xapid/xapid.toml, or from the file named by --config or XAPID_CONFIG.\n"
        "# This page is written by `make docs` from xapid/runtime/config.py.\n",
    )


__all__ = ["Address", "Config", "ConfigError", "Drivers", "LogFormat", "LogLevel", "sample_file"]
