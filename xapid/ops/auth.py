"""Messages of class auth: questions to the directory that hosts are joined to. None is."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel.errors import AUTH_IS_DISABLED
from xapid.runtime.context import Context


def get_subject_identifier(ctx: Context, subject_name: str) -> NoReturn:
    raise AUTH_IS_DISABLED()


def get_subject_information_from_identifier(ctx: Context, subject_identifier: str) -> NoReturn:
    raise AUTH_IS_DISABLED()


def get_group_membership(ctx: Context, subject_identifier: str) -> NoReturn:
    raise AUTH_IS_DISABLED()
