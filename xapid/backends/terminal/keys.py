"""What is sent to a terminal's line for the keys that a viewer presses, by the numbers that X11 gave them."""

from __future__ import annotations

import codecs

BACKSPACE, TAB, RETURN, ESCAPE, DELETE = 0xFF08, 0xFF09, 0xFF0D, 0xFF1B, 0xFFFF
HOME, LEFT, UP, RIGHT, DOWN, PAGE_UP, PAGE_DOWN, END, INSERT = *range(0xFF50, 0xFF58), 0xFF63
BACK_TAB, F1 = 0xFE20, 0xFFBE
SHIFTS, CONTROLS, ALTS = frozenset({0xFFE1, 0xFFE2}), frozenset({0xFFE3, 0xFFE4}), frozenset(range(0xFFE7, 0xFFEB))

PLAIN = {BACKSPACE: "\x7f", TAB: "\t", RETURN: "\r", ESCAPE: "\x1b", 0xFF0A: "\n", BACK_TAB: "\x1b[Z"}
ARROWS = {UP: "A", DOWN: "B", RIGHT: "C", LEFT: "D"}
NUMBERED = {HOME: 1, INSERT: 2, DELETE: 3, END: 4, PAGE_UP: 5, PAGE_DOWN: 6}
FUNCTION_KEYS = ("\x1bOP", "\x1bOQ", "\x1bOR", "\x1bOS", *(f"\x1b[{n}~" for n in (15, 17, 18, 19, 20, 21, 23, 24)))
"""F1 to F12, as a VT220 sends them, which serial lines are taken for."""
FUNCTION_KEYS_OF_LINUX = (*(f"\x1b[[{letter}" for letter in "ABCDE"), *FUNCTION_KEYS[5:])
KEYPAD = {
    0xFF8D: RETURN, 0xFF95: HOME, 0xFF96: LEFT, 0xFF97: UP, 0xFF98: RIGHT, 0xFF99: DOWN,
    0xFF9A: PAGE_UP, 0xFF9B: PAGE_DOWN, 0xFF9C: END, 0xFF9E: INSERT, 0xFF9F: DELETE,
}  # fmt: skip
KEYPAD_SIGNS = range(0xFFAA, 0xFFBA)
"""From * to 9: with the lower seven bits those of ASCII."""

UNICODE = 0x01000000
EURO = 0x20AC
PAGES = {
    0x01: "iso8859_2", 0x02: "iso8859_3", 0x03: "iso8859_4", 0x05: "iso8859_6", 0x06: "koi8_u", 0x07: "iso8859_7",
    0x0C: "iso8859_8", 0x0D: "tis_620", 0x13: "iso8859_15",
}  # fmt: skip
"""Upper byte of a number, of those from before Unicode -> the charset of its lower byte."""
# Read now: later there may be no files.
for _charset in PAGES.values():
    codecs.lookup(_charset)

CONTROLLED = {" ": "\0", "2": "\0", "3": "\x1b", "4": "\x1c", "5": "\x1d", "6": "\x1e", "7": "\x1f", "8": "\x7f",
              "/": "\x1f", "?": "\x7f"}  # fmt: skip


def character(keysym: int) -> str:
    """What is printed on a key; empty: nothing."""
    if 0x20 <= keysym <= 0x7E or 0xA0 <= keysym <= 0xFF:
        return chr(keysym)
    if UNICODE + 0xA0 <= keysym <= UNICODE + 0x10FFFF:
        number = keysym - UNICODE
        return "" if 0xD800 <= number < 0xE000 else chr(number)
    if keysym == EURO:
        return "€"
    charset = PAGES.get(keysym >> 8)
    return bytes([keysym & 0xFF]).decode(charset, "ignore") if charset else ""


class Keyboard:
    """The keys of one viewer: which of those that change others are held down."""

    def __init__(self, function_keys: tuple[str, ...] = FUNCTION_KEYS) -> None:
        self._function_keys = function_keys
        self._held: set[int] = set()

    @property
    def pastes(self) -> bool:
        """Whether Shift is held, with which Insert means to paste."""
        return bool(self._held & SHIFTS)

    def press(self, keysym: int, down: bool, application: bool = False) -> bytes:
        """What is sent for it. ``application``: arrows are to be sent as programs on the whole screen want them."""
        if keysym in SHIFTS | CONTROLS | ALTS:
            (self._held.add if down else self._held.discard)(keysym)
            return b""
        sent = self._sent(KEYPAD.get(keysym, keysym), application) if down else ""
        return (f"\x1b{sent}" if sent and self._held & ALTS else sent).encode()

    def _sent(self, keysym: int, application: bool) -> str:
        control = bool(self._held & CONTROLS)
        if keysym == TAB and self._held & SHIFTS:
            return PLAIN[BACK_TAB]
        if keysym in PLAIN:
            return PLAIN[keysym]
        if keysym in ARROWS:
            return (f"\x1b[1;5{ARROWS[keysym]}") if control else f"\x1b{'O' if application else '['}{ARROWS[keysym]}"
        if keysym in NUMBERED:
            return f"\x1b[{NUMBERED[keysym]}~"
        if 0 <= keysym - F1 < len(self._function_keys):
            return self._function_keys[keysym - F1]
        if keysym in KEYPAD_SIGNS:
            return chr(keysym & 0x7F)
        printed = character(keysym)
        if control and printed:
            return CONTROLLED.get(printed) or (chr(ord(printed) & 0x1F) if "@" <= printed <= "~" else printed)
        return printed
