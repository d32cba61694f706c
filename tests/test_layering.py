"""Who may import whom: a room imports only rooms above it."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "xapid"


@dataclass(frozen=True)
class Room:
    """What a room may import. None for the packages of others: any that the project depends on."""

    name: str
    rooms: frozenset[str]
    packages: frozenset[str] | None = None


def _room(name: str, rooms: str, packages: str | None = None) -> Room:
    return Room(name, frozenset(rooms.split()), frozenset(packages.split()) if packages is not None else None)


VALUES = "datamodel wire wire.rfb store formats backends demo rules"
"""What a room that runs things may use of those that do not."""

ROOMS = {
    room.name: room
    for room in (
        _room("datamodel", "", packages=""),
        _room("wire", "datamodel wire.rfb", packages="orjson msgspec"),
        _room("store", "datamodel", packages="sqlalchemy alembic orjson"),
        # What viewers of screens speak, which some drivers answer themselves.
        _room("wire.rfb", "", packages=""),
        # Of streams and open files only: whoever has those may use it.
        _room("formats", "", packages=""),
        _room("backends", "wire.rfb formats", packages="libvirt libvirt_qemu pyroute2 msgspec pyte PIL"),
        _room("demo", "backends", packages=""),
        _room("rules", "datamodel store backends", packages=""),
        _room("runtime", VALUES),
        _room("auth", f"{VALUES} runtime"),
        _room("pool", f"{VALUES} runtime auth"),
        _room("ops", f"{VALUES} runtime auth pool"),
        _room("observe", f"{VALUES} runtime auth pool"),
        _room("api", f"{VALUES} runtime auth pool ops observe"),
        _room("http", f"{VALUES} runtime auth pool ops observe api"),
        _room("cli", f"{VALUES} runtime auth pool ops observe api http"),
        # The thin client runs on machines that have nothing of the daemon.
        _room("cli.client", "datamodel wire"),
        # These stand outside the rooms: they put the daemon together.
        _room("main", f"{VALUES} runtime auth pool ops observe api http hardware upkeep"),
        _room("upkeep", f"{VALUES} runtime auth pool ops observe"),
        _room("hardware", f"{VALUES} runtime auth pool ops observe api http"),
        # And these start it.
        _room("cli.server_command", f"{VALUES} runtime auth cli main"),
        _room("__main__", "cli.server_command"),
    )
}

RULES_SEE_ONLY = "interface"
"""Of the back ends, rules know the values that drivers get and give, and no driver."""


@dataclass(frozen=True)
class Import:
    """One name that a module imports, with the whole path of it."""

    module: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name}"

    @property
    def package(self) -> str:
        return self.name.split(".")[0]


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(), str(path))


def imports() -> Iterator[Import]:
    for module, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (Import(module, node.lineno, each.name) for each in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module}:{node.lineno}: imports are written in full"
                yield from (Import(module, node.lineno, f"{node.module}.{each.name}") for each in node.names)


def room_of(module: str) -> str:
    """The name of the narrowest room that a module lies in; empty for the package itself."""
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((name for name in names if name in ROOMS), parts[0])


EVERY_IMPORT = list(imports())


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_rooms_above_it(name: str) -> None:
    mine = [each for each in EVERY_IMPORT if room_of(each.module) == name and each.name.startswith("xapid.")]

    wrong = [str(each) for each in mine if not _allowed(ROOMS[name], each.name.removeprefix("xapid."))]

    assert wrong == []


def _allowed(room: Room, module: str) -> bool:
    target = room_of(module)
    # What is no room is a name of the package itself, such as __version__.
    return target == room.name or target in room.rooms or target not in ROOMS


@pytest.mark.parametrize(
    "room, module, allowed",
    [
        ("backends", "store.store", False),
        ("backends", "backends.interface", True),
        ("observe", "ops.vm.life", False),
        ("ops", "runtime.context", True),
        ("cli.client", "cli.server_command", False),
        ("wire", "__version__", True),
    ],
)
def test_the_table_is_read_as_it_is_meant(room: str, module: str, allowed: bool) -> None:
    assert _allowed(ROOMS[room], module) is allowed


@pytest.mark.parametrize("name", [name for name, room in ROOMS.items() if room.packages is not None])
def test_a_room_that_names_its_packages_imports_no_other(name: str) -> None:
    allowed = (ROOMS[name].packages or frozenset()) | sys.stdlib_module_names | {"xapid"}

    wrong = [str(each) for each in EVERY_IMPORT if room_of(each.module) == name and each.package not in allowed]

    assert wrong == []


def test_rules_know_no_driver() -> None:
    of_backends = [each for each in EVERY_IMPORT if each.module.startswith("rules") and ".backends." in each.name]

    assert [str(each) for each in of_backends if RULES_SEE_ONLY not in each.name.split(".")] == []


def test_every_module_lies_in_a_room() -> None:
    homeless = [name for name, _ in modules() if room_of(name) not in ROOMS]

    assert homeless == ["__init__"]
