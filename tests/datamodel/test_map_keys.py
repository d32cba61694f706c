"""The keys of maps that the code reads: declared, read through their declarations, and checked when written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop
from tests.xapi import Xapi
from xapid.datamodel import VM
from xapid.datamodel.errors import INVALID_VALUE, ApiError
from xapid.datamodel.map_keys import (
    AUTO_ENABLE,
    CORES_PER_SOCKET,
    DEFAULT_TEMPLATE,
    FIRMWARE,
    KEYS,
    NOMIGRATE,
    VIF_MTU,
    WLB_TIMEOUT_SECONDS,
    MapKey,
    all_keys,
    check_written,
)
from xapid.datamodel.types import CLASSES

PACKAGE = Path(__file__).parents[2] / "xapid"
FIELDS = {name for _, name in KEYS}
WRITTEN_ONLY = {"observe/first_start/templates.py"}
"""Reads the declarations of templates before there are rows."""


@dataclass
class Machine:
    """Anything with maps serves."""

    other_config: dict[str, str] = field(default_factory=dict)
    platform: dict[str, str] = field(default_factory=dict)
    HVM_boot_params: dict[str, str] = field(default_factory=dict)


# --- Declarations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", list(all_keys()), ids=lambda key: f"{key.owner}.{key.field}:{key.name}")
def test_a_key_belongs_to_a_map_and_says_what_it_means(key: MapKey[object]) -> None:
    assert CLASSES[key.owner].spec.fields[key.field].is_map
    assert key.doc.endswith(".")
    assert key.kind.words


def reads(tree: ast.Module) -> Iterator[tuple[int, ast.expr]]:
    """Where one key of a map is read: the line, and the expression that names the key."""

    def is_map(node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute) and node.attr in FIELDS

    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
            if is_map(node.func.value) and node.args:
                yield node.lineno, node.args[0]
        elif isinstance(node, ast.Subscript) and is_map(node.value):
            yield node.lineno, node.slice
        elif (
            isinstance(node, ast.Compare)
            and isinstance(node.ops[0], ast.In | ast.NotIn)
            and is_map(node.comparators[0])
        ):
            yield node.lineno, node.left


def modules(backends: bool) -> list[Path]:
    found = sorted(PACKAGE.rglob("*.py"))
    return [path for path in found if ("backends" in path.relative_to(PACKAGE).parts) is backends]


def test_code_reads_no_key_but_through_its_declaration() -> None:
    wrong = []
    for path in modules(backends=False):
        name = str(path.relative_to(PACKAGE))
        if name in WRITTEN_ONLY:
            continue
        for line, key in reads(ast.parse(path.read_text())):
            # A key that a client named, and the text of a declared one, for what `of` does not tell apart.
            declared = isinstance(key, ast.Attribute) and key.attr == "name"
            if not declared and not (isinstance(key, ast.Name) and key.id in ("key", "name")):
                wrong.append(f"{name}:{line} reads {ast.unparse(key)}")
    assert wrong == []


def test_drivers_read_no_key_that_is_not_declared() -> None:
    """Drivers know nothing of the datamodel: what they read must be declared for them."""
    names = {key.name for key in all_keys()}
    wrong = []
    for path in modules(backends=True):
        tree = ast.parse(path.read_text())
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for line, key in reads(tree):
            text = constants.get(key.id) if isinstance(key, ast.Name) else getattr(key, "value", None)
            if text not in names:
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} reads {ast.unparse(key)}")
    assert wrong == []


# --- Values ------------------------------------------------------------------------------------------


def test_a_key_that_is_not_set_is_its_default() -> None:
    assert CORES_PER_SOCKET.of(Machine()) == 1
    assert FIRMWARE.of(Machine()) == "bios"
    assert AUTO_ENABLE.of(Machine()) is True


@pytest.mark.parametrize(("text", "meant"), [("true", True), ("True", True), ("1", True), ("0", False), ("", False)])
def test_flags_of_a_platform_are_read_in_any_case(text: str, meant: bool) -> None:
    assert NOMIGRATE.of(Machine(platform={"nomigrate": text})) is meant


@pytest.mark.parametrize("text", ["True", "1", "yes"])
def test_other_flags_are_true_in_one_spelling_only_as_the_original_reads_them(text: str) -> None:
    """So no client may write another: it would be taken for false."""
    assert DEFAULT_TEMPLATE.of(Machine(other_config={"default_template": text})) is False
    with pytest.raises(INVALID_VALUE) as refused:
        DEFAULT_TEMPLATE.check(text)
    assert refused.value.args == ("other_config:default_template", text, "It must be true or false or empty")


@pytest.mark.parametrize("text", ["x", "-9000", "65536", "67", "9" * 30, "1e3", " 9000"])
def test_a_number_that_is_none_or_out_of_bounds_counts_as_not_set(text: str) -> None:
    assert VIF_MTU.of(Machine(other_config={"mtu": text})) == 0
    with pytest.raises(INVALID_VALUE):
        VIF_MTU.check(text)


@pytest.mark.parametrize("key", list(all_keys()), ids=lambda key: f"{key.owner}.{key.field}:{key.name}")
def test_a_key_can_be_taken_back_by_an_empty_text(key: MapKey[object]) -> None:
    key.check("")


def test_what_was_taken_back_so_is_the_default() -> None:
    assert VIF_MTU.of(Machine(other_config={"mtu": ""})) == 0
    assert AUTO_ENABLE.of(Machine(other_config={"auto_enable": ""})) is True
    assert WLB_TIMEOUT_SECONDS.of(Machine(other_config={"wlb_timeout": ""})) == 30.0


@pytest.mark.parametrize("text, seconds", [("30.0", 30.0), ("0.01", 0.01), ("45", 45.0), ("2.", 2.0), ("3600", 3600.0)])
def test_seconds_may_have_parts(text: str, seconds: float) -> None:
    WLB_TIMEOUT_SECONDS.check(text)
    assert WLB_TIMEOUT_SECONDS.of(Machine(other_config={"wlb_timeout": text})) == seconds


@pytest.mark.parametrize("text", ["0", "0.0001", "3601", "-1", "nan", "inf", "1e3", "1_0", ".5", "30,0", "soon"])
def test_seconds_are_bounded(text: str) -> None:
    with pytest.raises(INVALID_VALUE):
        WLB_TIMEOUT_SECONDS.check(text)


def test_a_late_key_may_be_written_and_is_refused_when_it_matters() -> None:
    CORES_PER_SOCKET.check("x")
    with pytest.raises(INVALID_VALUE) as refused:
        CORES_PER_SOCKET.of(Machine(platform={"cores-per-socket": "x"}))
    assert refused.value.args == ("platform:cores-per-socket", "x")


def test_what_is_there_already_is_let_be() -> None:
    old = {"nomigrate": "perhaps"}
    check_written("VM", "platform", old, old)
    with pytest.raises(INVALID_VALUE):
        check_written("VM", "platform", old, {"nomigrate": "perhaps not"})


# --- Over the wire -----------------------------------------------------------------------------------


async def refusal(xapi: Xapi, method: str, *params: object) -> tuple[str, ...]:
    with pytest.raises(ApiError) as refused:
        await xapi.call(method, *params)
    assert refused.value.code == "INVALID_VALUE"
    return refused.value.args


async def test_every_way_to_write_a_key_is_checked(xapi: Xapi, workshop: Workshop) -> None:
    vm = await workshop.vm()
    expected = ("platform:nomigrate", "perhaps", "It must be true or 1 or false or 0 or empty")
    assert await refusal(xapi, "VM.set_platform", vm, {"nomigrate": "perhaps", "free": "x"}) == expected
    assert await refusal(xapi, "VM.add_to_platform", vm, "nomigrate", "perhaps") == expected
    record = await xapi.VM.get_record(vm)
    assert await refusal(xapi, "VM.create", {**record, "platform": {"nomigrate": "perhaps"}}) == expected
    assert "nomigrate" not in await xapi.VM.get_platform(vm)
    assert "free" not in await xapi.VM.get_platform(vm)


async def test_implied_messages_and_plain_parameters_are_checked(xapi: Xapi, pool: str) -> None:
    expected = ("other_config:allow_clone_suspended_vm", "si", "It must be true or false or empty")
    config = await xapi.pool.get_other_config(pool)
    assert await refusal(xapi, "pool.add_to_other_config", pool, "allow_clone_suspended_vm", "si") == expected
    written = {**config, "allow_clone_suspended_vm": "si"}
    assert await refusal(xapi, "pool.set_other_config", pool, written) == expected
    await xapi.pool.add_to_other_config(pool, "allow_clone_suspended_vm", "true")
    assert (await xapi.pool.get_other_config(pool))["allow_clone_suspended_vm"] == "true"


async def test_keys_that_are_not_declared_are_free_labels(xapi: Xapi, workshop: Workshop) -> None:
    vm = await workshop.vm()
    labels = {"folder": "/a/b", "nomigrate": "a label here", "XenCenter.CustomFields.x": "\u2603"}
    await xapi.VM.set_other_config(vm, labels)
    assert await xapi.VM.get_other_config(vm) == labels


async def test_a_late_key_is_kept_as_it_is_and_refused_at_the_start(xapi: Xapi, workshop: Workshop) -> None:
    vm = await workshop.vm()
    await xapi.VM.add_to_platform(vm, "cores-per-socket", "x")
    with pytest.raises(INVALID_VALUE) as refused:
        await xapi.VM.start(vm, False, False)
    assert refused.value.args == ("platform:cores-per-socket", "x")


async def test_an_old_value_may_be_written_back_with_the_rest(fresh: FreshHost, workshop: Workshop) -> None:
    xapi, vm = fresh.xapi, await workshop.vm()
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(VM, vm), platform={"nomigrate": "perhaps"})
    await xapi.VM.set_platform(vm, {"nomigrate": "perhaps", "pae": "1"})
    assert await xapi.VM.get_platform(vm) == {"nomigrate": "perhaps", "pae": "1"}
