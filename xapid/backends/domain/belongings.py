"""What a machine of QEMU keeps over a boot, as files of this host: the variables of its firmware, and its TPM.

They are brought here when it starts, and lie here until whoever keeps its records has fetched them.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

from xapid.backends.domain import efi_store, firmware
from xapid.backends.domain.embed import TPM_USER
from xapid.backends.domain.firmware import Firmware
from xapid.backends.domain.interface import DomainSpec, EfiVariable
from xapid.backends.interface import NotSupported
from xapid.backends.whole_files import write_whole

FLASH = "flash"
HAS_TPM = "tpm"
"""An empty file: libvirt keeps a TPM for this machine, which is ours to take away."""
TPM_STATE = Path("tpm2/tpm2-00.permall")
"""Where swtpm, as libvirt starts it, keeps all that a TPM does not lose when it is off."""
TPM_PROGRAMS = {"swtpm": "swtpm", "swtpm_setup": "swtpm-tools"}
"""Program -> Debian package."""


class Belongings:
    """A folder for each machine that has any. Those of one machine are never worked on twice at once."""

    def __init__(self, folder: Path, tpms: Path, owner: Callable[[], tuple[int, int] | None]) -> None:
        """``tpms``: where libvirt keeps TPMs. ``owner``: who runs guests; None: this process's user."""
        self._folder = folder.absolute()
        self._tpms = tpms
        self._owner = owner
        # Guests may run as another user, who may pass and not look around.
        self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)

    def flash(self, uuid: str) -> Path:
        """Where a machine has the variables of its firmware."""
        return self._folder / uuid / FLASH

    def bring(self, spec: DomainSpec, uefi: Firmware | None) -> None:
        """Lay down what a machine starts with. Raises NoSpace, BadConfig."""
        self.forget(spec.uuid)
        if uefi is None and spec.tpm is None:
            return
        folder = self._folder / spec.uuid
        folder.mkdir(mode=0o711)
        if uefi is not None:
            write_whole(folder / FLASH, firmware.flash(uefi, spec.efi_variables))
            if owner := self._owner():
                os.chown(folder / FLASH, *owner)
        if spec.tpm is not None:
            (folder / HAS_TPM).touch()
            if spec.tpm.contents:
                self._bring_tpm(spec.uuid, spec.tpm.contents)

    def _bring_tpm(self, uuid: str, contents: bytes) -> None:
        state = self._tpms / uuid / TPM_STATE
        self._tpms.mkdir(mode=0o711, parents=True, exist_ok=True)
        (self._tpms / uuid).mkdir(mode=0o711)
        state.parent.mkdir(mode=0o700)
        write_whole(state, contents)
        for path in (state.parent, state):
            os.chown(path, *_tpm_owner())

    def variables(self, uuid: str) -> tuple[EfiVariable, ...] | None:
        """Those of a machine's firmware, as it has them now or had them last. Raises BadConfig if half written."""
        try:
            return efi_store.variables(self.flash(uuid).read_bytes())
        except FileNotFoundError:
            return None

    def tpm(self, uuid: str) -> bytes | None:
        """All that a machine's TPM keeps."""
        try:
            return (self._tpms / uuid / TPM_STATE).read_bytes() if self._has_tpm(uuid) else None
        except FileNotFoundError:
            return None

    def forget(self, uuid: str) -> None:
        if self._has_tpm(uuid):
            shutil.rmtree(self._tpms / uuid, ignore_errors=True)
        shutil.rmtree(self._folder / uuid, ignore_errors=True)

    def owners(self) -> set[str]:
        """uuids of the machines of which something lies here."""
        return {path.name for path in self._folder.iterdir()}

    def _has_tpm(self, uuid: str) -> bool:
        return (self._folder / uuid / HAS_TPM).exists()


def require_tpm() -> None:
    """Raises NotSupported (fact ``tpm``) with what to install."""
    missing = [package for program, package in TPM_PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise NotSupported(f"this host has no TPM for guests: apt-get install {' '.join(missing)}", tpm="missing")


def _tpm_owner() -> tuple[int, int]:
    try:
        user = pwd.getpwnam(TPM_USER)
    except KeyError:
        return os.getuid(), os.getgid()
    return user.pw_uid, user.pw_gid
