"""``GET /vncsnapshot?uuid=U``: a picture of a screen, taken as a viewer of it that looks once."""

from __future__ import annotations

import asyncio
import io
import itertools
import logging
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from dataclasses import dataclass

from PIL import Image
from starlette.types import Receive, Scope, Send

from xapid.auth.audit import Meant
from xapid.http.authentication import Authentication, Parameters, Refused
from xapid.http.exchange import send_reply
from xapid.http.meeting import Meetings
from xapid.http.reply import Reply, error_page
from xapid.wire import rfb
from xapid.wire.rfb import PixelFormat, Unknown

log = logging.getLogger(__name__)

ACTION, OF_HOST = "get_vncsnapshot", "host_console"
LIMIT = 30.0
"""Seconds that a server has to show its screen."""
AT_ONCE = 2
"""Pictures that are taken at once: each takes memory as long as the server likes."""
LARGEST = 3840 * 2160
"""Pixels of a screen."""
LONGEST_TEXT = 1 << 20
"""Bytes of a name, or of what somebody cut in the guest."""
WASTE = 4
"""Times that a server may show the whole screen without showing all of it."""
PIXELS = PixelFormat(32, False, (255, 255, 255), (0, 8, 16))
QUALITY = 85


@dataclass(frozen=True)
class Picture:
    """A screen at one moment: four bytes a pixel, of which the last means nothing."""

    width: int
    height: int
    data: bytearray

    def jpeg(self) -> bytes:
        image = Image.frombuffer("RGB", (self.width, self.height), self.data, "raw", "RGBX", 0, 1)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=QUALITY)
        return file.getvalue()


class ScreenshotHandler:
    """Takes pictures."""

    def __init__(self, authentication: Authentication, meetings: Meetings) -> None:
        self._authentication = authentication
        self._meetings = meetings
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parameters = Parameters(scope)
        async with self._authentication.session(scope, parameters, ACTION) as session:
            meeting = await self._meetings.find(session, parameters, ACTION, OF_HOST, screen=True)
            self._authentication.used(session, ACTION, about=(Meant("vm", meeting.vm),))
            try:
                async with asyncio.timeout(LIMIT), self._turns:
                    reader, writer = await meeting.opened()
                    try:
                        picture = await take(reader, writer)
                    finally:
                        writer.close()
                    jpeg = await asyncio.to_thread(picture.jpeg)
            except (OSError, IncompleteReadError, Unknown) as error:
                reason = "it took too long" if isinstance(error, TimeoutError) else str(error)
                log.warning("no picture of the screen of %s: %s", meeting.vm.uuid, reason)
                raise Refused(error_page(500, detail=f"The screen did not show itself: {reason}.")) from error
        name = f"vncsnapshot{next(self._numbers)}.jpg"
        await send_reply(
            send,
            Reply(200, jpeg, "image/jpeg", (("Content-Disposition", f'attachment; filename="{name}"'),), close=True),
        )


async def take(reader: StreamReader, writer: StreamWriter) -> Picture:
    """Look at a screen once. Raises Unknown for a server that does not say what such a one says, OSError if it goes.

    Whatever it sends, no more is kept than a picture.
    """
    await _greet(reader, writer)
    width, height = await _number(reader, 2), await _number(reader, 2)
    if not 0 < width * height <= LARGEST:
        raise Unknown(f"its size is {width} x {height}")
    await reader.readexactly(PixelFormat.LAYOUT.size)
    await _pass_over(reader, await _number(reader, 4))
    writer.write(bytes([rfb.SET_PIXEL_FORMAT, 0, 0, 0]) + PIXELS.write())
    writer.write(bytes([rfb.SET_ENCODINGS, 0, 0, 1]) + rfb.RAW.to_bytes(4))
    writer.write(bytes([rfb.UPDATE_REQUEST, 0, 0, 0, 0, 0]) + width.to_bytes(2) + height.to_bytes(2))
    picture = Picture(width, height, bytearray(4 * width * height))
    shown, left = 0, WASTE * width * height
    while shown < width * height:
        match await _number(reader, 1):
            case rfb.UPDATE:
                await reader.readexactly(1)
                for _ in range(await _number(reader, 2)):
                    area = await _rectangle(reader, picture)
                    shown, left = shown + area, left - max(area, 1)
                    if left < 0:
                        raise Unknown("it shows more than there is")
            case rfb.COLOUR_MAP:
                await reader.readexactly(3)
                await _pass_over(reader, 6 * await _number(reader, 2))
            case rfb.SERVER_CUT_TEXT:
                await reader.readexactly(3)
                await _pass_over(reader, await _number(reader, 4))
            case rfb.BELL:
                pass
            case kind:
                raise Unknown(f"it says something of the kind {kind}")
    return picture


async def _greet(reader: StreamReader, writer: StreamWriter) -> None:
    version = await reader.readexactly(rfb.VERSION_LENGTH)
    if not version.startswith(b"RFB 003."):
        raise Unknown("it speaks another protocol")
    if version < b"RFB 003.007":
        writer.write(rfb.NO_CHOICE + b"\n")
        kinds = bytes([(await _number(reader, 4)) & 0xFF])
    else:
        version = min(version, rfb.VERSION)
        writer.write(version)
        kinds = await reader.readexactly(await _number(reader, 1))
    if rfb.NONE not in kinds:
        raise Unknown("it asks for a password")
    if version >= b"RFB 003.007":
        writer.write(bytes([rfb.NONE]))
    if version == rfb.VERSION and await _number(reader, 4):
        raise Unknown("it lets nobody in")
    # One beside others.
    writer.write(b"\x01")


async def _rectangle(reader: StreamReader, picture: Picture) -> int:
    """Read one part of the screen. Returns its pixels."""
    x, y, width, height = [await _number(reader, 2) for _ in range(4)]
    encoding = await _number(reader, 4)
    if encoding != rfb.RAW:
        raise Unknown(f"it writes in the encoding {encoding}")
    if x + width > picture.width or y + height > picture.height:
        raise Unknown("it shows what is beyond its edges")
    for line in range(y, y + height):
        start = 4 * (line * picture.width + x)
        picture.data[start : start + 4 * width] = await reader.readexactly(4 * width)
    return width * height


async def _number(reader: StreamReader, size: int) -> int:
    return int.from_bytes(await reader.readexactly(size))


async def _pass_over(reader: StreamReader, length: int) -> None:
    if length > LONGEST_TEXT:
        raise Unknown(f"it says {length} bytes at once")
    await reader.readexactly(length)
