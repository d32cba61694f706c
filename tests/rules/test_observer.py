"""What Observers say for a host, taken together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.rows import World
from xapid.datamodel import Observer
from xapid.datamodel.types import NULL
from xapid.rules.observer import BUGTOOL, Component, aims, component_of

EVERYTHING = {"xapi", "xenopsd", "xapi-clusterd", "smapi"}
THERE, ELSEWHERE = "http://collector.example", "http://other.example"


def observer(world: World, **fields: Any) -> Observer:
    return world.make(Observer, **{"name_label": "watch", "enabled": True, "endpoints": (BUGTOOL,)} | fields)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, {BUGTOOL: EVERYTHING}),
        ({"enabled": False}, {}),
        ({"endpoints": ()}, {}),
        ({"components": ("smapi", "xapi")}, {BUGTOOL: {"smapi", "xapi"}}),
        ({"endpoints": (BUGTOOL, THERE), "components": ("xapi",)}, {BUGTOOL: {"xapi"}, THERE: {"xapi"}}),
        ({"hosts": ("OpaqueRef:another",)}, {}),
    ],
)
def test_an_observer_concerns_what_it_says(world: World, fields: dict[str, Any], wanted: dict[str, set[str]]) -> None:
    observer(world, **fields)

    assert {endpoint: {*map(str, of)} for endpoint, of in aims(world.store, world.host.ref).items()} == wanted


def test_an_observer_that_names_a_host_concerns_it(world: World) -> None:
    observer(world, hosts=("OpaqueRef:another", world.host.ref))

    assert list(aims(world.store, world.host.ref)) == [BUGTOOL]


def test_a_host_that_is_not_known_yet_traces_nothing(world: World) -> None:
    observer(world)

    assert aims(world.store, NULL) == {}


def test_one_that_is_set_aside_has_no_say(world: World) -> None:
    aside = observer(world)
    observer(world, endpoints=(THERE,))

    assert list(aims(world.store, world.host.ref, {aside.ref})) == [THERE]


def test_every_span_says_where_it_comes_from(world: World) -> None:
    world.set(world.host, name_label="alpha")
    observer(world, components=("smapi",), attributes={"site.name": "Berlin", "service.name": "storage"})

    assert aims(world.store, world.host.ref)[BUGTOOL][Component.smapi] == {
        "xs.pool.uuid": world.now(world.pool).uuid,
        "xs.host.uuid": world.host.uuid,
        "xs.host.name": "alpha",
        "xs.observer.name": "watch",
        "service.name": "storage",
        "site.name": "Berlin",
    }


def test_two_with_one_endpoint_send_there_once_with_the_attributes_of_both(world: World) -> None:
    observer(world, name_label="all", attributes={"a": "1"}, endpoints=(THERE, ELSEWHERE), uuid="00000000-1")
    observer(world, name_label="disks", attributes={"b": "2"}, endpoints=(THERE,), components=("smapi",), uuid="1")

    found = aims(world.store, world.host.ref)

    def shown(endpoint: str, component: Component) -> dict[str, str]:
        return {
            key: value for key, value in found[endpoint][component].items() if key in ("a", "b", "xs.observer.name")
        }

    assert shown(THERE, Component.smapi) == {"a": "1", "b": "2", "xs.observer.name": "all, disks"}
    assert shown(THERE, Component.xapi) == {"a": "1", "xs.observer.name": "all"}
    assert shown(ELSEWHERE, Component.smapi) == {"a": "1", "xs.observer.name": "all"}


@pytest.mark.parametrize(
    ("kind", "component"),
    [("domain", "xenopsd"), ("datapath", "xenopsd"), ("storage:file", "smapi"), ("network", "xapi"), ("host", "xapi")],
)
def test_calls_of_back_ends_are_the_work_of_a_daemon_of_the_original(kind: str, component: str) -> None:
    assert component_of(kind) == component
