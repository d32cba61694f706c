"""How settings are declared, and read from a TOML file, the environment and flags, in rising precedence."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import json
import re
import textwrap
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

S = TypeVar("S")

PREFIX = "XAPID_"
"""Of the variables of the environment."""
MOST = 1e12
"""What a number with a least value is below: no setting means more by more, and infinity is none."""


class ConfigError(Exception):
    """A setting that cannot be used; the text says in one line where it stands and what is wrong with it."""


EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - not to listen there, but to tell that a listener does


@dataclass(frozen=True)
class Address:
    """Where to listen: a host name or address, and a port. Port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_everywhere(self) -> bool:
        """Whether who listens there is heard at every address of the machine."""
        return self.host in EVERYWHERE

    @classmethod
    def parse(cls, text: str) -> Address:
        """Reads ``ADDR:PORT``, with an IPv6 address in square brackets. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        if not colon or not bare or (":" in bare) != host.startswith("["):
            raise ValueError("is not of the form ADDR:PORT or [IPv6]:PORT")
        if not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError("has no port from 0 to 65535")
        return cls(bare, int(port))


@dataclass(frozen=True)
class Form:
    """What a text has to look like, if it is not empty."""

    words: str
    pattern: str


def setting(default: Any, doc: str, *, flag: str = "", least: float | None = None, form: Form | None = None) -> Any:
    """Declare a field to be a setting. ``flag`` is how its value is called in ``--help``; without, it has no flag."""
    return dataclasses.field(default=default, metadata={"doc": doc, "flag": flag, "least": least, "form": form})


def table(cls: type[Any]) -> Any:
    """Declare a field to be a table of settings."""
    return dataclasses.field(default_factory=cls)


@dataclass(frozen=True)
class Setting:
    """One setting, with the three names it goes by."""

    table: str
    """Empty: at the top of the file."""
    key: str
    kind: Any
    """Its type."""
    default: Any
    doc: str
    flag: str
    least: float | None
    form: Form | None

    @property
    def name(self) -> str:
        return f"{self.table}.{self.key}" if self.table else self.key

    @property
    def variable(self) -> str:
        return f"{PREFIX}{self.name.replace('.', '_').upper()}"

    @property
    def option(self) -> str:
        return f"--{self.name.replace('.', '-').replace('_', '-')}"


def declared(cls: type[Any]) -> tuple[Setting, ...]:
    """All settings of a class and of its tables, in the order of their declaration."""
    return tuple(_declared(cls, ""))


def tables(cls: type[Any]) -> dict[str, str]:
    """What each table of settings is about, by its name."""
    kinds = {name: kind for name, kind in typing.get_type_hints(cls).items() if dataclasses.is_dataclass(kind)}
    return {name: " ".join((kind.__doc__ or "").split()) for name, kind in kinds.items()}


def _declared(cls: type[Any], table: str) -> typing.Iterator[Setting]:
    kinds = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        kind = kinds[field.name]
        if dataclasses.is_dataclass(kind):
            yield from _declared(typing.cast(type[Any], kind), field.name)
        else:
            yield Setting(table, field.name, kind, field.default, **field.metadata)


def read(cls: type[S], file: Path | None, environment: Mapping[str, str], flags: Mapping[str, str]) -> S:
    """Make the object from what is given; ``flags`` by their option names. Raises ConfigError."""
    known = {each.name: each for each in declared(cls)}
    _refuse_misspelt(environment, {each.variable for each in known.values()})
    values: dict[str, Any] = {}
    if file is not None:
        for name, raw in _flat(_toml(file)).items():
            if name in tables(cls):
                raise ConfigError(f"{file}: {name} is a table of settings: write [{name}], and them below")
            if name not in known:
                raise ConfigError(f"{file}: there is no setting {name}{_nearest(name, known)}")
            values[name] = _value(known[name], raw, f"{file}: {name}")
    for name, each in known.items():
        if each.variable in environment:
            values[name] = _value(each, environment[each.variable], each.variable)
        if each.flag and each.option in flags:
            values[name] = _value(each, flags[each.option], each.option)
    return _made(cls, "", values)


def _refuse_misspelt(environment: Mapping[str, str], known: Collection[str]) -> None:
    """A variable that is nearly one of ours is meant to be; others of that beginning may be anybody's."""
    for variable in environment:
        if variable.startswith(PREFIX) and variable not in known:
            meant = difflib.get_close_matches(variable, known, n=1, cutoff=0.9)
            if meant:
                raise ConfigError(f"there is no setting of the variable {variable}; did you mean {meant[0]}?")


