"""What the README promises, done as it says: `make run`, the pasted lines, a guest's life seen by a second client.

Everything happens in a network of its own, so that ports and bridges are free whatever else runs on this machine.
"""

import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.console_client import Reader, connect, console, exactly, serial_line
from tests.daemon import Client
from tests.demo_guest import CACHE, demo_guest
from tests.make_d.test_readme import pasted
from tests.make_d.tree import LIMIT, Tree
from tests.own_network import own_network
from xapid.demo.build import READY

pytestmark = [pytest.mark.libvirt, pytest.mark.root, pytest.mark.slow]

SOCKET = "var/xapi"
LOGINS = """
import ssl, XenAPI
password = open("var/password").read().strip()
for url in "http://127.0.0.1:8080", "https://127.0.0.1:8443":
    session = XenAPI.Session(url, ignore_ssl=True)
    session.login_with_password("root", password, "1.0", "walk")
    print(url, len(session.xenapi.pool.get_all()))
# As XenAPI.xapi_local() does with the path of an installed daemon.
session = XenAPI.Session("http://var_xapi", transport=XenAPI.UDSTransport())
session.login_with_password("root", "", "1.0", "walk")
print("socket", len(session.xenapi.pool.get_all()))
try:
    XenAPI.Session(url, ignore_ssl=True).login_with_password("root", "wrong", "1.0", "walk")
except XenAPI.Failure as failure:
    print(failure.details[0])
"""


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[str, ...]]:
    """The words before a command that run it in a network of its own."""
    with own_network() as within:
        yield within


@pytest.fixture(scope="module")
def tree(network: tuple[str, ...]) -> Iterator[Tree]:
    """A clone in which `make run` runs. Its path is short: there are sockets below it."""
    folder = Path(tempfile.mkdtemp(prefix="xw-", dir="/tmp"))
    demo_guest()
    (folder / "var/state").mkdir(parents=True, mode=0o700)
    (folder / "var/state/demo").symlink_to(CACHE)
    tree = Tree(folder, "127.0.0.1:8080", "127.0.0.1:8443", "auto", network)
    tree.up()
    yield tree
    cleaned = tree.command("clean")
    for each in tree.started:
        each.end()
    shutil.rmtree(folder)
    assert cleaned.returncode == 0, cleaned.stderr


@pytest.fixture(scope="module")
def first_words(tree: Tree) -> str:
    """What a newcomer sees who pastes the README's lines into Python, until the guest is ready."""
    session = Terminal(tree.python("-i", "-q"), tree)
    session.type(pasted())
    session.wait_for(READY)
    session.close()
    return session.said


@pytest.fixture
def client(tree: Tree, first_words: str) -> Iterator[Client]:
    """A client on the Unix socket."""
    client = Client(tree.folder / SOCKET)
    yield client
    client.close()


@pytest.fixture
def second(tree: Tree, first_words: str) -> Iterator[Client]:
    """Another one."""
    client = Client(tree.folder / SOCKET)
    yield client
    client.close()


@pytest.fixture
def vm(client: Client) -> str:
    return str(client.call("VM.get_by_name_label", "my first guest")[0])


