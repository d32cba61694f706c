"""The domain driver for QEMU through libvirt, with its daemon (``qemu:///system``) or without (``qemu:///embed``)."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import libvirt

from xapid.backends.domain import (
    agent_channel,
    agent_scripts,
    control_groups,
    embed,
    firmware,
    host_devices,
    libvirt_usage,
    preflight,
    qemu_agent,
    qemu_board,
    qemu_xml,
    save_image,
)
from xapid.backends.domain.belongings import Belongings
from xapid.backends.domain.connection import Connection
from xapid.backends.domain.domain_facts import Description, parse
from xapid.backends.domain.firmware import Firmware
from xapid.backends.domain.guest_agents import GuestAgents, Pauses
from xapid.backends.domain.guest_folders import GuestFolders
from xapid.backends.domain.interface import (
    Domain,
    DomainSpec,
    Endpoint,
    Feature,
    GuestReport,
    Kept,
    ScriptResult,
)
from xapid.backends.domain.libvirt_errors import is_gone, once_forgotten, told
from xapid.backends.domain.libvirt_machines import image_path
from xapid.backends.domain.qemu_agent import Silent
from xapid.backends.domain.qemu_devices import QemuDevices
from xapid.backends.domain.qemu_xml import Accel, Hosting
from xapid.backends.domain.terminals import Terminals
from xapid.backends.domain.watch import Tell, Watch
from xapid.backends.interface import (
    BackendError,
    BadConfig,
    DomainUsage,
    DriverInfo,
    Failed,
    NotSupported,
)
from xapid.backends.storage.interface import Disk

log = logging.getLogger(__name__)

DETACH_SECONDS = 30.0
"""How long a guest may take to let go of a device."""
SETTLING_AT_ONCE = 16
LAST_WORDS = 2000
"""Bytes of the end of QEMU's log that an error quotes."""

GUEST_FEATURES = frozenset(
    {
        Feature.suspend,
        Feature.clean_shutdown,
        Feature.hotplug_disk,
        Feature.hotplug_nic,
        Feature.live_snapshot,
        Feature.live_resize,
    }
)
"""Of every guest: virtio and ACPI need no drivers of ours."""


