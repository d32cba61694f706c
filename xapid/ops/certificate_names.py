"""How files of certificates and of revocation lists may be called."""

from __future__ import annotations

import re

from xapid.datamodel.errors import CERTIFICATE_NAME_INVALID, CRL_NAME_INVALID

LONGEST = 255
"""Bytes of the name of a file."""
_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]+\.pem", re.ASCII)


def check_authority_name(name: str) -> None:
    if not _is_name(name):
        raise CERTIFICATE_NAME_INVALID(name)


def check_list_name(name: str) -> None:
    if not _is_name(name):
        raise CRL_NAME_INVALID(name)


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and len(name) <= LONGEST
