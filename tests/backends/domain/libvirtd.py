"""A libvirtd of the tests' own, whose files lie below a folder, that can be killed and started again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.backends.domain.hypervisor import PATIENCE, within

PLACES = ("/etc/libvirt", "/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt", "/run/libvirt")
"""Where a libvirtd that runs as root has its files, whatever it is told."""

BEGIN = """
set -e
mount --make-rprivate /
for place in {places}; do mount --bind "{folder}/files$place" "$place"; done
exec /usr/sbin/libvirtd --config "{folder}/libvirtd.conf"
"""


class Libvirtd:
    """The daemon, in a mount namespace where the places are in the folder."""

    def __init__(self, folder: Path, known_of_qemu: Path) -> None:
        """``known_of_qemu``: the cache of another libvirt; to find it out takes seconds."""
        self.socket = folder / "libvirt-sock"
        self.uri = f"qemu+unix:///system?socket={self.socket}"
        self._folder = folder
        self._made = [Path(place) for place in PLACES if not Path(place).exists()]
        for place in PLACES:
            Path(place).mkdir(exist_ok=True)
            (folder / "files" / place[1:]).mkdir(parents=True)
        shutil.copytree(known_of_qemu, folder / "files/var/cache/libvirt/qemu")
        settings = 'stdio_handler = "file"\nuser = "root"\ngroup = "root"\n'
        (folder / "files/etc/libvirt/qemu.conf").write_text(settings)
        (folder / "libvirtd.conf").write_text(f'unix_sock_dir = "{folder}"\nauth_unix_rw = "none"\n')
        self.start()

    def start(self) -> None:
        """Returns when it takes connections."""
        self.socket.unlink(missing_ok=True)
        script = BEGIN.format(places=" ".join(PLACES), folder=self._folder)
        command = ["unshare", "--mount", "sh", "-c", script]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert within(PATIENCE, self.socket.exists)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        """End it, and leave the machine as it was."""
        self.kill()
        for place in self._made:
            place.rmdir()
