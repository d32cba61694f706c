"""Advice of the service that balances load, about one machine or one host."""

from __future__ import annotations

from typing import TypeVar

from xapid.datamodel import VM, Host
from xapid.datamodel.types import Object
from xapid.ops import wlb
from xapid.rules.host import is_live
from xapid.runtime.context import Context
from xapid.store.store import Store

R = TypeVar("R", bound=Object)


def record_of(store: Store, answer: wlb.Answer, cls: type[R], uuid: str) -> R:
    """The object that the service speaks of. Raises WLB_MALFORMED_RESPONSE."""
    found = store.find_uuid(cls, uuid)
    if found is None:
        answer.malformed(f"there is no {cls.spec.name} {uuid!r}")
    return found


def machine_to_move(store: Store, answer: wlb.Answer, vm: str, host: str) -> VM:
    """The machine with this uuid; where there is none, the control domain of the host stands for it."""
    if vm:
        return record_of(store, answer, VM, vm)
    return store.get(VM, record_of(store, answer, Host, host).control_domain)


async def where_to_start(ctx: Context, vm: VM) -> dict[str, list[str]]:
    """For each host that is up how good it would be for a machine, in stars; none: why not."""
    answer = await wlb.ask(
        ctx,
        wlb.enabled(ctx.store),
        "VMGetRecommendations",
        wlb.of_pool(ctx.store),
        wlb.parameter("VmUuid", vm.uuid),
    )
    if answer.empty or not len(answer.child("Recommendations")):
        return {}
    found: dict[str, list[str]] = {}
    for advice in answer.items("Recommendations"):
        host = record_of(ctx.store, answer, Host, advice.get("HostUuid", ""))
        number = answer.number(advice.get("RecommendationId", ""))
        stars = float(answer.number(advice.get("Stars", "")))
        reason = advice.get("ZeroScoreReason", "")
        if stars and reason != "None":
            answer.malformed(f"a host has {stars} stars, and a reason why it has none: {reason}")
        found[host.ref] = ["WLB", str(stars), number] if stars else ["WLB", "0.0", number, reason]
    if len(found) != sum(is_live(ctx.store, host) for host in ctx.store.all(Host)):
        answer.malformed("it does not speak of every host")
    return found


async def where_to_evacuate(ctx: Context, host: Host) -> dict[str, list[str]]:
    """For each machine of a host to which other it should move."""
    answer = await wlb.ask(
        ctx,
        wlb.enabled(ctx.store),
        "HostGetRecommendations",
        wlb.parameter("HostUuid", host.uuid),
        wlb.of_pool(ctx.store),
    )
    if answer.empty:
        return {}
    found: dict[str, list[str]] = {}
    for advice in answer.items("Recommendations"):
        uuid = advice.get("HostUuid", "")
        vm = machine_to_move(ctx.store, answer, advice.get("VmUuid", ""), uuid)
        number = answer.number(advice.get("RecommendationId", ""))
        found[vm.ref] = ["WLB", record_of(ctx.store, answer, Host, uuid).uuid, number]
    return found