class Terminal(Reader):
    """A Python that somebody types into."""

    def __init__(self, command: list[str], tree: Tree) -> None:
        self._process = subprocess.Popen(
            command,
            env=tree.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self._process.stdout
        super().__init__(self._process.stdout.readline)

    def type(self, text: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.kill()
        self.join()
        self._process.communicate()


class Screen:
    """A viewer of RFB 3.8: a picture as it is now, and keys."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        assert exactly(sock, 12) == b"RFB 003.008\n"
        sock.sendall(b"RFB 003.008\n")
        assert 1 in exactly(sock, exactly(sock, 1)[0]), "no login without a password is offered"
        sock.sendall(b"\x01")
        assert exactly(sock, 4) == bytes(4)
        sock.sendall(b"\x01")
        self.width, self.height = struct.unpack(">HH", exactly(sock, 4))
        self.pixel_bytes = exactly(sock, 16)[0] // 8
        exactly(sock, struct.unpack(">I", exactly(sock, 4))[0])

    def picture(self) -> bytes:
        """The whole screen, raw."""
        self._sock.sendall(struct.pack(">BxHi", 2, 1, 0))
        self._sock.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width, self.height))
        kind, count = struct.unpack(">BxH", exactly(self._sock, 4))
        assert kind == 0
        pixels = b""
        for _ in range(count):
            _, _, width, height, encoding = struct.unpack(">HHHHi", exactly(self._sock, 12))
            assert encoding == 0
            pixels += exactly(self._sock, width * height * self.pixel_bytes)
        return pixels

    def press(self, key: str) -> None:
        for down in (1, 0):
            self._sock.sendall(struct.pack(">BBxxI", 4, down, ord(key)))


class Watch:
    """A second session that follows one machine by ``event.from``."""

    def __init__(self, client: Client, vm: str) -> None:
        self._client = client
        self._classes = [f"VM/{vm}"]
        self._token = client.call("event.from", self._classes, "", 0.0)["token"]
        self.gone = False

    def until(self, **wanted: Any) -> None:
        """Wait for an event whose snapshot shows these values; with none named, for the one that says it is gone."""
        while True:
            batch = self._client.call("event.from", self._classes, self._token, LIMIT)
            assert batch["events"], f"no event that shows {wanted}"
            self._token = batch["token"]
            for event in batch["events"]:
                if event["operation"] == "del":
                    assert not wanted, "the machine is gone"
                    return
                shown = event.get("snapshot", {})
                if wanted and all(shown.get(name) == value for name, value in wanted.items()):
                    return

    def until_doing(self, operation: str) -> None:
        """Wait for an event that shows the machine at it."""
        while True:
            batch = self._client.call("event.from", self._classes, self._token, LIMIT)
            assert batch["events"], f"no event that shows {operation}"
            self._token = batch["token"]
            if any(operation in event["snapshot"]["current_operations"].values() for event in batch["events"]):
                return


def test_the_pasted_lines_boot_a_guest(first_words: str) -> None:
    assert "Traceback" not in first_words
    assert "https://127.0.0.1:8443/console?uuid=" in first_words


def test_the_log_is_of_one_form_also_where_libvirt_speaks(tree: Tree, first_words: str) -> None:
    lines = (tree.folder / "var/log/xapid.log").read_text().splitlines()

    assert [line for line in lines if not re.match(r"[-\dT:.]+Z [A-Z]+ [\w.]+ ", line)] == []
    assert any(" WARNING libvirt " in line for line in lines)


def test_clients_log_in_over_http_https_and_the_socket_with_the_right_password_only(tree: Tree) -> None:
    done = subprocess.run(
        tree.python("-c", LOGINS), env=tree.environment(), capture_output=True, text=True, timeout=LIMIT
    )

    assert done.stdout.splitlines() == [
        "http://127.0.0.1:8080 1",
        "https://127.0.0.1:8443 1",
        "socket 1",
        "SESSION_AUTHENTICATION_FAILED",
    ], done.stderr


def test_the_screen_is_seen_and_keys_reach_the_guest(tree: Tree, client: Client, vm: str) -> None:
    with (
        serial_line(tree.folder / SOCKET, client, vm) as serial,
        connect(tree.folder / SOCKET, client, console(client, vm, "rfb")) as sock,
    ):
        screen = Screen(sock)

        picture = screen.picture()
        # Its screen is its line, with a shell. The last key is Return.
        for key in "echo $((1200+34))\uff0d":
            screen.press(key)

        serial.wait_for("1234")
    assert len(picture) == screen.width * screen.height * screen.pixel_bytes
    assert len(set(picture)) > 1, "the screen is of one colour"


def test_a_guest_is_paused_suspended_and_resumed_and_another_client_sees_it(
    tree: Tree, client: Client, second: Client, vm: str
) -> None:
    watch = Watch(second, vm)

    client.call("VM.pause", vm)
    watch.until(power_state="Paused")
    client.call("VM.unpause", vm)
    watch.until(power_state="Running")
    client.call("VM.suspend", vm)
    watch.until(power_state="Suspended")
    client.call("VM.resume", vm, False, False)
    watch.until(power_state="Running")

    with serial_line(tree.folder / SOCKET, client, vm) as serial:
        serial.wait_for("xapid demo guest: tick")


def test_a_running_guest_survives_kill_9_of_the_daemon_with_its_record(tree: Tree, client: Client, vm: str) -> None:
    before = client.call("VM.get_record", vm)
    tree.kill_daemon(signal.SIGKILL)

    tree.up()

    again = Client(tree.folder / SOCKET)
    after = again.call("VM.get_record", vm)
    again.close()
    shown = ("uuid", "power_state", "domid", "resident_on", "VBDs", "VIFs", "consoles", "current_operations")
    assert {name: after[name] for name in shown} == {name: before[name] for name in shown}
    assert after["power_state"] == "Running"


def test_a_guest_is_snapshot_while_it_runs(client: Client, second: Client, vm: str) -> None:
    watch = Watch(second, vm)

    snapshot = client.call("VM.snapshot", vm, "as it was")
    watch.until(snapshots=[snapshot])

    assert client.call("VM.get_snapshots", vm) == [snapshot]
    assert client.call("VM.get_power_state", vm) == "Running"
    client.call("VM.destroy", snapshot)


def test_a_guest_reboots_and_shuts_down_when_asked_and_is_destroyed(
    tree: Tree, client: Client, second: Client, vm: str
) -> None:
    watch = Watch(second, vm)

    with serial_line(tree.folder / SOCKET, client, vm) as serial:
        serial.wait_for("xapid demo guest: tick")
        said = len(serial.said)
        with ThreadPoolExecutor(1) as thread:
            seen = thread.submit(watch.until_doing, "clean_reboot")
            client.call("VM.clean_reboot", vm)
            seen.result()
        serial.wait_for(READY, said)
        client.call("VM.clean_shutdown", vm)
    watch.until(power_state="Halted")
    client.call("VM.destroy", vm)
    watch.until()

    assert client.call("VM.get_by_name_label", "my first guest") == []