def _made(cls: type[S], table: str, values: Mapping[str, Any]) -> S:
    """The object with these values, the rest being its defaults."""
    given: dict[str, Any] = {}
    kinds = typing.get_type_hints(cls)
    for field in dataclasses.fields(typing.cast(Any, cls)):
        name = f"{table}.{field.name}" if table else field.name
        if dataclasses.is_dataclass(kinds[field.name]):
            given[field.name] = _made(kinds[field.name], field.name, values)
        elif name in values:
            given[field.name] = values[name]
    return cls(**given)


def _toml(file: Path) -> dict[str, Any]:
    # Loaded here alone: a daemon without a file starts 5 ms sooner.
    import tomllib

    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error


def _flat(content: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            # An empty table is still a name, to be known or refused.
            flat.update({f"{key}.{inner}": each for inner, each in value.items()})
        else:
            flat[key] = value
    return flat


def _nearest(name: str, known: Mapping[str, Setting]) -> str:
    key = name.rpartition(".")[2]
    by_key = [full for full in known if full.rpartition(".")[2] == key]
    found = by_key or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""


def _value(setting: Setting, raw: Any, place: str) -> Any:
    try:
        value = _converted(setting.kind, raw)
        if setting.least is not None and not setting.least <= value < MOST:
            raise ValueError(f"is not from {setting.least:g} to {MOST:g}")
        if setting.form is not None and value and not re.fullmatch(setting.form.pattern, value):
            raise ValueError(f"is not {setting.form.words}")
    except ValueError as error:
        raise ConfigError(f"{place}: {raw!r} {error}") from error
    return value


def _converted(kind: Any, raw: Any) -> Any:
    """The value of a type that was written as ``raw``: text, or what TOML has for it. Raises ValueError."""
    if isinstance(kind, types.UnionType):
        inner = next(each for each in typing.get_args(kind) if each is not types.NoneType)
        return None if raw == "" else _converted(inner, raw)
    if typing.get_origin(kind) is tuple:
        members = raw.split(",") if isinstance(raw, str) else raw
        if not isinstance(members, list):
            raise ValueError("is not a list")
        return tuple(_converted(typing.get_args(kind)[0], each) for each in members if each != "")
    if kind is bool:
        return _truth(raw)
    if kind in (int, float):
        return _number(kind, raw)
    if not isinstance(raw, str):
        raise ValueError("is not a text")
    if kind is Address:
        return Address.parse(raw.strip())
    if kind is Path:
        if not raw:
            raise ValueError("is not a path")
        return Path(raw).absolute()
    if issubclass(kind, enum.StrEnum):
        return _choice(kind, raw)
    return raw


def _truth(raw: Any) -> bool:
    found = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(str(raw).lower())
    if found is None:
        raise ValueError("is neither true nor false")
    return found


def _number(kind: type[int] | type[float], raw: Any) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, (str, int, kind)):
        raise ValueError("is not a number" if kind is float else "is not a whole number")
    try:
        return kind(raw)
    except ValueError as error:
        raise ValueError("is not a number" if kind is float else "is not a whole number") from error


def _choice(kind: type[enum.StrEnum], raw: str) -> enum.StrEnum:
    try:
        return kind(raw.lower())
    except ValueError as error:
        raise ValueError(f"is none of {', '.join(kind)}") from error


def sample(cls: type[Any], head: str) -> str:
    """A TOML file in which every setting stands with its documentation and default, commented out."""
    parts = [head]
    table = ""
    for each in declared(cls):
        if each.table != table:
            table = each.table
            parts.append(f"{_comment(tables(cls)[table])}\n[{table}]\n")
        names = each.variable + (f", {each.option} {each.flag}" if each.flag else "")
        parts.append(f"{_comment(f'{each.doc} ({names})')}\n#{each.key} = {as_toml(each.default)}\n")
    return "\n".join(parts)


def _comment(text: str) -> str:
    return textwrap.fill(text, 110, initial_indent="# ", subsequent_indent="# ")


def as_toml(value: Any) -> str:
    """A value of a setting as it stands in a TOML file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, tuple):
        return f"[{', '.join(as_toml(each) for each in value)}]"
    return json.dumps("" if value is None else str(value))
