"""What the reference says of the HTTP handlers is true of a whole daemon."""

from __future__ import annotations

import pytest

from tests.http.live import Live
from xapid.datamodel.http_actions import HTTP_ACTIONS, HttpAction

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("action", HTTP_ACTIONS, ids=lambda action: action.name)
def test_a_handler_is_said_to_be_unbuilt_as_long_as_it_is(live: Live, action: HttpAction) -> None:
    head = f"{action.method} {action.path} HTTP/1.1\r\nhost: it\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

    with live.dial() as client:
        client.send(head.encode())
        status = client.response().status

    assert (status == 501) is ("Not built yet: it answers 501." in action.doc)
