"""The query language of get_all_where: parsing an expression, and the rows it holds for.

``value = value`` compares texts as the original's database holds them; ``and`` and ``or`` bind alike, from the left;
``not`` binds weakest. Facts: xen-api's expression grammar as recorded.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from xapid.datamodel.columns import column_name
from xapid.datamodel.errors import INVALID_VALUE, OtherError
from xapid.datamodel.types import BoolType, Field, FloatType, MapType, Object, SetType, Type
from xapid.store.store import Store

R = TypeVar("R", bound=Object)

LONGEST = 64 * 1024
"""Characters of an expression."""
DEEPEST = 100
"""Parentheses and ``not`` inside each other."""
TURN = 0.004
"""Seconds for which a search holds the loop at a time."""
LOOKS = 512
"""Comparisons, about, after which the clock is looked at."""

_TOKEN = re.compile(r'[ \t\n]*(?:(?P<literal>"[^"]*")|(?P<word>[A-Za-z]+)|(?P<mark>[=()])|(?P<end>\Z))')
_WORDS = frozenset({"field", "and", "or", "not", "true", "false"})

Test = Callable[[Store, Any], bool]
Value = Callable[[Store, Any], str]


class Syntax(Exception):
    """The expression cannot be read."""


class _Token(NamedTuple):
    kind: str
    text: str


async def select(store: Store, cls: type[R], expression: str) -> list[R]:
    """The rows of a class that an expression holds for, each as it was when it was looked at; others run in between.

    Raises INVALID_VALUE [expression, text], and INTERNAL_ERROR for a field that is not there - once a row is looked at.
    """
    try:
        parser = _Parser(cls, expression)
        test = parser.parse()
    except Syntax as error:
        raise INVALID_VALUE(expression, str(error)) from error
    found = []
    looks_a_row = 1 + parser.comparisons
    looks = 0
    began = time.perf_counter()
    for row in list(store.all(cls)):
        if test(store, row):
            found.append(row)
        looks += looks_a_row
        if looks > LOOKS:
            looks = 0
            if time.perf_counter() - began > TURN:
                await asyncio.sleep(0)
                began = time.perf_counter()
    return found


def _tokens(text: str) -> Iterator[_Token]:
    if len(text) > LONGEST:
        raise Syntax("the expression is too long")
    position = 0
    while True:
        found = _TOKEN.match(text, position)
        if found is None:
            raise Syntax(f"unexpected text at character {position}")
        kind = found.lastgroup or "end"
        token = found[kind]
        if kind == "word" and token not in _WORDS:
            raise Syntax(f"unexpected word at character {position}: {token}")
        yield _Token("literal", token[1:-1]) if kind == "literal" else _Token(token or "end", token)
        if kind == "end":
            return
        position = found.end()


class _Parser:
    def __init__(self, cls: type[Object], text: str) -> None:
        self._fields = {column_name(field): field for field in cls.spec.fields.values()}
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0
        self.comparisons = 0

    def parse(self) -> Test:
        test = self._expression()
        self._expect("end")
        return test

    def _peek(self) -> str:
        return self._tokens[self._at].kind

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _expect(self, kind: str) -> _Token:
        if self._peek() != kind:
            raise Syntax(f"expected {kind}, found {self._tokens[self._at].text or 'the end'}")
        return self._take()

    def _expression(self) -> Test:
        first = self._operand()
        rest = []
        while self._peek() in ("and", "or"):
            joint = self._take().kind
            rest.append((joint == "and", self._operand()))
        return _joined(first, rest) if rest else first

    def _operand(self) -> Test:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Syntax("the expression is nested too deeply")
        try:
            kind = self._peek()
            if kind == "not":
                self._take()
                inner = self._expression()
                return lambda store, row: not inner(store, row)
            if kind in ("true", "false"):
                self._take()
                return lambda store, row: kind == "true"
            if kind == "(":
                self._take()
                test = self._expression()
                self._expect(")")
                return test
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Test:
        self.comparisons += 1
        left = self._value()
        self._expect("=")
        right = self._value()
        return lambda store, row: left(store, row) == right(store, row)

    def _value(self) -> Value:
        if self._peek() == "literal":
            text = self._take().text
            return lambda store, row: text
        self._expect("field")
        name = self._expect("literal").text
        if name == "_ref":
            return lambda store, row: str(row.ref)
        field = self._fields.get(name)
        return _missing(name) if field is None else _reader(field)


def _joined(first: Test, rest: list[tuple[bool, Test]]) -> Test:
    """Terms from the left; of each further one, whether it is joined by ``and``. Not one within the other: a chain may
    be longer than Python's stack is deep."""

    def test(store: Store, row: Any) -> bool:
        holds = first(store, row)
        for needed, term in rest:
            # What is joined decides nothing: false with `and`, true with `or`.
            if holds is needed:
                holds = term(store, row)
        return holds

    return test


def _missing(name: str) -> Value:
    def fail(store: Store, row: Any) -> str:
        raise OtherError("INTERNAL_ERROR", "missing field", name, "")

    return fail


def _reader(field: Field) -> Value:
    if field.inverse_of:
        return lambda store, row: database_text(field.type, store.members(row, field.name))
    return lambda store, row: database_text(field.type, row.__dict__[field.name])


def database_text(kind: Type, value: Any) -> str:
    """A value as the original's database holds it."""
    if isinstance(kind, SetType):
        return "(" + " ".join(f"'{_quoted(database_text(kind.item, item))}'" for item in value) + ")"
    if isinstance(kind, MapType):
        pairs = ((database_text(kind.key, key), database_text(kind.value, item)) for key, item in value.items())
        return "(" + " ".join(f"('{_quoted(key)}' '{_quoted(item)}')" for key, item in pairs) + ")"
    if isinstance(kind, BoolType):
        return "true" if value else "false"
    if isinstance(kind, FloatType):
        return f"{value:.18g}"
    return str(value)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
