"""The real demo guest, for tests that boot it: made once, and kept where `make run` keeps nothing."""

from pathlib import Path

from xapid.demo.build import DemoGuest, ensure

CACHE = Path(__file__).parents[1] / "var" / "test-cache"


def demo_guest() -> DemoGuest:
    """Found or made; the first time that takes a Debian mirror and some seconds."""
    return ensure(CACHE)
