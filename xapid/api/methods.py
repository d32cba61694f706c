"""The table of methods: for each the way from raw parameters to its function, compiled once."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from xapid.auth.permissions import keyed_roles, roles_of
from xapid.datamodel.implicit import all_messages, removed
from xapid.datamodel.map_keys import KEYS, check_written
from xapid.datamodel.own import Own
from xapid.datamodel.roles import READ_ONLY
from xapid.datamodel.types import CLASSES, MapType, MessageSpec, Object, Param, RecordType, RefType, Type
from xapid.rules.figures import reads_figures
from xapid.runtime.texts import check_room
from xapid.store.store import Store
from xapid.wire.decode import decoder

Run = Callable[..., Any]
"""``run(ctx, *params)``: a plain function or a coroutine function."""

NO_TASK = frozenset({"task", "event"})
"""Calls of these classes never make a task, so that watching tasks makes no events about itself."""
LOGINS = frozenset({"session.login_with_password", "session.slave_local_login_with_password", "session.logout"})


@dataclass(frozen=True, slots=True)
class MapWrite:
    """A parameter, or a member of one, that goes into a map some of whose keys are declared."""

    number: int
    """of the parameter; of a key and the value after it where ``keyed``"""
    owner: str
    field: str
    record: bool = False
    """Whether the parameter is a record, and the map a member of it."""
    keyed: bool = False
    present: bool = False
    """Whether the first parameter is the object whose map it is, and what that holds already is let be."""

    def check(self, store: Store, values: list[Any]) -> None:
        """Raises INVALID_VALUE for a value that the key cannot have."""
        written = values[self.number]
        if self.keyed:
            written = {written: values[self.number + 1]}
        elif self.record:
            written = written.get(self.field)
        if written:
            check_written(self.owner, self.field, self._present(store, values[0]) if self.present else {}, written)

    def _present(self, store: Store, about: Any) -> Mapping[str, str]:
        row = about if isinstance(about, Object) else store.find(CLASSES[self.owner], about)
        return getattr(row, self.field, {})


@dataclass(frozen=True, slots=True)
class Growth:
    """A map or set that a message adds something to, of the object that is its first parameter."""

    owner: str
    field: str

    def check(self, store: Store, values: list[Any]) -> None:
        """Raises INVALID_VALUE for one that is too large already."""
        row = values[0] if isinstance(values[0], Object) else store.find(CLASSES[self.owner], values[0])
        if row is not None:
            check_room(self.field, row.__dict__[self.field])


def _growth(spec: MessageSpec) -> Iterable[Growth]:
    if spec.owner not in CLASSES:
        return
    verb = next((each for each in ("add_to_", "add_") if spec.name.startswith(each)), "")
    field = CLASSES[spec.owner].spec.fields.get(spec.name.removeprefix(verb)) if verb else None
    if field is not None and not field.inverse_of and (field.is_map or field.is_set):
        yield Growth(spec.owner, field.name)


@dataclass(frozen=True, slots=True)
class Method:
    """One callable message."""

    name: str
    spec: MessageSpec
    decoders: tuple[Callable[[Any], Any], ...]
    required: int
    """Parameters that must be given, the session not counted."""
    most: int
    references: tuple[tuple[int, str], ...]
    """Number and name of the parameters that are references."""
    resolve: tuple[tuple[int, type[Object]], ...]
    """Which of them the dispatcher turns into rows."""
    looked_up_late: tuple[int, ...]
    """Numbers of the references of which ``run`` gets no row."""
    runs_on: int
    """Number of the parameter that names the host which does the work; -1: none."""
    permission: str
    keyed: int
    """Number of the parameter that is the key of a map with keyed roles; -1: none."""
    run: Run | None
    """None: not implemented."""
    waits: bool
    """Whether ``run`` is a coroutine function."""
    result: Type
    has_async: bool
    session: bool
    removed: bool
    reads_figures: bool
    """Removed, but answered where figures of the older classes of metrics are taken."""
    makes_task: bool
    """Whether a synchronous call has a task row while it lasts."""
    own: bool
    """Beside the API: everybody may call it, it is no permission, and it is not listed."""
    maps: tuple[MapWrite | Growth, ...]
    """The maps that its parameters write, whose declared keys are checked, and what they make grow."""
    audited: bool
    """Whether its calls are noted: those of methods that not everybody may call, and logins."""


def _resolvable(spec: MessageSpec, run: Run | None, by_hand: bool) -> Iterable[tuple[int, type[Object]]]:
    """The references to turn into rows: not those that the declaration calls late, nor those of functions made from a
    field, which look theirs up themselves, nor those that a hand-written function takes as plain texts."""
    if spec.implicit and run is not None and not by_hand:
        return
    texts = _texts(run) if spec.implicit and run is not None else frozenset()
    for number, param in enumerate(spec.params):
        if isinstance(param.type, RefType) and not param.late and param.name not in {spec.runs_on, *texts}:
            yield number, CLASSES[param.type.target]


def _texts(run: Run) -> frozenset[str]:
    """Names of the parameters that a function declares as plain texts."""
    parameters = inspect.signature(run).parameters.values()
    return frozenset(each.name for each in parameters if each.annotation in (str, "str"))


def _map_writes(spec: MessageSpec) -> Iterable[MapWrite]:
    """What a message writes into maps that have declared keys."""
    if spec.owner not in CLASSES:
        return
    verb = next((each for each in ("set_", "add_to_") if spec.name.startswith(each)), "")
    field = spec.name.removeprefix(verb)
    if verb and field in CLASSES[spec.owner].spec.fields:
        if (spec.owner, field) in KEYS:
            yield MapWrite(1, spec.owner, field, keyed=verb == "add_to_", present=True)
        return
    for number, param in enumerate(spec.params):
        if isinstance(param.type, RecordType):
            for owner, field in KEYS:
                if owner == param.type.target:
                    yield MapWrite(number, owner, field, record=True)
        elif isinstance(param.type, MapType):
            owner = "PBD" if param.name == "device_config" else spec.owner
            if (owner, param.name) in KEYS:
                yield MapWrite(number, owner, param.name)


def compile_method(spec: MessageSpec, run: Run | None, by_hand: bool) -> Method:
    params = spec.params
    keyed = 1 if keyed_roles(spec) else -1
    arity = spec.arity if spec.arity is not None else len(params)
    references = tuple((number, each.name) for number, each in enumerate(params) if isinstance(each.type, RefType))
    resolve = tuple(_resolvable(spec, run, by_hand))
    return Method(
        name=spec.method,
        spec=spec,
        decoders=tuple(_decoder(spec, param) for param in params) or _raw(arity),
        required=sum(not param.optional for param in params) if spec.arity is None else arity,
        most=arity,
        references=references,
        resolve=resolve,
        looked_up_late=tuple(number for number, _ in references if number not in dict(resolve)),
        runs_on=next((number for number, param in enumerate(params) if param.name == spec.runs_on), -1),
        permission=spec.method.lower(),
        keyed=keyed,
        run=run,
        waits=inspect.iscoroutinefunction(run),
        result=spec.result,
        has_async=spec.has_async and not spec.secret,
        session=spec.session,
        removed=removed(spec),
        reads_figures=reads_figures(spec),
        makes_task=spec.has_async and not spec.secret and spec.owner not in NO_TASK,
        own=spec.owner == Own.spec.name,
        maps=(*_map_writes(spec), *_growth(spec)),
        audited=not (READ_ONLY[-1] in roles_of(spec) or spec.name.startswith("get_")) or spec.method in LOGINS,
    )


def _decoder(spec: MessageSpec, param: Param) -> Callable[[Any], Any]:
    return decoder(param.type, cut=spec.implicit and spec.name == "create")


def _raw(count: int) -> tuple[Callable[[Any], Any], ...]:
    return tuple(lambda value: value for _ in range(count))


def find_operations(modules: Mapping[str, str]) -> dict[str, Run]:
    """The hand-written functions by ``Class.message``; a name that Python reserves has a trailing underscore."""
    found: dict[str, Run] = {}
    loaded = {cls: importlib.import_module(path) for cls, path in modules.items()}
    for method, spec in all_messages().items():
        module = loaded.get(spec.owner)
        function = getattr(module, spec.name, None) or getattr(module, f"{spec.name}_", None)
        if callable(function) and getattr(function, "__module__", "").startswith("xapid.ops"):
            found[method] = function
    return found


def method_table(operations: Mapping[str, Run], implicit: Callable[[MessageSpec], Run | None]) -> dict[str, Method]:
    """Every method by both its spellings: ``VM.start`` and ``VM_start``."""
    table: dict[str, Method] = {}
    for name, spec in all_messages().items():
        by_hand = operations.get(name)
        run = by_hand or (implicit(spec) if spec.implicit else None)
        method = compile_method(spec, run, by_hand is not None)
        table[name] = method
        table[name.replace(".", "_", 1)] = method
    return table
