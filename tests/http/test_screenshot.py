"""Pictures of screens: who gets which, and what a server of RFB cannot do to who takes one."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.conftest import FreshHost
from tests.console_client import console
from tests.daemon import Client, Daemon
from tests.http.live import Live, live_daemon
from xapid.backends.domain.interface import Endpoint
from xapid.backends.domain.sim_console import BARS, HEIGHT, WIDTH
from xapid.datamodel import VM, Console
from xapid.http.audited import Uses
from xapid.http.authentication import Authentication, Parameters, Refused
from xapid.http.meeting import Meetings
from xapid.http.screenshot import ACTION, LONGEST_TEXT, OF_HOST, PIXELS, Picture, take
from xapid.wire import rfb
from xapid.wire.rfb import Unknown


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_daemon(tmp_path_factory.mktemp("pictures")) as live:
        yield live


@pytest.fixture
def daemon(live: Live) -> Daemon:
    return live.daemon


def get(live: Live, query: str, session: str) -> tuple[int, dict[str, str], bytes]:
    with live.dial() as connection:
        connection.send(f"GET /vncsnapshot?{query}&session_id={session} HTTP/1.1\r\nhost: it\r\n\r\n".encode())
        reply = connection.response()
    return reply.status, reply.headers, reply.body


def assert_shows_bars(jpeg: bytes) -> None:
    image = Image.open(io.BytesIO(jpeg))
    assert (image.format, image.size) == ("JPEG", (WIDTH, HEIGHT))
    width = WIDTH // len(BARS)
    for number, colour in enumerate(BARS):
        seen = image.getpixel((number * width + width // 2, HEIGHT // 2))
        assert isinstance(seen, tuple)
        assert all(abs(a - b) < 16 for a, b in zip(seen, colour, strict=True)), (number, seen)


@pytest.mark.slow
def test_a_machine_or_its_console_is_pictured_by_uuid_or_reference(live: Live, api: Client, screened: str) -> None:
    screen = console(api, screened, "rfb")
    for query in (
        f"uuid={api.call('VM.get_uuid', screened)}",
        f"ref={screened}",
        f"uuid={api.call('console.get_uuid', screen)}",
        f"ref={screen}",
    ):
        status, headers, body = get(live, query, api.session)

        assert (status, headers["content-type"]) == (200, "image/jpeg")
        assert headers["content-disposition"].startswith("attachment; filename=")
        assert_shows_bars(body)


@pytest.mark.slow
def test_what_has_no_screen_is_not_found_and_what_there_is_not_fails(live: Live, api: Client, screened: str) -> None:
    line = console(api, screened, "vt100")
    assert get(live, f"ref={line}", api.session)[0] == 404
    api.call("VM.hard_shutdown", screened)
    assert get(live, f"ref={screened}", api.session)[0] == 404
    assert get(live, "uuid=nobody", api.session)[0] == 500


@pytest.mark.slow
def test_the_control_domain_is_pictured_for_root(live: Live, api: Client) -> None:
    (host,) = api.call("host.get_all")

    status, _, body = get(live, f"ref={api.call('host.get_control_domain', host)}", api.session)

    assert status == 200
    assert_shows_bars(body)


# --- Who may -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "of_guests", "of_the_host"),
    [
        ("pool-admin", True, True),
        ("pool-operator", True, False),
        ("vm-power-admin", True, False),
        ("vm-admin", True, False),
        ("vm-operator", True, False),
        ("read-only", False, False),
    ],
)
@pytest.mark.parametrize(
    "action, of_host", [(ACTION, OF_HOST), ("connect_console", OF_HOST), ("connect_console_ws", "host_console_ws")]
)
async def test_the_console_of_the_host_is_for_its_administrators(
    fresh: FreshHost, action: str, of_host: str, role: str, of_guests: bool, of_the_host: bool
) -> None:
    sessions = fresh.runtime.services["sessions"]
    uses = Uses(lambda _: None, fresh.runtime.clock.now)
    authentication = Authentication(sessions, fresh.runtime.services["admission"], uses)
    session = sessions.start("jo", "", superuser=False, roles=frozenset({role}), user_sid="S-1-5-7")

    async def somewhere(vm: VM, console: Console) -> Endpoint | str:
        return Endpoint(console.protocol.value, "/nowhere")

    meetings = Meetings(fresh.runtime.store, authentication, somewhere)
    (domain,) = (each for each in fresh.runtime.store.all(VM) if each.is_control_domain)
    guest = next(each for each in fresh.runtime.store.all(VM) if not each.is_control_domain)

    async def refusal(vm: VM) -> int:
        """The status; 0: let in."""
        scope = {"headers": [], "query_string": f"ref={vm.ref}".encode(), "extensions": {}}
        try:
            await meetings.find(session, Parameters(scope), action, of_host, screen=True)
        except Refused as refused:
            return refused.reply.status
        return 0

    # There is no such screen, which only those are told who may ask.
    assert await refusal(guest) == (404 if of_guests else 403)
    assert await refusal(domain) == (0 if of_the_host else 403)


# --- What a server may say ---------------------------------------------------------------------------

NO_NAME = bytes(4)
HELLO = b"RFB 003.008\n\x01\x01" + bytes(4)
OLD_HELLO = b"RFB 003.003\n" + (1).to_bytes(4)
SIZE = struct.pack(">HH", 4, 2) + PIXELS.write() + NO_NAME
PIXEL = b"\x01\x02\x03\x00"


def update(*rectangles: tuple[int, int, int, int], encoding: int = rfb.RAW, pixel: bytes = PIXEL) -> bytes:
    said = struct.pack(">BxH", rfb.UPDATE, len(rectangles))
    for x, y, width, height in rectangles:
        said += struct.pack(">HHHHi", x, y, width, height, encoding) + pixel * (width * height)
    return said


async def taken(said: bytes) -> tuple[Picture, bytes]:
    """A picture of what a server says whatever it hears, and what it heard."""
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.write_eof()
        while data := await reader.read(4096):
            heard.extend(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        try:
            return await take(reader, writer), bytes(heard)
        finally:
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize("hello", [HELLO, OLD_HELLO, b"RFB 003.007\n\x01\x01", b"RFB 003.889\n\x02\x02\x01" + bytes(4)])
async def test_each_version_of_the_protocol_is_spoken(hello: bytes) -> None:
    picture, _ = await taken(hello + SIZE + update((0, 0, 4, 2)))

    assert (picture.width, picture.height, bytes(picture.data)) == (4, 2, PIXEL * 8)


async def test_a_screen_may_come_in_parts_and_between_other_words() -> None:
    others = b"\x02" + b"\x03\0\0\0\0\0\0\x05hello" + b"\x01\0\0\0\0\x01" + bytes(6)

    picture, _ = await taken(
        HELLO
        + SIZE
        + others
        + update((0, 0, 2, 2))
        + others
        + update((2, 0, 2, 1), (2, 1, 2, 1), pixel=b"\x09\x09\x09\0")
    )

    row = PIXEL * 2 + b"\x09\x09\x09\0" * 2
    assert bytes(picture.data) == row * 2


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200",
        b"RFB 003.008\n\x01\x02",
        b"RFB 003.008\n\x00",
        b"RFB 003.003\n" + bytes(4),
        b"RFB 003.008\n\x01\x01\0\0\0\x01",
        HELLO + struct.pack(">HH", 65535, 65535) + PIXELS.write() + NO_NAME,
        HELLO + struct.pack(">HH", 0, 0) + PIXELS.write() + NO_NAME,
        HELLO + SIZE[:-4] + (LONGEST_TEXT + 1).to_bytes(4),
        HELLO + SIZE + b"\x03\0\0\0\xff\xff\xff\xff",
        HELLO + SIZE + b"\x77",
        HELLO + SIZE + update((0, 0, 5, 2)),
        HELLO + SIZE + update((0, 1, 4, 2)),
        HELLO + SIZE + update((0, 0, 4, 2), encoding=rfb.HEXTILE),
        HELLO + SIZE + update(*[(0, 0, 1, 0)] * 1000),
    ],
)
async def test_a_server_that_says_what_none_says_is_not_believed(said: bytes) -> None:
    with pytest.raises(Unknown):
        await taken(said)


async def test_a_server_that_goes_before_it_showed_all_shows_nothing() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        await taken(HELLO + SIZE + update((0, 0, 4, 1)))
