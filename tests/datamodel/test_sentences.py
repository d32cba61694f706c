"""Every part of the API, every error, handler and key is said to be something, by a sentence of our own."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
from collections.abc import Iterator
from typing import NamedTuple, get_type_hints

import pytest

from xapid.api.implicit import implicit_run
from xapid.api.methods import Method, find_operations, method_table
from xapid.datamodel import errors
from xapid.datamodel.diagnostics import Diagnostics
from xapid.datamodel.errors import ApiError, OtherError
from xapid.datamodel.http_actions import HTTP_ACTIONS
from xapid.datamodel.implicit import messages_of
from xapid.datamodel.map_keys import all_keys
from xapid.datamodel.meanings import meanings
from xapid.datamodel.own import Own
from xapid.datamodel.types import CLASSES, ClassSpec, RefType, SetType, State, Type, api_enum_name
from xapid.ops import MODULES
from xapid.runtime.config import Config
from xapid.runtime.settings import declared

NOT_BUILT = "Not built yet"
NOT_IMPLEMENTED = "NOT_IMPLEMENTED"


class Said(NamedTuple):
    """What is said of one thing."""

    of: str
    """The name of the thing, with all that it is a part of."""
    text: str
    named: str = ""
    """The class that it refers to: what is called by its class has no more to say."""


def of_class(spec: ClassSpec) -> Iterator[Said]:
    yield Said(spec.name, spec.doc)
    for field in spec.fields.values():
        yield Said(f"{spec.name}.{field.name}", field.doc, referred(field.type))
    for each in spec.enums.values():
        # An enumeration without a docstring has that of its base.
        yield Said(f"{spec.name}: {api_enum_name(each)}", inspect.cleandoc(each.__dict__.get("__doc__") or ""))
        said = meanings(each)
        for value in each:
            yield Said(f"{spec.name}: {api_enum_name(each)}.{value.value}", said.get(value.value, ""))
    for message in messages_of(spec).values():
        yield Said(f"{spec.name}.{message.name}", message.doc)
        for param in message.params:
            yield Said(f"{spec.name}.{message.name} {param.name}", param.doc, referred(param.type))


def referred(type_: Type) -> str:
    """The class of the references that a value is or holds; empty for other values."""
    if isinstance(type_, SetType):
        return referred(type_.item)
    return type_.target if isinstance(type_, RefType) else ""


def of_errors() -> Iterator[Said]:
    for name, cls in vars(errors).items():
        if isinstance(cls, type) and issubclass(cls, ApiError) and cls not in (ApiError, OtherError):
            yield Said(name, inspect.cleandoc(cls.__dict__.get("__doc__") or ""))


def of_handlers() -> Iterator[Said]:
    for action in HTTP_ACTIONS:
        yield Said(f"{action.method} {action.path} {action.name}", action.doc)


def of_keys() -> Iterator[Said]:
    for key in all_keys():
        yield Said(f"{key.owner}.{key.field}:{key.name}", key.doc)


def of_settings() -> Iterator[Said]:
    for setting in declared(Config):
        yield Said(setting.name, setting.doc)
    tables = (kind for kind in get_type_hints(Config).values() if dataclasses.is_dataclass(kind))
    kinds = (setting.kind for setting in declared(Config) if issubclass(type(setting.kind), enum.EnumType))
    for each in (Config, *tables, *kinds):
        # A dataclass without a docstring is given its signature.
        yield Said(f"{each.__name__} in the configuration", inspect.cleandoc(each.__dict__.get("__doc__") or ""))


KINDS = {
    **{cls.spec.name: list(of_class(cls.spec)) for cls in (*CLASSES.values(), Diagnostics, Own)},
    "errors": list(of_errors()),
    "handlers": list(of_handlers()),
    "keys": list(of_keys()),
    "settings": list(of_settings()),
}

every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_all_is_said_in_sentences(kind: str) -> None:
    assert [each for each in KINDS[kind] if not is_sentence(each.text)] == []


def is_sentence(text: str) -> bool:
    """Begun with a capital, or with a name that is seen to be one (``other_config``), and ended by one full stop."""
    return re.fullmatch(r"([A-Z]|\w+[._=-]\w).*[^.\s]\.", text, re.DOTALL) is not None


@every_kind
def test_no_sentence_is_only_the_name(kind: str) -> None:
    assert [each for each in KINDS[kind] if says_only_the_name(each)] == []


def says_only_the_name(said: Said) -> bool:
    name = re.split(r"[.:/ ]", said.of)[-1]
    return words(said.text) <= words(name) and not words(said.text) <= words(said.named)


def words(text: str) -> set[str]:
    """Without articles, marks, and the joints of names."""
    parts = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", text)
    return {part.lower() for part in parts} - {"the", "a", "an", "of", "this"}


def test_a_message_is_said_to_be_unbuilt_as_long_as_it_is() -> None:
    methods = method_table(find_operations(MODULES), implicit_run).values()

    built = [each.name for each in methods if NOT_BUILT in each.spec.doc and not only_refuses(each)]
    unbuilt = [
        each.name
        for each in methods
        if each.run is None and each.spec.life.state is not State.removed and NOT_IMPLEMENTED not in each.spec.doc
    ]
    in_part = [each.name for each in methods if raises_not_implemented(each) and not owns_up(each.spec.doc)]

    assert (built, unbuilt, in_part) == ([], [], [])


def raises_not_implemented(method: Method) -> bool:
    """Whether its function does: in some case, and where the sentence is made from a field, in any."""
    counts = method.run is not None and (not method.spec.implicit or only_refuses(method))
    return counts and f"raise {NOT_IMPLEMENTED}(" in inspect.getsource(method.run)


def owns_up(text: str) -> bool:
    """Whether it says that there is something which is not built."""
    return NOT_IMPLEMENTED in text or NOT_BUILT.lower() in text.lower()


def only_refuses(method: Method) -> bool:
    return method.run is None or method.run.__annotations__.get("return") == "NoReturn"


@pytest.mark.parametrize("text, sentence", [
    ("The host.", True), ("", False), ("The host", False), (" The host.", False),
    ("And so on..", False), ("It is there. ", False), ("the host.", False), ("other_config is not read.", True),
])  # fmt: skip
def test_what_a_sentence_is(text: str, sentence: bool) -> None:
    assert is_sentence(text) is sentence


@pytest.mark.parametrize("said, only", [
    (Said("host.set_name_label value", "The value."), True),
    (Said("host.name_label", "Name label."), True),
    (Said("PIF.DNS", "The DNS."), True),
    (Said("host.name_label", "The name, for people; need not be unique."), False),
    (Said("VIF.network", "The network.", "network"), False),
])  # fmt: skip
def test_what_says_only_the_name(said: Said, only: bool) -> None:
    assert says_only_the_name(said) is only
