"""What configurations say of servers: nothing of it reaches a command but as a value, and what is wrong is named."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.backends.storage.rig import fresh
from xapid.backends.interface import BadConfig, Failed, Unavailable
from xapid.backends.storage import servers
from xapid.backends.storage.interface import Sr, StorageDriver
from xapid.backends.storage.iso import Iso
from xapid.backends.storage.mounts import Mounts
from xapid.backends.storage.nfs import Nfs
from xapid.backends.storage.smb import Smb

MEAN = ["-o", "--help", "a b", "a\nb", "$(id)", "`id`", "a;b", "..", ".", "a,b", "a\0b", "::1%eth0", "[::1", "a" * 300]


class Commands:
    """Takes down what would be run."""

    def __init__(self) -> None:
        self.lists: list[list[str]] = []
        self.read: list[str] = []
        """What the files said that they name."""

    def __call__(self, words: Sequence[str]) -> str:
        self.lists.append(list(words))
        for each in words[4].split(","):
            if each.startswith("credentials="):
                self.read.append(Path(each.partition("=")[2]).read_text())
        return ""


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setattr(servers, "assert_answers", lambda *_: None)
    return Commands()


@pytest.mark.parametrize("name", ["nfs.example.org", "10.0.0.1", "::1", "[fe80::1]", "a", "A_b-c"])
def test_names_and_addresses_are_hosts(name: str) -> None:
    assert servers.host(name) == name.strip("[]")


@pytest.mark.parametrize("name", [*MEAN, "", "a/b", "a:b", "-a", "a-", "[a]"])
def test_what_else_is_there_is_no_host(name: str) -> None:
    with pytest.raises(BadConfig) as error:
        servers.host(name)

    assert error.value.facts["key"] == "server"


@pytest.mark.parametrize("given, taken", [("/", "/"), ("/a", "/a"), ("/a/b c/", "/a/b c"), ("/a;$(id)", "/a;$(id)")])
def test_a_folder_of_a_server_is_a_full_path(given: str, taken: str) -> None:
    assert servers.folder(given, "serverpath") == taken


@pytest.mark.parametrize("path", ["", "a", "/a/../b", "/a\nb", "/a\0", "/" + "a" * 2000])
def test_what_else_is_there_is_no_folder(path: str) -> None:
    with pytest.raises(BadConfig):
        servers.folder(path, "serverpath")


def test_options_of_a_mount_are_words_and_values() -> None:
    assert servers.options("soft,timeo=100,,sec=krb5") == ("soft", "timeo=100", "sec=krb5")


@pytest.mark.parametrize(
    "text", ["suid", "dev", "soft,remount", "bind", "a b", "a\nb", "a=b c", "-o", "a=$(id)", "password=x", "=", "A"]
)
def test_options_that_mean_something_else_are_refused(text: str) -> None:
    with pytest.raises(BadConfig):
        servers.options(text)


def test_a_server_that_does_not_answer_is_told_at_once() -> None:
    with pytest.raises(Unavailable) as error:
        servers.assert_answers("127.0.0.1", 1, "108")
    assert error.value.facts["code"] == "108"

    with pytest.raises(Unavailable) as error:
        servers.assert_answers("no-such-host.invalid", 1, "108")
    assert error.value.facts["code"] == "140"


# NFS


def test_a_repository_on_a_server_of_nfs_is_mounted_by_its_own_folder(commands: Commands, tmp_path: Path) -> None:
    driver, uuid = Nfs(mounts=Mounts(tmp_path, commands)), fresh()
    config = {"server": "::1", "serverpath": "/srv/disks/", "nfsversion": "4.1", "options": "soft,timeo=100"}

    driver.mount(Sr(uuid, "nfs", config))

    (words,) = commands.lists
    assert words[:4] == ["mount", "-t", "nfs", "-o"]
    assert words[4].split(",") == [
        "nosuid", "nodev", "vers=4.1", "proto=tcp6", "acdirmin=0", "acdirmax=0", "lookupcache=positive", "soft",
        "timeo=100",
    ]  # fmt: skip
    assert words[5:] == ["--", f"[::1]:/srv/disks/{uuid}", str(tmp_path / uuid)]


def test_one_that_has_the_folder_to_itself_is_mounted_so(commands: Commands, tmp_path: Path) -> None:
    driver = Nfs(mounts=Mounts(tmp_path, commands))

    driver.mount(Sr(fresh(), "nfs", {"server": "a", "serverpath": "/"}, {"nosubdir": "true"}))

    assert commands.lists[0][6] == "a:/"


@pytest.mark.parametrize(
    "config, key, code",
    [
        ({}, "server", None),
        ({"server": "a"}, "serverpath", None),
        ({"server": "-o", "serverpath": "/a"}, "server", None),
        ({"server": "a", "serverpath": "a"}, "serverpath", None),
        ({"server": "a", "serverpath": "/a/../../etc"}, "serverpath", None),
        ({"server": "a", "serverpath": "/a", "nfsversion": "5"}, "nfsversion", "72"),
        ({"server": "a", "serverpath": "/a", "nfsversion": "4,suid"}, "nfsversion", "72"),
        ({"server": "a", "serverpath": "/a", "options": "suid"}, "options", None),
    ],
)
@pytest.mark.parametrize("call", ["create_sr", "attach_sr", "probe"])
def test_bad_configurations_of_nfs_are_named(
    commands: Commands, tmp_path: Path, config: dict[str, str], key: str, code: str | None, call: str
) -> None:
    assert_refused(Nfs(mounts=Mounts(tmp_path, commands)), call, "nfs", config, key, code)
    assert not commands.lists


# SMB


def test_a_share_is_mounted_without_a_password_where_others_read(commands: Commands, tmp_path: Path) -> None:
    driver, uuid = Smb(mounts=Mounts(tmp_path, commands)), fresh()
    config = {"server": r"\\files.example\disks", "username": "me", "password": "a, b=c\\", "domain": "HOME"}

    driver.mount(Sr(uuid, "smb", config))

    (words,) = commands.lists
    assert "a, b" not in " ".join(words)
    assert words[5:] == ["--", f"//files.example/disks/{uuid}", str(tmp_path / uuid)]
    assert commands.read == ["username=me\npassword=a, b=c\\\ndomain=HOME\n"]
    (file,) = (each.partition("=")[2] for each in words[4].split(",") if each.startswith("credentials="))
    assert not Path(file).exists()


def test_nobody_is_a_guest(commands: Commands, tmp_path: Path) -> None:
    Smb(mounts=Mounts(tmp_path, commands)).mount(Sr(fresh(), "smb", {"server": "//a/b"}))

    assert "guest" in commands.lists[0][4].split(",")


@pytest.mark.parametrize(
    "config, key",
    [
        ({}, "server"),
        *(({"server": server}, "server") for server in ("a", r"\\a", r"\\a\b\c", "//a/..", "//-o/b", "//a/b,suid")),
        ({"server": "//a/b", "username": "me\npassword=x"}, "username"),
        ({"server": "//a/b", "username": "me", "password": "x\ndomain=y"}, "password"),
    ],
)
@pytest.mark.parametrize("call", ["create_sr", "attach_sr", "probe"])
def test_bad_configurations_of_smb_are_named(
    commands: Commands, tmp_path: Path, config: dict[str, str], key: str, call: str
) -> None:
    assert_refused(Smb(mounts=Mounts(tmp_path, commands)), call, "smb", config, key, None)
    assert not commands.lists


# Discs


@pytest.mark.parametrize(
    "config, kind, source",
    [
        ({"location": "a:/discs"}, "nfs", "a:/discs"),
        ({"location": "[::1]:/discs", "type": "nfs_iso"}, "nfs", "[::1]:/discs"),
        ({"location": r"\\a\discs"}, "cifs", "//a/discs"),
        (
            {"location": "//a/discs", "type": "cifs", "iso_path": "linux/new", "vers": "3.0"},
            "cifs",
            "//a/discs/linux/new",
        ),
    ],
)
def test_libraries_on_servers_are_mounted_to_be_read(
    commands: Commands, tmp_path: Path, config: dict[str, str], kind: str, source: str
) -> None:
    Iso(mounts=Mounts(tmp_path, commands)).attach_sr(Sr(fresh(), "iso", config))

    (words,) = commands.lists
    assert (words[2], words[6]) == (kind, source)
    assert "ro" in words[4].split(",")


@pytest.mark.parametrize(
    "config, key, code",
    [
        ({}, "location", None),
        ({"location": "//a/b", "type": "ftp"}, "type", None),
        ({"location": "/a", "type": "nfs_iso"}, "location", "225"),
        ({"location": "-o:/a"}, "location", "225"),
        ({"location": "//a"}, "location", "225"),
        ({"location": "//a/b", "iso_path": "../c"}, "location", "225"),
        ({"location": "//a/b", "vers": "1.0,suid"}, "vers", "227"),
        ({"location": "//a/b", "options": "suid"}, "options", None),
    ],
)
@pytest.mark.parametrize("call", ["create_sr", "attach_sr"])
def test_bad_configurations_of_libraries_are_named(
    commands: Commands, tmp_path: Path, config: dict[str, str], key: str, code: str | None, call: str
) -> None:
    assert_refused(Iso(mounts=Mounts(tmp_path, commands)), call, "iso", config, key, code)
    assert not commands.lists


def test_what_cannot_be_mounted_leaves_no_folder_and_says_which_program_is_missing(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(words: Sequence[str]) -> str:
        raise Failed(f"{words[0]}: bad option")

    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(Unavailable) as error:
        Nfs(mounts=Mounts(tmp_path, refuse)).attach_sr(Sr(fresh(), "nfs", {"server": "a", "serverpath": "/a"}))

    assert "apt-get install nfs-common" in error.value.message
    assert not list(tmp_path.iterdir())


def assert_refused(
    driver: StorageDriver, call: str, type: str, config: dict[str, str], key: str, code: str | None
) -> None:
    with pytest.raises(BadConfig) as error:
        match call:
            case "probe":
                driver.probe(config)
            case "create_sr":
                driver.create_sr(Sr(fresh(), type, config), 0)
            case "attach_sr":
                driver.attach_sr(Sr(fresh(), type, config))

    assert (error.value.facts["key"], error.value.facts.get("code")) == (key, code)
