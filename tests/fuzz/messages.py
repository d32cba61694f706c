"""The attack on the messages: programs of calls with parameters that are right, nearly right or absurd."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
import tempfile
import time
import traceback
import xmlrpc.client
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tests.conftest as conftest
from tests.fuzz.engine import Broken, Target, Wrong
from tests.rules.test_incremental import stale
from tests.xapi import Xapi
from xapid.api.implicit import implicit_run
from xapid.api.methods import Method, find_operations, method_table
from xapid.datamodel import VM
from xapid.datamodel.types import (
    CLASSES,
    BoolType,
    DateTimeType,
    EnumType,
    FloatType,
    IntType,
    MapType,
    RecordType,
    RefType,
    SetType,
    Type,
)
from xapid.hardware import simulated
from xapid.http.reply import Reply
from xapid.main import build_runtime
from xapid.observe.first_start import first_start
from xapid.observe.startup import startup
from xapid.ops import MODULES
from xapid.rules.registry import DERIVATIONS
from xapid.runtime.agents import LocalBackends
from xapid.store.store import Store

NOT_CALLED = {
    # They wait until something happens, end the session, or end the program that runs them.
    "event.next", "session.logout", "session.local_logout", "host.restart_agent", "host.shutdown_agent",
}  # fmt: skip
WAITS = ("event.from", "VM.clean_", "VM.shutdown", "VM.wait_", "VM_appliance.", "host.evacuate", "pool.")
"""How messages begin that may wait for guests or for changes."""
PATIENCE, GLANCE = 10.0, 0.1
"""Seconds for a call, and for one that may wait, or stand behind one that waits."""
PROGRAMS = 300
"""Programs after which the host is made anew."""
SHRINKING = 20.0
"""Seconds in which it is found out what a failure needs."""
TEMPLATE = "$template"
"""Names the template without disks."""
MOST = 12
"""Calls of a program."""

TEXTS = (
    "",
    "a",
    "root",
    "OpaqueRef:NULL",
    "\0",
    "<&>",
    "\u00fc\U0001f600",
    "0",
    "-1",
    "x" * 300,
    "true",
    "*",
    "a/b",
    "../..",
)
INTS = (0, 1, -1, 2, 4, 255, 256, 4095, 1 << 20, 1 << 30, 1 << 32, 1 << 40, 2**63 - 1, -(2**63), 16)
FLOATS = (0.0, 1.0, -1.0, 0.5, 1e308, 1e-300, float("inf"), float("nan"))
DATES = ("19700101T00:00:00Z", "20240229T23:59:60Z", "99991231T23:59:59Z", "20200101T00:00:00+14:00", "1", "")
KEYS = (
    "a",
    "",
    "vcpus",
    "order",
    "location",
    "device",
    "weight",
    "folder",
    "cores-per-socket",
    "max",
    "\0",
    "key & <b>",
)
ODD: tuple[Any, ...] = (None, True, [], {}, "", 0, -1, 1.5, [[]], {"a": {}}, ["a"] * 50)


# --- Parameters ---------------------------------------------------------------------------------------------


def parameter(chance: random.Random, kind: Type) -> Any:
    """A value for a parameter of this type; references are named by class and number, ``$VM:3``."""
    if chance.random() < 0.02:
        return chance.choice(ODD)
    match kind:
        case RefType():
            target = kind.target if chance.random() < 0.95 else chance.choice(list(CLASSES))
            return (
                f"${target}:{chance.choice((0, 0, 0, 1, 1, 2, 3, 7))}" if chance.random() < 0.97 else "OpaqueRef:NULL"
            )
        case IntType():
            return str(chance.choice(INTS) + chance.choice((0, 0, 0, 1, -1)))
        case FloatType():
            return chance.choice(FLOATS)
        case BoolType():
            return chance.random() < 0.5
        case DateTimeType():
            return chance.choice(DATES)
        case EnumType():
            return chance.choice([member.value for member in kind.python])
        case SetType():
            return [parameter(chance, kind.item) for _ in range(chance.choice((0, 1, 1, 2, 5)))]
        case MapType():
            keys = [parameter(chance, kind.key) for _ in range(chance.choice((0, 1, 1, 2)))]
            return {key: parameter(chance, kind.value) for key in keys if isinstance(key, str)}
        case RecordType():
            return record(chance, kind.target)
    return chance.choice(KEYS if chance.random() < 0.3 else TEXTS)


def record(chance: random.Random, cls: str) -> dict[str, Any]:
    if cls not in CLASSES:
        return {}
    fields = CLASSES[cls].spec.fields.values()
    return {field.name: parameter(chance, field.type) for field in fields if chance.random() < 0.85}


# --- Programs -----------------------------------------------------------------------------------------------

Call = tuple[str, list[Any]]


class Programs:
    """Makes and changes programs: lists of a method's name and its parameters."""

    def __init__(self, methods: dict[str, Method]) -> None:
        self._methods = methods
        self._names = sorted(methods)
        self._acting = [name for name in self._names if ".get_" not in name]

    def change(self, chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
        program = _read(data)
        for _ in range(chance.choice((1, 1, 2, 4))):
            at = chance.randrange(len(program) + 1)
            kind = chance.randrange(6)
            if kind <= 1 or not program:
                program.insert(at, self.call(chance))
            elif kind == 2:
                del program[at % len(program)]
            elif kind == 3 and others:
                program[at:at] = _read(chance.choice(others))
            else:
                name, params = program[at % len(program)]
                if params and name in self._methods:
                    place = chance.randrange(len(params))
                    declared = self._methods[name].spec.params
                    if place < len(declared):
                        params[place] = parameter(chance, declared[place].type)
        return _written(program[-MOST:])

    def call(self, chance: random.Random) -> Call:
        name = chance.choice(self._acting if chance.random() < 0.8 else self._names)
        params = [parameter(chance, each.type) for each in self._methods[name].spec.params]
        return name, params[: chance.choice((len(params),) * 60 + (0, 1))]


def _read(data: bytes) -> list[Call]:
    return [(str(name), list(params)) for name, params in json.loads(data or b"[]")]


def _written(program: list[Call]) -> bytes:
    return json.dumps(program).encode()


# --- Running ------------------------------------------------------------------------------------------------


class Unforeseen(logging.Handler):
    """Keeps what is logged with a traceback: nobody thought of it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[tuple[str, BaseException]] = []

    def emit(self, entry: logging.LogRecord) -> None:
        error = entry.exc_info[1] if entry.exc_info else None
        if error is not None:
            self.errors.append((entry.getMessage(), error))


class Host:
    """A simulated host in this process, made anew now and then."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._methods = method_table(find_operations(MODULES), implicit_run)
        self.methods = {
            name: method
            for name, method in self._methods.items()
            if name == method.name and method.run is not None and not method.removed and name not in NOT_CALLED
        }
        self._rows: list[Any] = []
        self._stack = AsyncExitStack()
        self._xapi: Xapi | None = None
        self._ran = 0
        self._waiting = self._abandoned = False
        """Whether a call may be waiting; and whether one was left to itself, behind which others wait."""
        self._heard = Unforeseen()
        self.history: list[list[Call]] = []
        """Programs since the host was made."""
        self._known: set[str] = set()
        ours = logging.getLogger("xapid")
        ours.addHandler(self._heard)
        ours.propagate = False

    def run(self, data: bytes) -> None:
        try:
            program = _read(data)
        except (ValueError, TypeError):
            return
        try:
            self._loop.run_until_complete(self._run(program))
        except Wrong as error:
            sys.settrace(None)
            what, self._xapi = str(error), None
            if what in self._known:
                raise Wrong(what) from error
            self._known.add(what)
            raise Broken(_written(self._shrunk(what)), what) from error

    def close(self) -> None:
        logging.getLogger("xapid").removeHandler(self._heard)
        logging.getLogger("xapid").propagate = True
        self._loop.run_until_complete(self._stack.aclose())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def fails(self, program: list[Call]) -> str:
        """What a program breaks on a host of its own; nothing, if all is well."""
        self._xapi = None
        try:
            self._loop.run_until_complete(self._run(program))
        except Wrong as error:
            return str(error)
        finally:
            self._xapi = None
        return ""

    def _shrunk(self, what: str) -> list[Call]:
        """Few of the calls since the host was made that break it in the same way."""
        calls = [call for program in self.history for call in program]
        deadline = time.monotonic() + SHRINKING
        for size in (1, 4, 16, 64):
            if self.fails(calls[-size:]) == what:
                calls = calls[-size:]
                break
        part = len(calls) // 2
        while part and time.monotonic() < deadline:
            at = 0
            while at < len(calls) and time.monotonic() < deadline:
                without = calls[:at] + calls[at + part :]
                if self.fails(without) == what:
                    calls = without
                else:
                    at += part
            part //= 2
        return calls

    async def _run(self, program: list[Call]) -> None:
        if self._xapi is None or self._ran >= PROGRAMS:
            await self._make()
        assert self._xapi is not None
        self._ran += 1
        self.history.append(program)
        for name, params in program:
            self._waiting = self._waiting or name.startswith(WAITS)
            try:
                await asyncio.wait_for(self._call(name, params), GLANCE if self._waiting else PATIENCE)
                self._waiting = self._abandoned
            except TimeoutError:
                if not self._waiting:
                    raise Wrong(f"{name} does not come to an end") from None
                self._abandoned = True
            if self._heard.errors:
                said, error = self._heard.errors[0]
                self._heard.errors.clear()
                raise Wrong(f"{said}: {type(error).__name__}: {str(error)[:60]}: {_place(error)}") from error
        store = self._xapi.runtime.store
        for found in stale(store):
            raise Wrong(f"not derived anew: {found.split(':')[0].rpartition('.')[2]}")
        if self._ran % 20 == 0:
            for cls in CLASSES:
                if cls in store.tables:
                    for path in ("/jsonrpc", "/RPC2"):
                        await self._records(cls, path)

    async def _call(self, name: str, params: list[Any]) -> None:
        assert self._xapi is not None
        body = {"jsonrpc": "2.0", "method": name, "params": [self._xapi.session, *map(self._filled, params)], "id": 1}
        if name in self.methods and not self.methods[name].session:
            del body["params"][0]  # type: ignore[attr-defined]
        reply = await self._xapi.post("/jsonrpc", json.dumps(body).encode())
        self._look_at(name, reply)
        if "SESSION_INVALID" in reply.whole.decode()[:200]:
            await self._xapi.log_in()

    async def _records(self, cls: str, path: str) -> None:
        """Every record of a class can be written."""
        assert self._xapi is not None
        params = (self._xapi.session,)
        if path == "/RPC2":
            body = xmlrpc.client.dumps(params, f"{cls}.get_all_records").encode()
        else:
            body = json.dumps({"method": f"{cls}.get_all_records", "params": params, "id": 1}).encode()
        reply = await self._xapi.post(path, body)
        if reply.status != 200:
            raise Wrong(f"the records of {cls} cannot be written over {path}")
        if path == "/RPC2":
            ElementTree.fromstring(reply.whole)
        else:
            json.loads(reply.whole)

    def _look_at(self, name: str, reply: Reply) -> None:
        if reply.status not in (200, 500):
            raise Wrong(f"{name}: status {reply.status}")
        if reply.status == 200:
            json.loads(reply.whole)

    def _filled(self, value: Any) -> Any:
        """With references in place of their names."""
        if isinstance(value, str) and value.startswith("$"):
            cls, _, number = value[1:].partition(":")
            assert self._xapi is not None
            if value == TEMPLATE:
                (found,) = self._xapi.runtime.store.where(VM, name_label="Other install media")
                return str(found.ref)
            rows = list(self._xapi.runtime.store.tables[cls].rows) if cls in self._xapi.runtime.store.tables else []
            # The newest first: those that the program has made.
            return rows[-1 - int(number or 0) % len(rows)] if rows else "OpaqueRef:NULL"
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if isinstance(value, dict):
            return {self._filled(key): self._filled(each) for key, each in value.items()}
        return value

    async def _make(self) -> None:
        await self._stack.aclose()
        self._stack = AsyncExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="xapid-fuzz-")))
        config = conftest._config(folder)
        if not self._rows:
            backends = LocalBackends(simulated(config), apart=False)
            runtime = build_runtime(config, Store(DERIVATIONS), backends)
            await backends.start()
            machine = await conftest._machine(backends)
            await first_start(runtime, machine)
            await startup(runtime, machine)
            await backends.stop()
            self._rows = [row for table in runtime.store.tables.values() for row in table.rows.values()]
        host = await self._stack.enter_async_context(
            conftest._serving(config, simulated(config), self._methods, self._rows)
        )
        self._xapi = host.xapi
        for name, params in FURNITURE:
            await self._xapi.call(name, *map(self._filled, params))
        self._ran = 0
        self._waiting = self._abandoned = False
        self.history.clear()
        self._heard.errors.clear()


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.name}"


