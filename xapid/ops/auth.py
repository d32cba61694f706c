"""Messages of class auth: questions to the directory that hosts are joined to."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from xapid.auth.admission import Admission
from xapid.auth.directory import Directory, DirectoryFailed, NotKnown
from xapid.datamodel import Subject
from xapid.datamodel.errors import AUTH_IS_DISABLED, AUTH_SERVICE_ERROR, SUBJECT_CANNOT_BE_RESOLVED
from xapid.runtime.context import Context

T = TypeVar("T")


async def get_subject_identifier(ctx: Context, subject_name: str) -> str:
    return await answered(_directory(ctx).identifier(subject_name))


async def get_subject_information_from_identifier(ctx: Context, subject_identifier: str) -> dict[str, str]:
    """What is recorded of a subject; of others, what the directory says."""
    directory = _directory(ctx)
    for subject in ctx.store.all(Subject):
        if subject.subject_identifier == subject_identifier:
            return subject.other_config
    return await answered(directory.information(subject_identifier))


async def get_group_membership(ctx: Context, subject_identifier: str) -> list[str]:
    return await answered(_directory(ctx).groups(subject_identifier))


async def information(ctx: Context, subject_identifier: str) -> dict[str, str]:
    """What the directory says of a user or a group. Raises AUTH_IS_DISABLED, and what ``answered`` does."""
    return await answered(_directory(ctx).information(subject_identifier))


def _directory(ctx: Context) -> Directory:
    admission: Admission = ctx.runtime.services["admission"]
    found = admission.directory()
    if found is None:
        raise AUTH_IS_DISABLED()
    return found


async def answered(question: Awaitable[T]) -> T:
    """What the directory answers. Raises SUBJECT_CANNOT_BE_RESOLVED and AUTH_SERVICE_ERROR."""
    try:
        return await question
    except NotKnown as error:
        raise SUBJECT_CANNOT_BE_RESOLVED() from error
    except DirectoryFailed as error:
        raise AUTH_SERVICE_ERROR(str(error)) from error
