"""``GET /system-status`` of a daemon on the simulator: a report in each form, and what one can hold."""

from __future__ import annotations

import io
import tarfile
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.http.client import Response
from tests.http.live import Live
from xapid.http.system_status import PREFIX

WANTED = ["report/kernel-info/simulated.out", "report/process-list/simulated.out"]


def get(live: Live, query: str, *headers: str, kind: str = "unix", path: str = "/system-status") -> Response:
    with live.dial(kind) as client:
        lines = (f"GET {path}{query} HTTP/1.1", "host: it", "connection: close", *headers, "", "")
        client.send("\r\n".join(lines).encode())
        return client.response()


def members(reply: Response, form: str) -> list[str]:
    if form == "zip":
        return sorted(zipfile.ZipFile(io.BytesIO(reply.body)).namelist())
    with tarfile.open(fileobj=io.BytesIO(reply.body), mode="r:bz2" if form == "tar.bz2" else "r:") as tar:
        return sorted(tar.getnames())


@pytest.mark.parametrize(
    ("query", "form", "kind"),
    [
        ("", "tar", "application/x-tar"),
        ("?output=tar", "tar", "application/x-tar"),
        ("?output=tar.bz2", "tar.bz2", "application/x-bzip2"),
        ("?output=zip", "zip", "application/zip"),
        ("?output=rar", "tar", "application/x-tar"),
    ],
)
def test_a_report_comes_in_the_form_that_is_asked_for(live: Live, query: str, form: str, kind: str) -> None:
    reply = get(live, query)

    assert (reply.status, reply.headers["content-type"]) == (200, kind)
    assert reply.headers["content-disposition"].endswith(f'-sim.{form}"')
    assert members(reply, form) == WANTED


def test_a_report_has_the_parts_that_are_asked_for(live: Live) -> None:
    reply = get(live, "?entries=host-crashdump-logs,process-list,nosuch")

    assert members(reply, "tar") == ["report/host-crashdump-logs/simulated.out", "report/process-list/simulated.out"]


def test_the_parts_are_listed(live: Live) -> None:
    reply = get(live, "?list")

    parts = ElementTree.fromstring(reply.body)
    assert reply.headers["content-type"] == "application/xml"
    assert [part.get("key") for part in parts] == ["kernel-info", "process-list", "host-crashdump-logs"]


def test_several_who_ask_at_once_have_a_report_each_and_nothing_is_left_behind(live: Live) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: get(live, ""), range(8)))

    assert [members(reply, "tar") for reply in replies] == [WANTED] * 8
    assert list(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")) == []


def test_all_logs_come_in_one_file(live: Live) -> None:
    reply = get(live, "", path="/host_logs_download")

    with tarfile.open(fileobj=io.BytesIO(reply.body), mode="r:gz") as tar:
        assert tar.getnames() == ["var/log/syslog"]
    assert reply.headers["content-disposition"] == 'attachment; filename="logs-sim.tar.gz"'


@pytest.mark.parametrize("headers", [(), ("cookie: session_id=OpaqueRef:nope",)])
def test_a_report_is_not_for_everybody(live: Live, headers: tuple[str, ...]) -> None:
    for path in ("/system-status", "/host_logs_download"):
        assert get(live, "?list", *headers, kind="tcp", path=path).status == 401
