"""Machines of ours under a libvirt, whatever its hypervisor: which there are, and what is done to all alike."""

from __future__ import annotations

from pathlib import Path

import libvirt

from xapid.backends.domain import preflight, save_image
from xapid.backends.domain.connection import Connection
from xapid.backends.domain.domain_facts import Description, target_of
from xapid.backends.domain.domain_xml import NAMESPACE
from xapid.backends.domain.interface import Domain, DomainState, Endpoint, Feature
from xapid.backends.domain.libvirt_errors import backend_error, is_gone, told
from xapid.backends.interface import AlreadyExists, DriverInfo, NotFound, NotSupported
from xapid.backends.storage.interface import Disk, VolumeFormat

STATES = {
    libvirt.VIR_DOMAIN_PAUSED: DomainState.paused,
    libvirt.VIR_DOMAIN_CRASHED: DomainState.paused,
    libvirt.VIR_DOMAIN_PMSUSPENDED: DomainState.paused,
}
"""Those that are not running: a guest kept after a crash stands still too."""


class LibvirtMachines:
    """Machines with our mark in their metadata. They are not defined in libvirt: what does not run is not there."""

    info: DriverInfo
    _connection: Connection

    # What there is

    def domains(self) -> list[Domain]:
        with told("listing the domains"):
            active = self._connection.get().listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        return [ours for domain in active if (ours := self._ours(domain)) is not None]

    def find(self, uuid: str) -> Domain | None:
        domain = self._active(uuid)
        return None if domain is None else self._ours(domain)

    def foreign(self) -> list[str]:
        with told("listing the domains"):
            return [domain.name() for domain in self._connection.get().listAllDomains() if _is_foreign(domain)]

    # What every hypervisor does alike

    def pause(self, uuid: str) -> None:
        with told(f"pausing {uuid}"):
            self.running(uuid).suspend()

    def unpause(self, uuid: str) -> None:
        domain = self.running(uuid)
        with told(f"unpausing {uuid}"):
            state = domain.state()[0]
            if state == libvirt.VIR_DOMAIN_PAUSED:
                domain.resume()
            elif state == libvirt.VIR_DOMAIN_PMSUSPENDED:
                # To whoever looks, one that sleeps stands still as well.
                domain.pMWakeup()

    def set_memory(self, uuid: str, target: int) -> None:
        with told(f"setting the memory of {uuid}"):
            self.running(uuid).setMemoryFlags(target // 1024, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def set_vcpus(self, uuid: str, count: int) -> None:
        with told(f"setting the processors of {uuid}"):
            self.running(uuid).setVcpusFlags(count, libvirt.VIR_DOMAIN_VCPU_LIVE)

    # The end of a domain

    def destroy(self, uuid: str) -> None:
        domain = self._active(uuid)
        if domain is not None:
            try:
                domain.destroy()
            except libvirt.libvirtError as error:
                # It may have ended by itself just now.
                if self._runs(uuid):
                    raise backend_error(error, f"destroying {uuid}") from error
        self._stopped(uuid)

    def suspend(self, uuid: str, image: Disk) -> None:
        domain = self.running(uuid)
        path = image_path(image)
        file = save_image.ImageFile(path)
        with told(f"suspending {uuid}"):
            domain.saveFlags(str(path))
        file.settle()
        self._stopped(uuid)

    def _require_absent(self, uuid: str) -> None:
        if self._runs(uuid):
            raise AlreadyExists(f"{uuid} runs already", uuid=uuid)

    def _stopped(self, uuid: str) -> None:
        """Let go of what a machine had, unless it runs after all."""
        raise NotImplementedError

    # For the datapath, which works on the same machines

    def running(self, uuid: str) -> libvirt.virDomain:
        """The domain of a machine of ours. Raises NotFound, Unavailable."""
        domain = self._active(uuid)
        if domain is None:
            raise NotFound(f"there is no domain {uuid}", domain=uuid)
        return domain

    def described(self, domain: libvirt.virDomain) -> Description:
        """The domain as libvirt describes it now. Raises NotFound when it went meanwhile."""
        with told("describing a domain"):
            return Description(domain.XMLDesc())

    # Looking

    def _active(self, uuid: str) -> libvirt.virDomain | None:
        """The domain, if it runs and is ours."""
        try:
            domain = self._connection.get().lookupByUUIDString(uuid)
            return domain if domain.isActive() and is_ours(domain) else None
        except libvirt.libvirtError as error:
            if is_gone(error):
                return None
            raise backend_error(error, f"looking for {uuid}") from error

    def _runs(self, uuid: str) -> bool:
        return self._active(uuid) is not None

    def _ours(self, domain: libvirt.virDomain) -> Domain | None:
        """What the domain is; None if it is not ours, or went meanwhile."""
        try:
            description = Description(domain.XMLDesc())
            if description.label is None:
                return None
            state, _, memory, vcpus, _ = domain.info()
            return Domain(
                uuid=domain.UUIDString(),
                id=domain.ID(),
                state=STATES.get(state, DomainState.running),
                kind=description.label.kind,
                name=description.title,
                memory=memory * 1024,
                vcpus=vcpus,
                start_time=description.label.started,
                consoles=self._consoles(domain.UUIDString(), description),
                disks=tuple(description.disks),
                nics=tuple(description.interfaces),
                links=self._links(domain, description),
                usbs=tuple(description.usbs),
                pcis=description.pcis,
                features=self._features(description),
                stalled=_stalled(domain, description) if state == libvirt.VIR_DOMAIN_PAUSED else (),
            )
        except libvirt.libvirtError as error:
            if is_gone(error):
                return None
            raise backend_error(error, "looking at a domain") from error

    def _consoles(self, uuid: str, description: Description) -> tuple[Endpoint, ...]:
        """Where those of a guest are."""
        return description.consoles

    def _links(self, domain: libvirt.virDomain, description: Description) -> dict[str, tuple[str, ...]]:
        """How the host's ends of interfaces are called that the hypervisor named."""
        return {}

    def _features(self, description: Description) -> frozenset[str]:
        """What can be done with a guest: one without ACPI has no power button."""
        return self.info.features if description.has_acpi else self.info.features - {Feature.clean_shutdown}


def _stalled(domain: libvirt.virDomain, description: Description) -> tuple[str, ...]:
    """The drives of a guest that stands still because a write to them found no space."""
    if domain.state()[1] != libvirt.VIR_DOMAIN_PAUSED_IOERROR:
        return ()
    errors = domain.diskErrors()
    return tuple(
        vbd
        for vbd, disk in description.disks.items()
        if errors.get(target_of(disk)) == libvirt.VIR_DOMAIN_DISK_ERROR_NO_SPACE
    )


def is_ours(domain: libvirt.virDomain) -> bool:
    """Whether it has our mark."""
    try:
        domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_METADATA:
            return False
        if error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
            # Between two lives, as Xen's are while they reboot, when only the whole description is to be had.
            return Description(domain.XMLDesc()).label is not None
        raise
    return True


def _is_foreign(domain: libvirt.virDomain) -> bool:
    try:
        return not is_ours(domain)
    except libvirt.libvirtError as error:
        if is_gone(error):
            return False
        raise


def image_path(image: Disk) -> Path:
    """Where a suspended machine is saved. Raises NotSupported, NotFound."""
    if image.format is not VolumeFormat.raw or image.kind not in ("file", "block"):
        raise NotSupported(f"an image must be a raw file or device: {image.path}", path=image.path)
    preflight.require_paths([image.path])
    return Path(image.path)
