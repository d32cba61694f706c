"""Which messages `test_implicit.py` calls: every one that is made from a declaration, by its class."""

from __future__ import annotations

from xapid.api.implicit import implicit_run
from xapid.api.methods import Method, find_operations, method_table
from xapid.datamodel.types import State
from xapid.ops import MODULES


def implicit_methods() -> dict[str, list[Method]]:
    """Class -> its messages whose function is made from a field or from the class, removed ones left out."""
    operations = find_operations(MODULES)
    found: dict[str, list[Method]] = {}
    for name, method in method_table(operations, implicit_run).items():
        implicit = name == method.name and method.run is not None and name not in operations
        if implicit and method.spec.life.state is not State.removed:
            found.setdefault(method.spec.owner, []).append(method)
    return found
