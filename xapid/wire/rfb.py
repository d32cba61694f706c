"""The protocol of VNC (RFB 3.3 to 3.8, RFC 6143): its messages, and what those of a viewer tell of who sits there.

Spoken by the terminals and simulated screens among the back ends, and heard where viewers are let in.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum, auto

VERSION = b"RFB 003.008\n"
VERSION_LENGTH = len(VERSION)
NO_CHOICE = b"RFB 003.003"
"""The version in which the server alone says how a viewer shows who it is."""
NONE, PASSWORD = 1, 2
RESPONSE_LENGTH = 16

# What a server says.
UPDATE, COLOUR_MAP, BELL, SERVER_CUT_TEXT = 0, 1, 2, 3
RAW, HEXTILE, ZLIB, DESKTOP_SIZE = 0, 5, 6, -223
"""How a rectangle is written; the last has no pixels: the screen has another size from now on."""

# What a viewer says.
SET_PIXEL_FORMAT, SET_ENCODINGS, UPDATE_REQUEST, KEY, POINTER, CUT_TEXT = 0, 2, 3, 4, 5, 6
SET_SIZE, FENCE, QEMU = 251, 248, 255
FIXED_LENGTHS = {SET_PIXEL_FORMAT: 20, UPDATE_REQUEST: 10, KEY: 8, POINTER: 6, 150: 10, 252: 4}
"""Kind -> bytes of the whole message, of those that are always as long. 150: continuous updates, 252: xvp."""
HEADS = {SET_ENCODINGS: 4, CUT_TEXT: 8, SET_SIZE: 8, FENCE: 9, QEMU: 4}
"""Kind -> bytes from which the length of the others is known."""
DONE_BY_SOMEBODY = frozenset({KEY, POINTER, QEMU})
"""Kinds that a viewer sends because somebody does something. Others it sends by itself, for as long as it is open."""

Colour = tuple[int, int, int]
"""Red, green and blue, each of 255."""


class Unknown(Exception):
    """What is said is not known here: encrypted, an extension, or nothing that a viewer says."""


def length_of(held: bytes | bytearray) -> int | None:
    """Bytes of the viewer's message that begins here; None: more of it must come. Raises Unknown."""
    if not held:
        return None
    kind = held[0]
    if kind in FIXED_LENGTHS:
        return FIXED_LENGTHS[kind]
    head = HEADS.get(kind)
    if head is None:
        raise Unknown(f"a message of kind {kind}")
    if len(held) < head:
        return None
    if kind == SET_ENCODINGS:
        return head + 4 * int.from_bytes(held[2:4])
    if kind == CUT_TEXT:
        # Negative: in the extended form.
        return head + abs(int.from_bytes(held[4:8], signed=True))
    if kind == SET_SIZE:
        return head + 16 * held[6]
    if kind == FENCE:
        return head + held[8]
    return _length_of_qemus(held)


def _length_of_qemus(held: bytes | bytearray) -> int:
    if held[1] == 0:  # a key, with its scan code
        return 12
    if held[1] == 1:  # sound: on, off, or its format
        return 10 if int.from_bytes(held[2:4]) == 2 else 4
    raise Unknown(f"an extension {held[1]} of QEMU")


@dataclass(frozen=True)
class PixelFormat:
    """How pixels are written: the fields of the protocol's message."""

    bits: int = 32
    big_endian: bool = False
    maxima: Colour = (255, 255, 255)
    shifts: tuple[int, int, int] = (16, 8, 0)
    mapped: bool = False
    """The viewer has a table of 256 colours and wants their numbers; it is told the table of all that 8 bits say."""

    LAYOUT = struct.Struct(">BBBBHHHBBB3x")

    @classmethod
    def read(cls, data: bytes) -> PixelFormat:
        """From the 16 bytes of a message. Raises Unknown."""
        bits, _, big_endian, true_colour, *rest = cls.LAYOUT.unpack(data)
        if bits not in (8, 16, 32):
            raise Unknown(f"pixels of {bits} bits")
        if not true_colour:
            if bits != 8:
                raise Unknown(f"a table of colours for pixels of {bits} bits")
            return OF_A_TABLE
        red, green, blue, *shifts = rest
        if max(shifts) >= bits:
            raise Unknown(f"colours beyond {bits} bits")
        return cls(bits, bool(big_endian), (red, green, blue), (shifts[0], shifts[1], shifts[2]))

    def write(self) -> bytes:
        """The 16 bytes of a message."""
        return self.LAYOUT.pack(self.bits, 24, self.big_endian, True, *self.maxima, *self.shifts)

    def pixel(self, colour: Colour) -> bytes:
        value = 0
        for part, maximum, shift in zip(colour, self.maxima, self.shifts, strict=True):
            value |= (part * maximum // 255) << shift
        size = self.bits // 8
        return (value & ((1 << self.bits) - 1)).to_bytes(size, "big" if self.big_endian else "little")

    def table(self) -> bytes:
        """The message that tells a viewer with a table what each of its colours is."""
        entries = bytearray(struct.pack(">BxHH", COLOUR_MAP, 0, 256))
        for number in range(256):
            for maximum, shift in zip(self.maxima, self.shifts, strict=True):
                entries += (((number >> shift) & maximum) * 65535 // maximum).to_bytes(2)
        return bytes(entries)


OF_A_TABLE = PixelFormat(8, False, (7, 7, 3), (0, 3, 6), mapped=True)


class _Stage(Enum):
    VERSION = auto()
    SECURITY = auto()
    PASSWORD = auto()
    SHARED = auto()
    MESSAGES = auto()


class ViewerSide:
    """Follows what one viewer sends, in pieces as they come. Holds some bytes, whatever is sent."""

    def __init__(self) -> None:
        self._stage = _Stage.VERSION
        self._held = bytearray()
        self._skip = 0
        self._lost = False

    def heard(self, data: bytes) -> bool:
        """Whether these bytes tell of somebody at keyboard or mouse. Where they cannot be followed, all do."""
        if self._lost:
            return True
        self._held += data
        try:
            return self._followed()
        except Unknown:
            self._lost = True
            self._held.clear()
            return True

    def _followed(self) -> bool:
        somebody = False
        while self._skip_what_is_known():
            greeting = self._stage is not _Stage.MESSAGES
            length = self._greeting() if greeting else length_of(self._held)
            if length is None:
                break
            somebody = somebody or (not greeting and self._held[0] in DONE_BY_SOMEBODY)
            self._skip = length
        return somebody

    def _skip_what_is_known(self) -> bool:
        """Whether anything is left after it."""
        skipped = min(self._skip, len(self._held))
        del self._held[:skipped]
        self._skip -= skipped
        return bool(self._held)

    def _greeting(self) -> int | None:
        """Bytes of the next step before the messages, which is taken; None: more of it must come."""
        held = self._held
        match self._stage:
            case _Stage.VERSION if len(held) < VERSION_LENGTH:
                return None
            case _Stage.VERSION:
                if not held.startswith(b"RFB "):
                    raise Unknown
                # Whether a password follows the old version is the server's word. The servers of guests ask for none.
                self._stage = _Stage.SHARED if held.startswith(NO_CHOICE) else _Stage.SECURITY
                return VERSION_LENGTH
            case _Stage.SECURITY:
                if held[0] not in (NONE, PASSWORD):
                    raise Unknown
                self._stage = _Stage.PASSWORD if held[0] == PASSWORD else _Stage.SHARED
                return 1
            case _Stage.PASSWORD:
                self._stage = _Stage.SHARED
                return RESPONSE_LENGTH
            case _:
                self._stage = _Stage.MESSAGES
                return 1
