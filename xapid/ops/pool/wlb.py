"""The pool and the service that balances its load."""

from __future__ import annotations

import logging

from xapid.datamodel import Host, Pool, Secret
from xapid.datamodel.errors import ApiError
from xapid.datamodel.map_keys import WLB_OF_SECRET
from xapid.ops import wlb
from xapid.ops.wlb_advice import machine_to_move, record_of
from xapid.runtime.context import Context

log = logging.getLogger(__name__)

ARRAYS = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"


async def initialize_wlb(
    ctx: Context,
    wlb_url: str,
    wlb_username: str,
    wlb_password: str,
    xenserver_username: str,
    xenserver_password: str,
) -> None:
    """Tell the service how it reaches the pool; if it can, it is the service of the pool from now on."""
    service = wlb.Service.at(wlb_url, wlb_username, wlb_password)
    pool = ctx.store.one(Pool)
    async with ctx.lock(pool):
        address = ctx.store.get(Host, pool.master).address
        answer = await wlb.ask(
            ctx,
            service,
            "AddXenServer",
            wlb.parameter("Password", xenserver_password),
            wlb.of_pool(ctx.store),
            wlb.parameter("UserName", xenserver_username),
            wlb.parameter("XenServerUrl", f"http://[{address}]:80/" if ":" in address else f"http://{address}:80/"),
        )
        answer.child("Id")
        with ctx.write() as tx:
            for secret in wlb.passwords(ctx.store):
                tx.delete(secret)
            tx.create(Secret, value=wlb_password, other_config={WLB_OF_SECRET.name: pool.uuid})
            tx.set(ctx.now(pool), wlb_url=wlb_url, wlb_username=wlb_username)


async def deconfigure_wlb(ctx: Context) -> None:
    """Forget the service, whatever it says to that."""
    pool = ctx.store.one(Pool)
    async with ctx.lock(pool):
        service = wlb.initialized(ctx.store)
        try:
            await wlb.ask(ctx, service, "RemoveXenServer", wlb.of_pool(ctx.store))
        except ApiError as error:
            log.warning("the service that balances load was not told that it is forgotten: %s", error)
        with ctx.write() as tx:
            for secret in wlb.passwords(ctx.store):
                tx.delete(secret)
            tx.set(ctx.now(pool), wlb_url="", wlb_username="", wlb_enabled=False)


async def send_wlb_configuration(ctx: Context, config: dict[str, str]) -> None:
    pairs = "".join(
        f"<b:KeyValueOfstringstring>{wlb.parameter('b:Key', key)}{wlb.parameter('b:Value', value)}"
        "</b:KeyValueOfstringstring>"
        for key, value in config.items()
    )
    answer = await wlb.ask(
        ctx,
        wlb.initialized(ctx.store),
        "SetXenPoolConfiguration",
        f'<OptimizationParms xmlns:b="{ARRAYS}">{pairs}</OptimizationParms>',
        wlb.of_pool(ctx.store),
    )
    if not answer.empty:
        answer.malformed("it should be empty")


async def retrieve_wlb_configuration(ctx: Context) -> dict[str, str]:
    answer = await wlb.ask(ctx, wlb.initialized(ctx.store), "GetXenPoolConfiguration", wlb.of_pool(ctx.store))
    found = {}
    for pair in answer.items("OptimizationParms"):
        if not {"Key", "Value"} <= pair.keys():
            answer.malformed("a pair of the configuration lacks its key or its value")
        found[pair["Key"]] = pair["Value"]
    return found


async def retrieve_wlb_recommendations(ctx: Context) -> dict[str, list[str]]:
    """Machines that should move: to which host, numbers of the advice, and why. A control domain: for its host."""
    answer = await wlb.ask(ctx, wlb.enabled(ctx.store), "GetOptimizationRecommendations", wlb.of_pool(ctx.store))
    if answer.empty:
        return {}
    number = answer.number(answer.text("OptimizationId"))
    found: dict[str, list[str]] = {}
    for advice in answer.items("Recommendations"):
        vm = machine_to_move(ctx.store, answer, advice.get("VmToMoveUuid", ""), advice.get("MoveFromHostUuid", ""))
        key = "MoveToHostUuid" if advice.get("VmToMoveUuid") else "MoveFromHostUuid"
        host = record_of(ctx.store, answer, Host, advice.get(key, ""))
        if "Reason" not in advice:
            answer.malformed("advice lacks its reason")
        own = answer.number(advice.get("RecommendationId", ""))
        found[vm.ref] = ["WLB", host.uuid, number, own, advice["Reason"]]
    return found
