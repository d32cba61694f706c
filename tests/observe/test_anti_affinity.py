"""The administrator is told of groups whose machines are too near each other, as long as they are."""

from __future__ import annotations

from tests.conftest import FreshHost
from tests.machines import Workshop
from tests.xapi import Xapi
from xapid.datamodel import Host, HostMetrics, Message
from xapid.observe.anti_affinity import NAME, AntiAffinityWatch


def told(fresh: FreshHost) -> list[Message]:
    return [message for message in fresh.store.all(Message) if message.name == NAME]


async def test_a_crowd_is_told_once_and_taken_back_when_it_is_over(
    fresh: FreshHost, workshop: Workshop, xapi: Xapi, host: str
) -> None:
    watch = AntiAffinityWatch(fresh.runtime)
    group = await xapi.VM_group.create({"name_label": "g", "name_description": "", "placement": "anti_affinity"})
    vms = [await workshop.started(await workshop.vm()) for _ in range(2)]
    for vm in vms:
        await xapi.VM.set_groups(vm, [group])
    watch.look()
    alone = told(fresh)
    with fresh.store.write() as tx:
        metrics = tx.create(HostMetrics, live=True)
        tx.create(Host, enabled=True, metrics=metrics.ref)

    watch.look()
    watch.look()
    (message,) = told(fresh)
    await xapi.VM.hard_shutdown(vms[0])
    watch.look()

    assert alone == []
    assert (message.priority, message.cls, message.obj_uuid) == (3, "Host", workshop.row(host).uuid)
    assert workshop.row(group).uuid in message.body
    assert told(fresh) == []
