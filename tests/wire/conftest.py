"""How hard the property tests of the wire formats try."""

from __future__ import annotations

from hypothesis import settings

# No deadline for an example: a busy machine is no failure.
settings.register_profile("wire", deadline=None, max_examples=60)
settings.load_profile("wire")