QOS = {"other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}}
NIC = {"VM": "$VM:0", "network": "$network:0", "device": "0", "MAC": "", "MTU": 0, **QOS}
DISK = {
    "SR": "$SR:0",
    "virtual_size": 1 << 30,
    "type": "user",
    "sharable": False,
    "read_only": False,
    "other_config": {},
}
DRIVE = {"VM": "$VM:0", "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "empty": False, **QOS}
CD = {**DRIVE, "VDI": "OpaqueRef:NULL", "userdevice": "3", "mode": "RO", "type": "CD", "empty": True}
SET = {"name_label": "s", "name_description": "", "VMs": [], "type": "snapshot", "enabled": True, "frequency": "daily"}
MACHINE: list[Call] = [
    ("VM.clone", [TEMPLATE, "m"]),
    ("VM.provision", ["$VM:0"]),
    ("VDI.create", [{**DISK, "name_label": "d"}]),
    ("VBD.create", [{**DRIVE, "VDI": "$VDI:0"}]),
    ("VBD.create", [CD]),
    ("VIF.create", [NIC]),
]
FURNITURE: list[Call] = [
    ("SR.create", ["$host:0", {}, 0, "sr", "", "dummy", "", False, {}]),
    *MACHINE,
    ("VM.start", ["$VM:0", False, False]),
    ("VM.clone", [TEMPLATE, "n"]),
    ("VM.provision", ["$VM:0"]),
    ("VBD.create", [CD]),
    ("VIF.create", [NIC]),
    ("VM_appliance.create", [{"name_label": "a", "name_description": ""}]),
    ("VMSS.create", [SET]),
]
"""What a host has before it is attacked: a machine that runs, one that does not, and some more."""

SEEDS: tuple[list[Call], ...] = (
    MACHINE,
    [
        ("VM.start", ["$VM:0", True, False]),
        ("VM.unpause", ["$VM:0"]),
        ("VM.suspend", ["$VM:0"]),
        ("VM.resume", ["$VM:0", False, False]),
    ],
    [("VM.snapshot", ["$VM:1", "s", []]), ("VM.revert", ["$VM:0"]), ("VM.checkpoint", ["$VM:2", "c"])],
    [("VBD.plug", ["$VBD:0"]), ("VBD.unplug", ["$VBD:0"]), ("VBD.eject", ["$VBD:1"]), ("VIF.unplug", ["$VIF:1"])],
    [("VDI.snapshot", ["$VDI:0", {}]), ("VDI.clone", ["$VDI:0", {}]), ("VDI.resize", ["$VDI:0", str(1 << 31)])],
    [("VM.set_appliance", ["$VM:0", "$VM_appliance:0"]), ("VM_appliance.start", ["$VM_appliance:0", False])],
    [("task.create", ["a", "b"]), ("task.set_progress", ["$task:0", 0.5]), ("task.cancel", ["$task:0"])],
    [("event.from", [["*"], "", 0.0]), ("event.inject", ["VM", "$VM:0"]), ("xapid.explain", ["$VM:0", "start"])],
    [("SR.scan", ["$SR:0"]), ("PBD.unplug", ["$PBD:0"]), ("SR.forget", ["$SR:0"])],
)


def messages() -> Target:
    host = Host()
    programs = Programs(host.methods)
    seeds = tuple(_written(list(seed)) for seed in SEEDS)
    return Target("messages", host.run, (b" ",), seeds, programs.change, longest=6000, close=host.close)
