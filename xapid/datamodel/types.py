"""The language in which API classes are declared: types of values, fields, messages, parameters."""

from __future__ import annotations

import ast
import builtins
import enum
import functools
import inspect
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, Roles, role_set

T_co = TypeVar("T_co", covariant=True)


class Ref(str, Generic[T_co]):
    """The opaque reference of an object, as text: ``OpaqueRef:<uuid>``. At run time any ``str`` serves."""

    __slots__ = ()


NULL: Ref[Any] = Ref("OpaqueRef:NULL")

T = TypeVar("T")
Set: TypeAlias = tuple[T, ...]
"""A set of the API. A tuple, since duplicates and the order that a client gave are kept."""


_DATE = re.compile(
    r"(?P<year>\d{4})(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)T(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?P<fraction>\.\d+)?(?:(?P<zone>Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d).*)?",
    re.ASCII | re.DOTALL,
)


# Much happens in the same second: 0.2 us instead of 3.
@functools.lru_cache(maxsize=16)
def _spelled(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H:%M:%SZ")


class DateTime(str):
    """A moment in the spelling of the wire: ``20250319T04:16:24Z`` or with an offset ``+HH:MM``."""

    __slots__ = ()

    @classmethod
    def of(cls, seconds: float) -> Self:
        """The moment so many seconds after 1970, in UTC."""
        return cls(_spelled(math.floor(seconds)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read any spelling that the original accepts; an offset is kept, no zone means UTC.

        As there, whatever follows a zone is passed over, and a leap second is the first of the next minute.
        Raises ValueError for everything else, fractions of the undashed form included.
        """
        found = _DATE.fullmatch(text)
        if not found or (found["fraction"] and not found["dash"]):
            raise ValueError(f"not a date: {text!r}")
        year, month, day, hour, minute, second = (
            int(found[part]) for part in ("year", "month", "day", "hour", "minute", "second")
        )
        moment = datetime(year, month, day, hour, minute, min(second, 59) if second <= 60 else second)
        if second == 60:
            try:
                moment += timedelta(seconds=1)
            except OverflowError as error:
                raise ValueError(f"not a date: {text!r}") from error
        zone = found["zone"] or "Z"
        if zone != "Z":
            zone = f"{zone[:3]}:{zone[-2:]}"
            zone = "Z" if zone[1:] == "00:00" else zone
        return cls(f"{moment.year:04}{moment:%m%dT%H:%M:%S}{zone}")

    def seconds(self) -> float:
        """Seconds since 1970."""
        zone = self[17:]
        offset = timedelta(0)
        if zone not in ("Z", ""):
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
            offset = -offset if zone[0] == "-" else offset
        moment = datetime.strptime(self[:17], "%Y%m%dT%H:%M:%S")
        return moment.replace(tzinfo=timezone(offset)).timestamp()


EPOCH = DateTime("19700101T00:00:00Z")


class Record(dict[str, Any], Generic[T]):
    """All fields of an object of class T, by name."""


Option: TypeAlias = T | None
"""A value that may be absent."""


# --- Types of values ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Type:
    """The type of a value of the API. ``empty`` is the value a field has when nothing was said."""

    @property
    def empty(self) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class StringType(Type):
    """Text; in rows a ``str``."""

    @property
    def empty(self) -> str:
        return ""

    def __str__(self) -> str:
        return "string"


@dataclass(frozen=True)
class IntType(Type):
    """A whole number of 64 bits; in rows an ``int``."""

    @property
    def empty(self) -> int:
        return 0

    def __str__(self) -> str:
        return "int"


@dataclass(frozen=True)
class FloatType(Type):
    """A floating point number; in rows a ``float``."""

    @property
    def empty(self) -> float:
        return 0.0

    def __str__(self) -> str:
        return "float"


@dataclass(frozen=True)
class BoolType(Type):
    """True or false; in rows a ``bool``."""

    @property
    def empty(self) -> bool:
        return False

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True)
class DateTimeType(Type):
    """A moment; in rows a ``DateTime``."""

    @property
    def empty(self) -> DateTime:
        return EPOCH

    def __str__(self) -> str:
        return "datetime"


@dataclass(frozen=True)
class EnumType(Type):
    """One word of a fixed list; in rows a member of the Python enumeration."""

    python: type[enum.StrEnum]

    @property
    def name(self) -> str:
        return api_enum_name(self.python)

    @property
    def values(self) -> list[str]:
        return [member.value for member in self.python]

    @property
    def empty(self) -> enum.StrEnum:
        return next(iter(self.python))

    def __str__(self) -> str:
        return f"enum {self.name}"


@dataclass(frozen=True)
class RefType(Type):
    """A reference to an object of one class; in rows its text."""

    target: str

    @property
    def empty(self) -> Ref[Any]:
        return NULL

    def __str__(self) -> str:
        return f"{self.target} ref"


@dataclass(frozen=True)
class SetType(Type):
    """Several values of one type; in rows a ``tuple`` in the order given, since duplicates given are kept."""

    item: Type

    @property
    def empty(self) -> tuple[Any, ...]:
        return ()

    def __str__(self) -> str:
        return f"{self.item} set"


@dataclass(frozen=True)
class MapType(Type):
    """Keys and values; in rows a ``dict`` that nobody changes."""

    key: Type
    value: Type

    @property
    def empty(self) -> dict[Any, Any]:
        return {}

    def __str__(self) -> str:
        return f"({self.key} -> {self.value}) map"


@dataclass(frozen=True)
class RecordType(Type):
    """All fields of an object of one class; in calls a ``dict`` of field name to value."""

    target: str

    @property
    def empty(self) -> dict[str, Any]:
        return {}

    def __str__(self) -> str:
        return f"{self.target} record"


@dataclass(frozen=True)
class OptionType(Type):
    """A value, or nothing: then the member is left out."""

    item: Type

    @property
    def empty(self) -> None:
        return None

    def __str__(self) -> str:
        return f"{self.item} option"


@dataclass(frozen=True)
class BatchType(Type):
    """The answer of event.from: events, valid_ref_counts, token."""

    @property
    def empty(self) -> dict[str, Any]:
        return {}

    def __str__(self) -> str:
        return "an event batch"


@dataclass(frozen=True)
class VoidType(Type):
    """No result; on the wire the empty text."""

    @property
    def empty(self) -> None:
        return None

    def __str__(self) -> str:
        return "void"


@dataclass(frozen=True)
class AnyType(Type):
    """What the wire can carry, whatever it is: texts, numbers, dates, lists and maps. No message declares it."""

    def __str__(self) -> str:
        return "any"


STRING = StringType()
INT = IntType()
FLOAT = FloatType()
BOOL = BoolType()
DATETIME = DateTimeType()
VOID = VoidType()
ANY = AnyType()
EVENT_BATCH = BatchType()
STRING_MAP = MapType(STRING, STRING)


def ref(target: str) -> RefType:
    return RefType(target)


def set_of(item: Type) -> SetType:
    return SetType(item)


def map_of(key: Type, value: Type) -> MapType:
    return MapType(key, value)


def record(target: str) -> RecordType:
    return RecordType(target)


def option(item: Type) -> OptionType:
    return OptionType(item)


def enum_of(python: type[enum.StrEnum]) -> EnumType:
    return EnumType(python)


def api_enum_name(python: type[enum.StrEnum]) -> str:
    """``VbdMode`` is ``vbd_mode`` in the API."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", python.__name__).lower()


# --- Lifecycle ---------------------------------------------------------------------------------------


class State(enum.StrEnum):
    """Where an element of the API stands in its life."""

    prototyped = "prototyped"
    published = "published"
    deprecated = "deprecated"
    removed = "removed"


@dataclass(frozen=True)
class Lifecycle:
    """Since which release there is this element, and what became of it."""

    since: str = "rio"
    state: State = State.published
    deprecated: str = ""
    removed: str = ""


# --- Fields ------------------------------------------------------------------------------------------


class Kind(enum.Enum):
    """Who gives a field its value."""

    RW = "RW"
    """The client, at any time."""
    STATIC = "RO/constructor"
    """The client, when the object is made."""
    DYNAMIC = "RO/runtime"
    """The server."""


class Passwords(enum.Enum):
    """What becomes of a password that somebody writes into a map, under a key that ends so."""

    shown = "shown"
    """Nothing: its keys are labels of clients."""
    copied = "copied"
    """It becomes a secret of the object. Of a secret that is given instead, the object keeps a copy."""
    handed_over = "handed over"
    """It becomes a secret of the object. A secret that is given instead is the object's from then on."""


class _Missing(enum.Enum):
    MISSING = "MISSING"


MISSING = _Missing.MISSING


@dataclass(frozen=True, eq=False)
class Field:
    """One field of a class. Read through the class it is itself; read through a row, the row's value."""

    kind: Kind
    default: Any = MISSING
    doc: str = ""
    roles: Roles = ()
    """Who may set it; empty: the roles of the class."""
    getter_roles: Roles = ()
    key_roles: Mapping[str, Roles] = field(default_factory=dict)
    """For maps: keys (a trailing ``*`` matches a prefix) that need other roles than the map itself."""
    life: Lifecycle = Lifecycle()
    persistent: bool = True
    derived: bool = False
    """Computed at commit by a function of ``rules/``."""
    inverse_of: str = ""
    """``VBD.VM`` in VM.VBDs: the set of rows whose field refers here. Never stored."""
    name: str = ""
    type: Type = STRING
    owner: str = ""
    passwords: Passwords = Passwords.shown

    def __get__(self, row: object | None, owner: builtins.type[object]) -> Any:
        # A value in the row's __dict__ comes first; this is reached for the class, and for inverse sets.
        if row is None:
            return self
        raise AttributeError(f"{self.owner}.{self.name} is kept in the index: ask the store")

    @property
    def empty(self) -> Any:
        """The value of a row that was told nothing else."""
        return self.type.empty if self.default is MISSING else self.default

    @property
    def mandatory(self) -> bool:
        """Whether a constructor must be given it."""
        return self.default is MISSING and self.kind is not Kind.DYNAMIC

    @property
    def column(self) -> str:
        return self.name

    @property
    def is_map(self) -> bool:
        return isinstance(self.type, MapType)

    @property
    def is_set(self) -> bool:
        return isinstance(self.type, SetType)


def _field(kind: Kind, default: Any, doc: str, options: dict[str, Any]) -> Any:
    since, state = options.pop("since", ""), options.pop("state", State.published)
    deprecated, removed = options.pop("deprecated", ""), options.pop("removed", "")
    if isinstance(default, list | set | frozenset):
        default = tuple(default)
    life = Lifecycle(since, State(state), deprecated, removed)
    return Field(kind, default, doc, life=life, **options)


def rw(default: Any = MISSING, doc: str = "", **options: Any) -> Any:
    """A field that clients may change at any time."""
    return _field(Kind.RW, default, doc, options)


def static(default: Any = MISSING, doc: str = "", **options: Any) -> Any:
    """A field that is given when the object is made and then stays."""
    return _field(Kind.STATIC, default, doc, options)


def dynamic(default: Any = MISSING, doc: str = "", **options: Any) -> Any:
    """A field that the server keeps."""
    return _field(Kind.DYNAMIC, default, doc, options)


def derived(default: Any = MISSING, doc: str = "", **options: Any) -> Any:
    """A field computed from other fields at every commit, never stored."""
    return _field(Kind.DYNAMIC, default, doc, {"derived": True, "persistent": False, **options})


def inverse(of: str, doc: str = "", **options: Any) -> Any:
    """The other end of a relation: the set of objects whose field ``of`` (``VBD.VM``) refers to this one."""
    kind = options.pop("kind", Kind.DYNAMIC)
    default = options.pop("default", MISSING)
    return _field(kind, default, doc, {"inverse_of": of, "persistent": False, **options})


# --- Messages ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Param:
    """A parameter of a message."""

    name: str
    type: Type
    doc: str = ""
    default: Any = MISSING
    late: bool = False
    """A reference passed as it came: the message looks it up itself, after something else."""

    @property
    def optional(self) -> bool:
        return self.default is not MISSING


SESSION_PARAM = Param("session_id", RefType("session"), "The session of the caller.")


@dataclass(frozen=True)
class MessageSpec:
    """A message that objects of a class understand: ``VM.start``."""

    doc: str = ""
    params: tuple[Param, ...] = ()
    """Without the session."""
    result: Type = VOID
    result_doc: str = ""
    errors: tuple[str, ...] = ()
    roles: Roles | None = None
    """None: the roles of the class. Empty: the local superuser only."""
    life: Lifecycle = Lifecycle()
    has_async: bool = True
    secret: bool = False
    """Whether nobody but the caller may see what it answers. Whoever is logged in can read the results of tasks: so
    there is no task, and an asynchronous call is refused."""
    session: bool = True
    """Whether the first parameter is a session."""
    hidden: bool = False
    """Used between hosts and by storage plug-ins; not listed."""
    implicit: bool = False
    field: Field | None = None
    """For implicit messages: the field they read or write."""
    owner: str = ""
    name: str = ""
    arity: int | None = None
    """For hidden messages whose parameters are not declared: how many they take."""
    runs_on: str = ""
    """The parameter that names the host which does the work. If that host is not alive, or there is no such host,
    the answer is HOST_OFFLINE, before any other reference is looked at."""

    @property
    def method(self) -> str:
        return f"{self.owner}.{self.name}"

    @property
    def all_params(self) -> tuple[Param, ...]:
        return (SESSION_PARAM, *self.params) if self.session else self.params


def message(doc: str, *params: Param, **options: Any) -> MessageSpec:
    """Declare a message; see MessageSpec for the options, and Lifecycle."""
    life = Lifecycle(
        options.pop("since", ""),
        State(options.pop("state", State.published)),
        options.pop("deprecated", ""),
        options.pop("removed", ""),
    )
    errors = tuple(getattr(error, "__name__", error) for error in options.pop("errors", ()))
    return MessageSpec(doc, params, errors=errors, life=life, **options)


# --- Classes -----------------------------------------------------------------------------------------

_SIMPLE: dict[str, Type] = {"str": STRING, "int": INT, "float": FLOAT, "bool": BOOL, "DateTime": DATETIME}


def _parse_annotation(text: str, enums: Mapping[str, Any]) -> Type:
    """The type of the API that an annotation of a field names."""

    def name_of(node: ast.expr) -> str:
        # `vdi.VDI` is written where a field hides the class of that name.
        return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""

    def convert(node: ast.expr) -> Type:
        if isinstance(node, ast.Subscript):
            head = name_of(node.value)
            if head == "Ref":
                return RefType(api_class_name(name_of(node.slice)))
            if head == "Set":
                return SetType(convert(node.slice))
            if head == "Record":
                return RecordType(api_class_name(name_of(node.slice)))
            if head == "Option":
                return OptionType(convert(node.slice))
            if head == "dict" and isinstance(node.slice, ast.Tuple):
                return MapType(*(convert(item) for item in node.slice.elts))
        name = name_of(node)
        if name in _SIMPLE:
            return _SIMPLE[name]
        python = enums.get(name)
        if isinstance(python, type) and issubclass(python, enum.StrEnum):
            return EnumType(python)
        raise TypeError(f"no type of the API: {text}")

    return convert(ast.parse(text, mode="eval").body)


def api_class_name(python_name: str) -> str:
    """``HostCpu`` is ``host_cpu`` in the API; names that begin in capitals there stay as they are."""
    return _API_NAMES.get(python_name, python_name)


_API_NAMES: dict[str, str] = {
    "Session": "session", "Auth": "auth", "Subject": "subject", "Role": "role", "Task": "task", "Event": "event",
    "Pool": "pool", "PoolPatch": "pool_patch", "PoolUpdate": "pool_update", "Host": "host",
    "HostCrashdump": "host_crashdump", "HostPatch": "host_patch", "HostMetrics": "host_metrics",
    "HostCpu": "host_cpu", "Network": "network", "SrStat": "sr_stat", "ProbeResult": "probe_result",
    "Crashdump": "crashdump", "Console": "console", "User": "user", "DataSource": "data_source", "Blob": "blob",
    "Message": "message", "Secret": "secret", "Tunnel": "tunnel", "NetworkSriov": "network_sriov",
    "VdiNbdServerInfo": "vdi_nbd_server_info",
}  # fmt: skip


@dataclass(frozen=True)
class ClassSpec:
    """What was declared of a class, in order."""

    name: str
    doc: str
    fields: Mapping[str, Field]
    messages: Mapping[str, MessageSpec]
    roles: Roles
    """Who may change its objects."""
    getter_roles: Roles
    life: Lifecycle
    in_db: bool
    persistent: bool
    events: bool
    constructor: bool
    """Whether ``create`` and ``destroy`` are made from the fields."""
    listed: bool
    """Whether ``get_all`` and its like are offered."""
    named: bool
    """Whether ``get_by_name_label`` is offered, where there is such a field."""
    implicit_roles: Mapping[str, Roles]
    implicit_docs: Mapping[str, str]
    """Sentences of messages made from fields, where they do something else."""
    enums: Mapping[str, type[enum.StrEnum]]


class Object:
    """A row: an immutable photograph of an object. ``ref`` is its reference, ``uuid`` its identity.

    The values of its fields are in ``__dict__``, and nothing else is: of a machine with its 80 fields, a dictionary with
    a few members more would take twice the memory.
    """

    __slots__ = ("_created", "_gen", "_json", "_volatile", "_wait", "_xml", "ref")

    spec: ClassVar[ClassSpec]
    ref: Ref[Any]
    _gen: int
    """Generation of its last change."""
    _created: int
    """Generation in which it came to be."""
    _wait: int
    """Generation that must be on disk before a client may see this row."""
    _volatile: bool
    """Whether the object is never written to disk."""
    _xml: bytes | None
    """The record as it was encoded for XML-RPC, if that is kept."""
    _json: bytes | None
    """The same for JSON-RPC."""

    def __init_subclass__(
        cls,
        *,
        name: str = "",
        roles: Roles = POOL_OPERATOR,
        getter_roles: Roles = (),
        since: str = "rio",
        state: str = "published",
        deprecated: str = "",
        in_db: bool = True,
        persistent: bool = True,
        events: bool = True,
        constructor: bool = False,
        listed: bool = True,
        named: bool = True,
        implicit_roles: Mapping[str, Roles] | None = None,
        implicit_docs: Mapping[str, str] | None = None,
        registered: bool = True,
    ) -> None:
        api_name = name or cls.__name__
        namespace = vars(sys.modules[cls.__module__])
        enums = {
            key: value
            for key, value in namespace.items()
            if isinstance(value, type) and issubclass(value, enum.StrEnum) and value is not enum.StrEnum
        }
        life = Lifecycle(since, State(state), deprecated)
        annotations = inspect.get_annotations(cls)
        fields: dict[str, Field] = {}
        messages: dict[str, MessageSpec] = {}
        for key, value in list(vars(cls).items()):
            if isinstance(value, Field):
                fields[key.rstrip("_")] = cls._adopt_field(key, value, annotations[key], enums, api_name, since)
            elif isinstance(value, MessageSpec):
                spec_life = value.life if value.life.since else replace(value.life, since=since)
                messages[key.rstrip("_")] = replace(value, owner=api_name, name=key.rstrip("_"), life=spec_life)
        cls.spec = ClassSpec(
            api_name, (cls.__doc__ or "").strip(), fields, messages, roles,
            getter_roles or role_set(READ_ONLY, CLIENT_CERT), life, in_db, persistent, events, constructor, listed, named,
            dict(implicit_roles or {}), dict(implicit_docs or {}), enums,
        )  # fmt: skip
        if registered:
            CLASSES[api_name] = cls

    @classmethod
    def _adopt_field(
        cls, key: str, value: Field, annotation: str, enums: Mapping[str, Any], api_name: str, since: str
    ) -> Field:
        kind = _parse_annotation(annotation, enums)
        life = value.life if value.life.since else replace(value.life, since=since)
        adopted = replace(value, name=key.rstrip("_"), type=kind, owner=api_name, life=life)
        setattr(cls, key, adopted)
        return adopted

    def __repr__(self) -> str:
        return f"<{self.spec.name} {getattr(self, 'uuid', '')} {self.ref}>"


CLASSES: dict[str, type[Object]] = {}
"""Every declared class by its name in the API, in the order of declaration."""
