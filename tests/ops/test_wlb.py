"""The service that balances load: named, configured, asked for advice, forgotten; and what may go wrong with it."""

from __future__ import annotations

import base64
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.auth.certificate import ensure_certificate, without_key
from xapid.datamodel import VM, Host, Pool
from xapid.datamodel.errors import (
    SSL_VERIFY_ERROR,
    WLB_AUTHENTICATION_FAILED,
    WLB_CONNECTION_RESET,
    WLB_DISABLED,
    WLB_MALFORMED_RESPONSE,
    WLB_NOT_INITIALIZED,
    WLB_TIMEOUT,
    WLB_UNKNOWN_HOST,
    WLB_URL_INVALID,
    OtherError,
)
from xapid.ops.wlb import passwords

JOINED = "<ResultCode>0</ResultCode><Id>7</Id>"


@dataclass
class Balancer:
    """The service: answers as it is told, and keeps what it was asked."""

    port: int
    certificate: str
    answers: dict[str, str] = field(default_factory=lambda: {"AddXenServer": JOINED})
    """What stands in the result of a method."""
    status: int = 200
    whole: str = ""
    """The answer, if it is not to be made of ``answers``."""
    may_answer: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Who asked, and the body."""

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, action: str) -> bytes:
        method = action.strip('"').rpartition("/")[2]
        result = f"<{method}Response><{method}Result>{self.answers.get(method, '')}</{method}Result></{method}Response>"
        return (self.whole or f'<s:Envelope xmlns:s="x"><s:Body>{result}</s:Body></s:Envelope>').encode()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("balancer") / "balancer.pem"
    ensure_certificate(path, ["localhost"], ["127.0.0.1"])
    return path


@pytest.fixture
def balancer(certificate: Path) -> Iterator[Balancer]:
    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            told.asked.append((base64.b64decode(self.headers["Authorization"].split()[1]).decode(), body))
            told.may_answer.wait(60)
            self.send_response(told.status)
            self.end_headers()
            self.wfile.write(told.answer(self.headers["SOAPAction"]))

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        told = Balancer(server.server_port, without_key(certificate.read_text()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        told.may_answer.set()
        yield told
        told.may_answer.set()
        server.shutdown()
        thread.join()


async def join(xapi: Xapi, url: str) -> None:
    await xapi.pool.initialize_wlb(url, "wlb", "p<w", "root", "s&cret")


@pytest.fixture
async def joined(fresh: FreshHost, pool: str, balancer: Balancer) -> Balancer:
    await join(fresh.xapi, balancer.url)
    await fresh.xapi.pool.set_wlb_enabled(pool, True)
    return balancer


def uuid_of(fresh: FreshHost) -> str:
    return fresh.store.one(Pool).uuid


# --- Named and forgotten ----------------------------------------------------------------------------


async def test_a_service_is_told_how_to_reach_the_pool(fresh: FreshHost, pool: str, balancer: Balancer) -> None:
    await join(fresh.xapi, balancer.url)

    ((who, body),) = balancer.asked
    (request,) = ElementTree.fromstring(body)[0][0]
    told = {each.tag.rpartition("}")[2]: each.text for each in request}
    assert who == "wlb:p<w"
    assert told == {
        "Password": "s&cret",
        "PoolUuid": uuid_of(fresh),
        "UserName": "root",
        "XenServerUrl": f"http://{fresh.store.one(Host).address}:80/",
    }
    assert await fresh.xapi.pool.get_wlb_url(pool) == balancer.url
    assert await fresh.xapi.pool.get_wlb_username(pool) == "wlb"
    assert [secret.value for secret in passwords(fresh.store)] == ["p<w"]


async def test_another_service_takes_the_place_of_the_first(fresh: FreshHost, joined: Balancer) -> None:
    await fresh.xapi.pool.initialize_wlb(joined.url, "other", "new", "root", "x")

    assert fresh.store.one(Pool).wlb_username == "other"
    assert [secret.value for secret in passwords(fresh.store)] == ["new"]


@pytest.mark.parametrize("status", [200, 500])
async def test_a_service_is_forgotten_whatever_it_says(
    fresh: FreshHost, pool: str, joined: Balancer, status: int
) -> None:
    joined.status = status

    await fresh.xapi.pool.deconfigure_wlb()

    row = fresh.store.one(Pool)
    assert (row.wlb_url, row.wlb_username, row.wlb_enabled, passwords(fresh.store)) == ("", "", False, [])
    assert joined.asked[-1][0] == "wlb:p<w"
    with pytest.raises(WLB_NOT_INITIALIZED):
        await fresh.xapi.pool.deconfigure_wlb()


@pytest.mark.parametrize(
    "url", ["", "wlb.example", ":8012", "wlb.example:x", "wlb.example:0", "a\nb:1", "a b:1", "[::1:8012"]
)
async def test_a_service_has_a_name_and_a_port(xapi: Xapi, url: str) -> None:
    with pytest.raises(WLB_URL_INVALID) as error:
        await join(xapi, url)

    assert error.value.args == (url,)


# --- Its configuration ------------------------------------------------------------------------------


async def test_the_service_is_configured(fresh: FreshHost, joined: Balancer) -> None:
    await fresh.xapi.pool.send_wlb_configuration({"HostCpuThresholdCritical": "0.9", "a<b": "&"})

    ((who, body),) = joined.asked[1:]
    (request,) = ElementTree.fromstring(body)[0][0]
    pairs = [tuple(text.text for text in pair) for pair in request[0]]
    assert (who, pairs) == ("wlb:p<w", [("HostCpuThresholdCritical", "0.9"), ("a<b", "&")])

    joined.answers["GetXenPoolConfiguration"] = (
        '<OptimizationParms xmlns:b="y"><b:KeyValueOfstringstring><b:Key>Mode</b:Key><b:Value>1</b:Value>'
        "</b:KeyValueOfstringstring><b:KeyValueOfstringstring><b:Key>Empty</b:Key><b:Value/>"
        "</b:KeyValueOfstringstring></OptimizationParms>"
    )
    assert await fresh.xapi.pool.retrieve_wlb_configuration() == {"Mode": "1", "Empty": ""}


async def test_a_configuration_that_is_not_taken_fails_the_call(fresh: FreshHost, joined: Balancer) -> None:
    joined.answers["SetXenPoolConfiguration"] = "<Odd/>"
    with pytest.raises(WLB_MALFORMED_RESPONSE):
        await fresh.xapi.pool.send_wlb_configuration({})
    joined.answers["GetXenPoolConfiguration"] = "<OptimizationParms><Pair><Key>Mode</Key></Pair></OptimizationParms>"
    with pytest.raises(WLB_MALFORMED_RESPONSE):
        await fresh.xapi.pool.retrieve_wlb_configuration()


# --- Its advice -------------------------------------------------------------------------------------


def advice(tag: str, **facts: str) -> str:
    return f"<{tag}>" + "".join(f"<{key}>{value}</{key}>" for key, value in facts.items()) + f"</{tag}>"


@pytest.fixture
def guest(fresh: FreshHost) -> VM:
    with fresh.store.write() as tx:
        return tx.create(VM, name_label="guest")


async def test_advice_for_the_pool_names_machines_and_hosts(fresh: FreshHost, joined: Balancer, guest: VM) -> None:
    host = fresh.store.one(Host)
    assert await fresh.xapi.pool.retrieve_wlb_recommendations() == {}
    moves = advice("M", VmToMoveUuid=guest.uuid, MoveToHostUuid=host.uuid, Reason="Cpu", RecommendationId="3")
    power = advice("M", VmToMoveUuid="", MoveFromHostUuid=host.uuid, Reason="PowerOff", RecommendationId="4")
    joined.answers["GetOptimizationRecommendations"] = (
        f"<OptimizationId>12</OptimizationId><Recommendations>{moves}{power}</Recommendations>"
    )

    assert await fresh.xapi.pool.retrieve_wlb_recommendations() == {
        guest.ref: ["WLB", host.uuid, "12", "3", "Cpu"],
        host.control_domain: ["WLB", host.uuid, "12", "4", "PowerOff"],
    }


async def test_hosts_have_stars_for_a_machine_or_a_reason_why_not(
    fresh: FreshHost, joined: Balancer, guest: VM
) -> None:
    host = fresh.store.one(Host)
    assert await fresh.xapi.VM.retrieve_wlb_recommendations(guest.ref) == {}

    for stars, reason, found in (
        ("4.5", "None", ["WLB", "4.5", "9"]),
        ("3", "None", ["WLB", "3.0", "9"]),
        ("0", "NotEnoughMemory", ["WLB", "0.0", "9", "NotEnoughMemory"]),
    ):
        facts = {"HostUuid": host.uuid, "RecommendationId": "9", "Stars": stars, "ZeroScoreReason": reason}
        joined.answers["VMGetRecommendations"] = f"<Recommendations>{advice('H', **facts)}</Recommendations>"
        assert await fresh.xapi.VM.retrieve_wlb_recommendations(guest.ref) == {host.ref: found}
    assert guest.uuid in joined.asked[-1][1]


async def test_advice_for_emptying_a_host(fresh: FreshHost, host: str, joined: Balancer, guest: VM) -> None:
    uuid = fresh.store.one(Host).uuid
    assert await fresh.xapi.host.retrieve_wlb_evacuate_recommendations(host) == {}
    move = advice("H", VmUuid=guest.uuid, HostUuid=uuid, RecommendationId="5")
    joined.answers["HostGetRecommendations"] = f"<Recommendations>{move}</Recommendations>"

    assert await fresh.xapi.host.retrieve_wlb_evacuate_recommendations(host) == {guest.ref: ["WLB", uuid, "5"]}
    assert uuid in joined.asked[-1][1]


@pytest.mark.parametrize(
    "facts",
    [
        {"VmToMoveUuid": "ghost"},
        {"MoveToHostUuid": "ghost"},
        {"RecommendationId": "x"},
        {"Reason": None},
    ],
)
async def test_advice_that_makes_no_sense_is_refused(
    fresh: FreshHost, joined: Balancer, guest: VM, facts: dict[str, Any]
) -> None:
    good = {
        "VmToMoveUuid": guest.uuid,
        "MoveToHostUuid": fresh.store.one(Host).uuid,
        "Reason": "",
        "RecommendationId": "3",
    }
    told = {key: value for key, value in {**good, **facts}.items() if value is not None}
    joined.answers["GetOptimizationRecommendations"] = (
        f"<OptimizationId>1</OptimizationId><Recommendations>{advice('M', **told)}</Recommendations>"
    )

    with pytest.raises(WLB_MALFORMED_RESPONSE):
        await fresh.xapi.pool.retrieve_wlb_recommendations()


@pytest.mark.parametrize("stars, reason", [("2", "NotEnoughMemory"), ("x", "None")])
async def test_stars_that_make_no_sense_are_refused(
    fresh: FreshHost, joined: Balancer, guest: VM, stars: str, reason: str
) -> None:
    facts = {"HostUuid": fresh.store.one(Host).uuid, "RecommendationId": "9", "Stars": stars, "ZeroScoreReason": reason}
    joined.answers["VMGetRecommendations"] = f"<Recommendations>{advice('H', **facts)}</Recommendations>"

    with pytest.raises(WLB_MALFORMED_RESPONSE):
        await fresh.xapi.VM.retrieve_wlb_recommendations(guest.ref)


async def test_a_host_that_nothing_is_said_of_is_missed(fresh: FreshHost, joined: Balancer, guest: VM) -> None:
    own = fresh.store.one(Host)
    with fresh.store.write() as tx:
        tx.create(Host, name_label="beside", metrics=own.metrics, control_domain=own.control_domain)
    facts = {"HostUuid": own.uuid, "RecommendationId": "9", "Stars": "1", "ZeroScoreReason": "None"}
    joined.answers["VMGetRecommendations"] = f"<Recommendations>{advice('H', **facts)}</Recommendations>"

    with pytest.raises(WLB_MALFORMED_RESPONSE, match="every host"):
        await fresh.xapi.VM.retrieve_wlb_recommendations(guest.ref)


async def test_a_service_that_is_switched_off_gives_no_advice(
    fresh: FreshHost, pool: str, host: str, joined: Balancer, guest: VM
) -> None:
    await fresh.xapi.pool.set_wlb_enabled(pool, False)

    with pytest.raises(WLB_DISABLED):
        await fresh.xapi.pool.retrieve_wlb_recommendations()
    with pytest.raises(WLB_DISABLED):
        await fresh.xapi.host.retrieve_wlb_evacuate_recommendations(host)
    with pytest.raises(WLB_DISABLED):
        await fresh.xapi.VM.retrieve_wlb_recommendations(guest.ref)


# --- What may go wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url, error", [("127.0.0.1:1", WLB_CONNECTION_RESET), ("no-such-host.invalid:8012", WLB_UNKNOWN_HOST)]
)
async def test_a_service_that_is_not_there(fresh: FreshHost, url: str, error: Any) -> None:
    with pytest.raises(error):
        await join(fresh.xapi, url)

    assert (fresh.store.one(Pool).wlb_url, passwords(fresh.store)) == ("", [])


@pytest.mark.parametrize(
    "status, error",
    [
        (401, WLB_AUTHENTICATION_FAILED),
        (403, WLB_AUTHENTICATION_FAILED),
        (404, WLB_CONNECTION_RESET),
        (500, WLB_CONNECTION_RESET),
    ],
)
async def test_a_service_that_does_not_want_to(fresh: FreshHost, balancer: Balancer, status: int, error: Any) -> None:
    balancer.status = status

    with pytest.raises(error):
        await join(fresh.xapi, balancer.url)

    assert fresh.store.one(Pool).wlb_url == ""


async def test_a_service_that_takes_too_long(fresh: FreshHost, pool: str, balancer: Balancer) -> None:
    balancer.may_answer.clear()
    await fresh.xapi.pool.add_to_other_config(pool, "wlb_timeout", "1")

    began = time.monotonic()
    with pytest.raises(WLB_TIMEOUT) as error:
        await join(fresh.xapi, balancer.url)

    assert error.value.args == ("1.",)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "result, told",
    [
        ("<ResultCode>4001</ResultCode><ErrorMessage>unknown pool</ErrorMessage>", ["4001", "unknown pool"]),
        ("<ResultCode>4</ResultCode>", ["4", ""]),
    ],
)
async def test_an_error_of_the_service_is_told(
    fresh: FreshHost, balancer: Balancer, result: str, told: list[str]
) -> None:
    balancer.answers["AddXenServer"] = result

    with pytest.raises(OtherError) as error:
        await join(fresh.xapi, balancer.url)

    assert error.value.description == ["WLB_INTERNAL_ERROR", *told]


async def test_a_fault_of_the_service_is_told(fresh: FreshHost, balancer: Balancer) -> None:
    balancer.whole = "<E><Body><Fault><Reason><Text>database is away</Text></Reason></Fault></Body></E>"

    with pytest.raises(OtherError) as error:
        await join(fresh.xapi, balancer.url)

    assert error.value.description == ["WLB_INTERNAL_ERROR", "Exception:", "database is away"]


@pytest.mark.parametrize(
    "whole",
    [
        "<",
        "no XML",
        "<E/>",
        "<E><Body/></E>",
        "<E><Body><AddXenServerResponse/></Body></E>",
        "<E><Body><AddXenServerResponse><AddXenServerResult/></AddXenServerResponse></Body></E>",
        '<!DOCTYPE x [<!ENTITY a "b">]><E><Body>&a;</Body></E>',
    ],
)
async def test_an_answer_that_is_none(fresh: FreshHost, balancer: Balancer, whole: str) -> None:
    balancer.whole = whole

    with pytest.raises(WLB_MALFORMED_RESPONSE) as error:
        await join(fresh.xapi, balancer.url)

    assert error.value.args[0] == "AddXenServer"
    assert "cret" not in "".join(map(str, error.value.args))
    assert fresh.store.one(Pool).wlb_url == ""


async def test_a_service_is_believed_by_its_certificate_if_the_pool_is_to_look(
    fresh: FreshHost, pool: str, balancer: Balancer
) -> None:
    await fresh.xapi.pool.set_wlb_verify_cert(pool, True)
    with pytest.raises(SSL_VERIFY_ERROR):
        await join(fresh.xapi, balancer.url)
    assert balancer.asked == []

    await fresh.xapi.pool.install_ca_certificate("balancer.pem", balancer.certificate)
    await join(fresh.xapi, balancer.url)

    assert len(balancer.asked) == 1
