"""What each value of an enumeration means: the sentence that stands under it in the source."""

from __future__ import annotations

import ast
import enum
import inspect
import textwrap


def meanings(python: type[enum.StrEnum]) -> dict[str, str]:
    """The sentence of each value that has one. For the reference and for tests: it reads the source."""
    (declared,) = ast.parse(textwrap.dedent(inspect.getsource(python))).body
    assert isinstance(declared, ast.ClassDef)
    found: dict[str, str] = {}
    for value, below in zip(declared.body, declared.body[1:], strict=False):
        match value, below:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(sentence))):
                found[python[name].value] = inspect.cleandoc(sentence)
    return found
