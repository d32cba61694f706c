"""Who says the wrong password is told so, with the user's name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from xapid.auth.passwords import PasswordFile
from xapid.auth.sessions import Sessions
from xapid.datamodel.errors import SESSION_AUTHENTICATION_FAILED
from xapid.ops.session import Login, login_with_password
from xapid.runtime.clock import Clock
from xapid.runtime.context import Origin
from xapid.store.store import Store


def context(tmp_path: Path) -> SimpleNamespace:
    passwords = PasswordFile(tmp_path / "passwords")
    passwords.set("root", "right")
    sessions = Sessions(Store(), Clock())
    services = {"login": Login(passwords, failure_delay=0.0), "sessions": sessions}
    return SimpleNamespace(origin=Origin("192.0.2.7"), runtime=SimpleNamespace(services=services, localhost=""))


async def test_a_wrong_password_is_refused_by_its_own_code(tmp_path: Path) -> None:
    ctx = context(tmp_path)

    with pytest.raises(SESSION_AUTHENTICATION_FAILED) as error:
        await login_with_password(ctx, "root", "wrong", "1.0", "")  # type: ignore[arg-type]  # all that a login reads

    assert error.value.description[:2] == ["SESSION_AUTHENTICATION_FAILED", "root"]
    assert len(error.value.description) == 3


async def test_the_right_password_gives_a_session(tmp_path: Path) -> None:
    ctx = context(tmp_path)

    ref = await login_with_password(ctx, "root", "right", "1.0", "")  # type: ignore[arg-type]  # likewise

    assert ctx.runtime.services["sessions"].find(ref) is not None