class LibvirtDomains(QemuDevices):
    """Machines of the QEMU of this host."""

    def __init__(
        self,
        uri: str,
        folder: Path,
        accel: Accel,
        detach_seconds: float = DETACH_SECONDS,
        pauses: Pauses | None = None,
    ) -> None:
        """``folder``: below it guests have their sockets, and what outlives them waits to be fetched.

        Raises Unavailable, InUse, BadConfig.
        """
        features = GUEST_FEATURES | {Feature.kvm} if accel is Accel.kvm else GUEST_FEATURES
        self.info = DriverInfo("qemu", f"QEMU through libvirt ({accel}, {uri})", frozenset(features))
        self._accel = accel
        self._detach_seconds = detach_seconds
        self._user: tuple[int, ...] | None = None
        self._folders = GuestFolders(folder / "run", self._guest_user)
        self._terminals = Terminals(folder / "tty")
        self._agents = GuestAgents(self._ask, lambda uuid: self._watch.changed(uuid), pauses)
        self._watch = Watch(self._stopped, self._folders.shorten_logs, self._agents.came)
        self._watch.add(self._agents.heard)
        self._connection = Connection(uri, self._watch, self._returned)
        self._belongings = Belongings(folder / "kept", embed.tpm_folder(self._connection.root), self._guest_user)
        self._watch.start()
        try:
            self._look_anew()
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._probe, name="xapid-probe-qemu", daemon=True).start()

    def watch(self, tell: Tell) -> None:
        self._watch.add(tell)

    def close(self) -> None:
        self._agents.stop()
        self._terminals.close()
        self._connection.close()
        self._watch.stop()

    # What guests say

    def guest_report(self, uuid: str) -> GuestReport | None:
        return self._agents.report(uuid)

    def run_script(self, uuid: str, script: str) -> ScriptResult:
        said = self._agents.report(uuid)
        distro = "" if said is None else said.os_version.get("distro", "")
        return agent_scripts.run(partial(agent_channel.ask, self.running(uuid)), distro, script).shortened()

    def let_users_in(self, uuid: str, allowed: bool) -> None:
        raise NotSupported("QEMU's agent does not change who may come in")

    def usage(self) -> list[DomainUsage]:
        with told("asking what the domains use"):
            return libvirt_usage.of_all(self._connection.get())

    def _ask(self, uuid: str) -> GuestReport:
        try:
            domain = self.running(uuid)
        except BackendError as error:
            raise Silent(error.message) from error
        agent_channel.require_running(domain)
        return qemu_agent.report(partial(agent_channel.ask, domain))

    # What outlives a domain

    def kept(self, uuid: str) -> Kept:
        domain = self._active(uuid)
        clock = self._watch.clocks.get(uuid) if domain is None else self.described(domain).clock_offset
        try:
            variables = self._belongings.variables(uuid)
        except BadConfig as error:
            log.warning("the firmware of %s was stopped while it wrote: %s", uuid, error.message)
            variables = None
        return Kept(variables, self._belongings.tpm(uuid), clock)

    def forget(self, uuid: str) -> None:
        if not self._runs(uuid):
            self._watch.clocks.pop(uuid, None)
            self._belongings.forget(uuid)

    def keeping(self) -> list[str]:
        return [uuid for uuid in sorted(self._belongings.owners()) if not self._runs(uuid)]

    # Life

    def start(self, spec: DomainSpec, paused: bool) -> Domain:
        self._require_absent(spec.uuid)
        preflight.require(spec)
        hosting = self._hosting(spec)
        xml = qemu_xml.domain(spec, hosting)
        flags = libvirt.VIR_DOMAIN_START_PAUSED if paused else 0
        with self._beginning(spec, hosting) as connection:
            once_forgotten(connection.createXML, xml, flags)
        return self._begun(spec.uuid)

    def sleep(self, uuid: str) -> None:
        # QEMU's agent is asked; what libvirt then has to say of it is all the same to who asked.
        with told(f"asking {uuid} to sleep"):
            self.running(uuid).pMSuspendForDuration(libvirt.VIR_NODE_SUSPEND_TARGET_MEM, 0)

    def wake(self, uuid: str) -> None:
        self.unpause(uuid)

    def request_shutdown(self, uuid: str) -> None:
        with told(f"asking {uuid} to shut down"):
            self.running(uuid).shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)

    def request_reboot(self, uuid: str) -> None:
        # libvirt presses the power button, and when the guest is down resets the machine rather than ending it.
        with told(f"asking {uuid} to reboot"):
            self.running(uuid).reboot(libvirt.VIR_DOMAIN_REBOOT_ACPI_POWER_BTN)

    def reset(self, uuid: str) -> Domain:
        domain = self.running(uuid)
        with told(f"resetting {uuid}"):
            domain.reset()
        return self._begun(uuid)

    def resume(self, spec: DomainSpec, image: Disk, paused: bool) -> Domain:
        self._require_absent(spec.uuid)
        preflight.require(spec)
        path = image_path(image)
        saved = self._saved(path)
        if (old := saved.root.findtext("uuid", spec.uuid)) != spec.uuid:
            save_image.rename(path, old, spec.uuid)
            saved = self._saved(path)
        hosting = self._hosting(spec)
        xml = qemu_xml.resumed(saved, spec, hosting)
        flags = libvirt.VIR_DOMAIN_SAVE_PAUSED if paused else libvirt.VIR_DOMAIN_SAVE_RUNNING
        with self._beginning(spec, hosting) as connection:
            once_forgotten(connection.restoreFlags, str(path), xml, flags)
        return self._begun(spec.uuid)

    def _last_words(self, uuid: str) -> str:
        path = embed.qemu_log(self._connection.root, uuid)
        try:
            written = path.read_bytes()[-LAST_WORDS:].decode(errors="replace")
        except OSError as error:
            return f"its log cannot be read: {error}"
        return " / ".join(written.splitlines()[-3:])

    def _saved(self, path: Path) -> Description:
        with told(f"reading the image {path}"):
            return Description(self._connection.get().saveImageGetXMLDesc(str(path)))

    # Acting

    def _hosting(self, spec: DomainSpec) -> Hosting:
        return Hosting(
            self._accel,
            self._folders.of(spec.uuid),
            int(time.time()),
            preflight.buffered(spec.disks),
            firmware=_firmware(spec),
            flash=self._belongings.flash(spec.uuid),
            processors=os.cpu_count() or 0,
            ordinary_shares=control_groups.ordinary_shares(),
            usb=host_devices.usb_places(spec.usbs),
            switched=preflight.switched(spec.nics),
        )

    @contextmanager
    def _beginning(self, spec: DomainSpec, hosting: Hosting) -> Iterator[libvirt.virConnect]:
        """For letting a machine come to be, in a folder of its own; its events are told from now on."""
        self._watch.own(spec.uuid)
        if (spec.scheduling.weight or spec.scheduling.cap) and not hosting.ordinary_shares:
            log.warning(
                "weight and cap of the processors of %s have no effect: this host gives no control groups", spec.uuid
            )
        connection = self._connection.get()
        with (
            self._folders.opened(spec.uuid) as folder,
            self._brought(spec, hosting.firmware),
            told(f"starting {spec.uuid}"),
        ):
            if data := qemu_board.data(spec):
                folder.data.write_text(data)
            yield connection

    @contextmanager
    def _brought(self, spec: DomainSpec, uefi: Firmware | None) -> Iterator[None]:
        """What the machine keeps over a boot lies ready; it does not stay if the start fails."""
        self._watch.clocks.pop(spec.uuid, None)
        try:
            self._belongings.bring(spec, uefi)
            yield
        except BaseException:
            self._belongings.forget(spec.uuid)
            raise

    def _begun(self, uuid: str) -> Domain:
        """A machine that must run now. Raises Failed with QEMU's last words when it does not."""
        found = self.find(uuid)
        if found is None:
            raise Failed(f"{uuid} ended at once: {self._last_words(uuid)}")
        self._show(uuid)
        return found

    def _show(self, uuid: str) -> None:
        """Have somebody look after the consoles of a guest that runs."""
        if (domain := self._active(uuid)) is not None:
            self._begin_terminal(uuid, self.described(domain))

    def _begin_terminal(self, uuid: str, description: Description) -> None:
        self._terminals.begin(uuid, description.label, description.consoles, description.title)

    def _consoles(self, uuid: str, description: Description) -> tuple[Endpoint, ...]:
        return self._terminals.consoles(uuid, description.label, description.consoles)

    # Of its own accord

    def _stopped(self, uuid: str) -> None:
        if not self._runs(uuid):
            self._terminals.end(uuid)
        self._folders.remove(uuid, self._runs)

    def _look_anew(self) -> None:
        """Learn which machines are ours, when libvirt has found out what became of each."""
        listed = self.domains()
        for domain in listed:
            self._watch.own(domain.uuid)
            if (found := self._active(domain.uuid)) is not None:
                # It may have been set while nobody heard.
                description = self.described(found)
                self._watch.clocks[domain.uuid] = description.clock_offset
                self._begin_terminal(domain.uuid, description)
                if description.has_agent:
                    self._agents.came(domain.uuid)
        with ThreadPoolExecutor(SETTLING_AT_ONCE, "xapid-settling") as pool:
            list(pool.map(self._settle, listed))
        self._folders.sweep(self._runs)
        self._terminals.sweep(self._runs)

    def _settle(self, domain: Domain) -> None:
        """Wait until libvirt, just started, has joined a machine's QEMU; until then it shows what was when it ended.

        What was about to start or to be saved then is still listed, and will be ended or set going again.
        """
        found = self._active(domain.uuid)
        try:
            if found is not None:
                # The cheapest question that has to wait for that.
                found.memoryStats()
        except libvirt.libvirtError as error:
            log.log(logging.DEBUG if is_gone(error) else logging.WARNING, "looking at %s: %s", domain.uuid, error)

    def _returned(self) -> None:
        try:
            self._look_anew()
        except BackendError as error:
            # It went again, and will be looked at when it comes back.
            log.warning("libvirt answered and cannot say what runs: %s", error.message)
        self._watch.lost()

    def _probe(self) -> None:
        """Let libvirt find out what QEMU can do before the first start needs it; that takes seconds."""
        try:
            self._connection.get().getCapabilities()
        except (libvirt.libvirtError, BackendError) as error:
            log.warning("libvirt cannot say what QEMU can do: %s", error)

    def _guest_user(self) -> tuple[int, int] | None:
        """User and group that QEMU runs as; None: those of this process."""
        if self._user is None:
            capabilities = parse(self._connection.get().getCapabilities())
            label = capabilities.findtext("host/secmodel[model='dac']/baselabel[@type='kvm']", "")
            self._user = tuple(map(int, re.findall(r"\+(\d+)", label)))
        match self._user:
            case (user, group):
                return user, group
        return None


def _firmware(spec: DomainSpec) -> Firmware | None:
    """What boots a machine, if it is no BIOS. Raises NotSupported where there is none."""
    return firmware.find(spec.secure_boot) if spec.has_uefi else None
