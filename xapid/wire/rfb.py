"""What a viewer of a screen says in the protocol of VNC (RFB 3.3 to 3.8, RFC 6143): the kinds of its messages."""

from __future__ import annotations

from enum import Enum, auto

VERSION_LENGTH = 12
NO_CHOICE = b"RFB 003.003"
"""The version in which the server alone says how a viewer shows who it is."""
NONE, PASSWORD = 1, 2
RESPONSE_LENGTH = 16

SET_ENCODINGS, KEY, POINTER, CUT_TEXT, SET_SIZE, FENCE, QEMU = 2, 4, 5, 6, 251, 248, 255
FIXED_LENGTHS = {0: 20, 3: 10, KEY: 8, POINTER: 6, 150: 10, 252: 4}
"""Kind -> bytes of the whole message, of those that are always as long. 150: continuous updates, 252: xvp."""
HEADS = {SET_ENCODINGS: 4, CUT_TEXT: 8, SET_SIZE: 8, FENCE: 9, QEMU: 4}
"""Kind -> bytes from which the length of the others is known."""
DONE_BY_SOMEBODY = frozenset({KEY, POINTER, QEMU})
"""Kinds that a viewer sends because somebody does something. Others it sends by itself, for as long as it is open."""


class _Stage(Enum):
    VERSION = auto()
    SECURITY = auto()
    PASSWORD = auto()
    SHARED = auto()
    MESSAGES = auto()


class _NotFollowed(Exception):
    """It speaks what is not known here: encrypted, or an extension."""


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
        except _NotFollowed:
            self._lost = True
            self._held.clear()
            return True

    def _followed(self) -> bool:
        somebody = False
        while self._skip_what_is_known():
            greeting = self._stage is not _Stage.MESSAGES
            length = self._greeting() if greeting else self._length(self._held[0])
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
                    raise _NotFollowed
                # Whether a password follows the old version is the server's word. The servers of guests ask for none.
                self._stage = _Stage.SHARED if held.startswith(NO_CHOICE) else _Stage.SECURITY
                return VERSION_LENGTH
            case _Stage.SECURITY:
                if held[0] not in (NONE, PASSWORD):
                    raise _NotFollowed
                self._stage = _Stage.PASSWORD if held[0] == PASSWORD else _Stage.SHARED
                return 1
            case _Stage.PASSWORD:
                self._stage = _Stage.SHARED
                return RESPONSE_LENGTH
            case _:
                self._stage = _Stage.MESSAGES
                return 1

    def _length(self, kind: int) -> int | None:
        """Bytes of the message that begins here; None: more of it must come."""
        if kind in FIXED_LENGTHS:
            return FIXED_LENGTHS[kind]
        head = HEADS.get(kind)
        if head is None:
            raise _NotFollowed
        held = self._held
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
        return self._length_of_qemus(held)

    def _length_of_qemus(self, held: bytearray) -> int:
        if held[1] == 0:  # a key, with its scan code
            return 12
        if held[1] == 1:  # sound: on, off, or its format
            return 10 if int.from_bytes(held[2:4]) == 2 else 4
        raise _NotFollowed
