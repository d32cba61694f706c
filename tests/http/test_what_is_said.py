"""What the reference says of the HTTP handlers is true of a whole daemon."""

from __future__ import annotations

import uuid

import pytest

from tests.http.live import Live
from xapid.datamodel.http_actions import HTTP_ACTIONS, HttpAction
from xapid.http.unbuilt import INTO_REPOSITORY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def repository(live: Live) -> str:
    """The uuid of one that is known in name only."""
    found = str(uuid.uuid4())
    client = live.daemon.client()
    client.call("SR.introduce", found, "known", "", "iso", "iso", True, {})
    client.close()
    return found


@pytest.mark.parametrize("action", HTTP_ACTIONS, ids=lambda action: action.name)
def test_a_handler_is_said_to_be_unbuilt_as_long_as_it_is(live: Live, action: HttpAction, repository: str) -> None:
    sent = "x" if action.method in ("PUT", "POST") else ""
    query = f"?sr_id={repository}" if action.name in INTO_REPOSITORY else ""
    head = f"{action.method} {action.path}{query} HTTP/1.1\r\nhost: it\r\nconnection: close\r\n"
    head += f"content-length: {len(sent)}\r\n\r\n{sent}"

    with live.dial() as client:
        client.send(head.encode())
        status = client.response().status

    assert (status == 501) is ("Not built yet: it answers 501." in action.doc)
