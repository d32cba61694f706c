"""Messages of our own (``xapid.*``): what this daemon offers beside the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from xapid.datamodel import VBD, VIF, VM, Host
from xapid.datamodel.errors import HANDLE_INVALID, INVALID_VALUE, RBAC_PERMISSION_DENIED, ApiError
from xapid.datamodel.types import MapType, Object
from xapid.datamodel.vbd import VbdOperations
from xapid.datamodel.vif import VifOperations
from xapid.datamodel.vm import VmOperations
from xapid.ops import findings
from xapid.ops.host.coming_up import ComingUp
from xapid.rules import placement
from xapid.rules.explanation import explain as explanation_of
from xapid.runtime.context import Context

COMING_UP = frozenset({VmOperations.start, VmOperations.start_on, VmOperations.resume, VmOperations.resume_on})


def explain(ctx: Context, ref: str, operation: str) -> dict[str, str]:
    """``{"allowed": "true"}``, or what stands in the way (``rules.explanation``).

    Raises HANDLE_INVALID for no object at all, INVALID_VALUE for an operation that its class does not have.
    """
    row = ctx.store.find_any(ref)
    if row is None:
        raise HANDLE_INVALID("ref", ref)
    operation = _known(row, operation)
    for about, name, check in _checks(ctx, row, operation):
        try:
            check()
        except ApiError as error:
            told = explanation_of(ctx.store, about, name, error).told(ctx.clock.now())
            return {"allowed": "false", **told}
    return {"allowed": "true"}


async def start_guests(ctx: Context) -> dict[str, str]:
    """What a unit of the host waits for."""
    _require_root(ctx, "start_guests")
    coming_up: ComingUp = ctx.runtime.services["coming_up"]
    failed = await coming_up.failed()
    return {vm.uuid: " ".join(failed[vm.ref].description) for vm in ctx.store.all(VM) if vm.ref in failed}


async def examine(ctx: Context) -> list[dict[str, str]]:
    """What ``xapid doctor`` shows of guests, disks and bridges."""
    _require_root(ctx, "examine")
    return [finding.told() for finding in await findings.look(ctx, _this_host(ctx))]


async def repair(ctx: Context, name: str) -> None:
    """Raises INVALID_VALUE if there is no such finding any more, or nothing can be done about it."""
    _require_root(ctx, "repair")
    await findings.repair(ctx, _this_host(ctx), name)


def _require_root(ctx: Context, message: str) -> None:
    if not ctx.origin.trusted:
        raise RBAC_PERMISSION_DENIED(f"xapid.{message}", "only root may ask, over the Unix socket")


def _this_host(ctx: Context) -> Host:
    return ctx.store.get(Host, ctx.runtime.localhost)


def _known(row: Object, operation: str) -> str:
    """The operation in the spelling of the row's class."""
    field = row.spec.fields.get("current_operations")
    if field is None or not isinstance(field.type, MapType):
        raise INVALID_VALUE("ref", row.ref)
    try:
        return str(field.type.value.python(operation))  # type: ignore[attr-defined]  # a map to an enumeration
    except ValueError as error:
        raise INVALID_VALUE("operation", operation) from error


def _checks(ctx: Context, row: Object, operation: str) -> Iterator[tuple[Object, str, Callable[[], object]]]:
    """What the call would look at, in its order: the object itself; of a machine that is to come up its devices, and
    whether a host has room for it."""
    yield row, operation, partial(ctx.check, row, operation)
    if isinstance(row, VM) and operation in COMING_UP:
        for vbd in ctx.store.where(VBD, VM=row.ref):
            yield vbd, VbdOperations.attach, partial(ctx.check, vbd, VbdOperations.attach)
        for vif in ctx.store.where(VIF, VM=row.ref):
            yield vif, VifOperations.attach, partial(ctx.check, vif, VifOperations.attach)
        yield row, operation, partial(placement.choose_host, ctx.store, row)
