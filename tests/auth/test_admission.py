"""Users of a directory: who may log in, as what, and when they have to go. The directory is one of the test's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.xapi import REMOTE, Xapi
from xapid.auth.admission import LOOK, VALIDATED_AGAIN, Admission
from xapid.auth.directory import DirectoryFailed, NotKnown, WrongPassword
from xapid.datamodel import Host
from xapid.datamodel.errors import (
    AUTH_ALREADY_ENABLED,
    AUTH_ENABLE_FAILED_UNAVAILABLE,
    AUTH_IS_DISABLED,
    AUTH_SERVICE_ERROR,
    AUTH_UNKNOWN_TYPE,
    POOL_AUTH_ALREADY_ENABLED,
    POOL_AUTH_ENABLE_FAILED_UNAVAILABLE,
    RBAC_PERMISSION_DENIED,
    SESSION_AUTHORIZATION_FAILED,
    SESSION_INVALID,
    SUBJECT_ALREADY_EXISTS,
    SUBJECT_CANNOT_BE_RESOLVED,
    OtherError,
)
from xapid.ops.pool import authentication


class Register:
    """Users and groups in memory."""

    def __init__(self) -> None:
        self.passwords = {"ann": "secret of ann", "ben": "secret of ben"}
        self.people: dict[str, dict[str, str]] = {
            "u1": {"subject-name": "ann", "subject-is-group": "false"},
            "u2": {"subject-name": "ben", "subject-is-group": "false"},
            "g7": {"subject-name": "operators", "subject-is-group": "true"},
        }
        self.members = {"u1": ["g7"], "u2": ["g7"], "g7": ["g7"]}
        self.trouble = ""
        self.asked = 0

    def fault(self, config: Mapping[str, str]) -> str:
        return self.trouble

    async def authenticate(self, user: str, password: str) -> str:
        self.asked += 1
        self._answer()
        if self.passwords.get(user) != password:
            raise WrongPassword("no")
        return await self.identifier(user)

    async def identifier(self, name: str) -> str:
        self._answer()
        found = [each for each, about in self.people.items() if about["subject-name"] == name]
        if not found:
            raise NotKnown(name)
        return found[0]

    async def information(self, identifier: str) -> dict[str, str]:
        self._answer()
        if identifier not in self.people:
            raise NotKnown(identifier)
        return self.people[identifier]

    async def groups(self, identifier: str) -> list[str]:
        self._answer()
        if identifier not in self.members:
            raise NotKnown(identifier)
        return self.members[identifier]

    def _answer(self) -> None:
        if self.trouble:
            raise DirectoryFailed(self.trouble)


@pytest.fixture
async def register(fresh: FreshHost, pool: str) -> Register:
    """A directory that the pool is joined to."""
    register = Register()
    admission: Admission = fresh.runtime.services["admission"]
    admission.directories = {"PAM": register}
    await fresh.xapi.pool.enable_external_auth(pool, {"secret": "of once"}, "example", "PAM")
    return register


async def subject(xapi: Xapi, identifier: str, *roles: str) -> str:
    """A subject with these roles."""
    made = str(await xapi.subject.create({"subject_identifier": identifier, "other_config": {}}))
    for name in roles:
        (role,) = await xapi.role.get_by_name_label(name)
        await xapi.subject.add_to_roles(made, role)
    return made


async def log_in(xapi: Xapi, user: str = "ann", password: str = "") -> str:
    beside = xapi.beside(REMOTE)
    return str(await beside.send("session.login_with_password", user, password or f"secret of {user}", "1.0", "test"))


def admission(fresh: FreshHost) -> Admission:
    found: Admission = fresh.runtime.services["admission"]
    return found


# --- Joining -----------------------------------------------------------------------------------------


async def test_a_pool_is_joined_to_a_directory_until_it_leaves_it(fresh: FreshHost, register: Register) -> None:
    xapi, host, pool = fresh.xapi, await fresh.the("host"), await fresh.the("pool")
    record = await xapi.host.get_record(host)
    assert (record["external_auth_type"], record["external_auth_service_name"]) == ("PAM", "example")
    assert record["external_auth_configuration"] == {}
    with pytest.raises(POOL_AUTH_ALREADY_ENABLED):
        await xapi.pool.enable_external_auth(pool, {}, "other", "PAM")
    with pytest.raises(AUTH_ALREADY_ENABLED) as error:
        await xapi.host.enable_external_auth(host, {}, "other", "PAM")
    assert error.value.args == ("PAM", "example")

    await xapi.pool.disable_external_auth(pool, {})

    assert await xapi.host.get_external_auth_type(host) == ""
    with pytest.raises(AUTH_IS_DISABLED):
        await xapi.auth.get_subject_identifier("ann")


async def test_one_host_joins_and_leaves_by_itself(fresh: FreshHost, register: Register) -> None:
    xapi, host = fresh.xapi, await fresh.the("host")
    await xapi.host.disable_external_auth(host, {}, False)

    await xapi.host.enable_external_auth(host, {}, "again", "PAM")

    assert await xapi.host.get_external_auth_service_name(host) == "again"


async def test_a_directory_that_cannot_be_used_is_not_joined(fresh: FreshHost, register: Register) -> None:
    xapi, host, pool = fresh.xapi, await fresh.the("host"), await fresh.the("pool")
    await xapi.pool.disable_external_auth(pool, {})
    register.trouble = "it is closed"

    with pytest.raises(AUTH_ENABLE_FAILED_UNAVAILABLE) as error:
        await xapi.host.enable_external_auth(host, {}, "x", "PAM")
    with pytest.raises(POOL_AUTH_ENABLE_FAILED_UNAVAILABLE) as pool_error:
        await xapi.pool.enable_external_auth(pool, {}, "x", "PAM")
    with pytest.raises(POOL_AUTH_ENABLE_FAILED_UNAVAILABLE):
        await xapi.pool.enable_external_auth(pool, {"user": "u", "pass": "p"}, "example.org", "AD")

    assert error.value.args == ("it is closed",)
    assert pool_error.value.args == (host, "it is closed")
    assert await xapi.host.get_external_auth_type(host) == ""


@pytest.mark.parametrize("kind", ["", "nosuch"])
async def test_unknown_kinds_of_directories_are_refused(xapi: Xapi, host: str, kind: str) -> None:
    with pytest.raises(AUTH_UNKNOWN_TYPE) as error:
        await xapi.host.enable_external_auth(host, {}, "x", kind)

    assert error.value.args == (kind,)


async def test_hosts_that_are_joined_elsewhere_are_told_of(fresh: FreshHost, register: Register, pool: str) -> None:
    host = fresh.store.one(Host)
    with fresh.store.write() as tx:
        copied = {key: value for key, value in host.__dict__.items() if key in ("hostname", "name_label", "address")}
        other = tx.create(Host, **copied, external_auth_type="AD")

    await fresh.xapi.pool.detect_nonhomogeneous_external_auth(pool)

    (message,) = (await fresh.xapi.message.get_all_records()).values()
    assert (message["name"], message["priority"]) == ("EXTAUTH_IN_POOL_IS_NON_HOMOGENEOUS", "2")
    assert message["obj_uuid"] == other.uuid
    assert authentication.MAJOR == 2


# --- Asking ------------------------------------------------------------------------------------------


async def test_the_directory_is_asked_through_the_api(xapi: Xapi, register: Register) -> None:
    assert await xapi.auth.get_subject_identifier("ann") == "u1"
    assert await xapi.auth.get_group_membership("u1") == ["g7"]
    assert await xapi.auth.get_subject_information_from_identifier("u1") == register.people["u1"]
    with pytest.raises(SUBJECT_CANNOT_BE_RESOLVED):
        await xapi.auth.get_subject_identifier("nobody")

    register.trouble = "it is closed"

    with pytest.raises(AUTH_SERVICE_ERROR) as error:
        await xapi.auth.get_group_membership("u1")
    assert error.value.args == ("it is closed",)


async def test_a_subject_is_described_by_the_directory(xapi: Xapi, register: Register) -> None:
    made = await xapi.subject.create({"subject_identifier": "u1", "other_config": {"subject-name": "a liar"}})

    record = await xapi.subject.get_record(made)
    assert (record["other_config"], record["roles"]) == (register.people["u1"], [])
    with pytest.raises(SUBJECT_ALREADY_EXISTS):
        await xapi.subject.create({"subject_identifier": "u1", "other_config": {}})
    with pytest.raises(SUBJECT_CANNOT_BE_RESOLVED):
        await xapi.subject.create({"subject_identifier": "u9", "other_config": {}})
    await xapi.subject.destroy(made)
    assert await xapi.subject.get_all() == []


# --- Logging in --------------------------------------------------------------------------------------


async def test_a_user_has_the_roles_of_himself_and_of_his_groups(xapi: Xapi, register: Register, pool: str) -> None:
    group = await subject(xapi, "g7", "pool-operator")
    user = await subject(xapi, "u1", "read-only")

    session = await log_in(xapi)

    record = await xapi.call("session.get_record", session)
    assert (record["auth_user_sid"], record["auth_user_name"], record["subject"]) == ("u1", "ann", user)
    assert record["is_local_superuser"] is False
    assert "pool.set_name_label" in record["rbac_permissions"]
    await xapi.send("pool.set_name_label", session, pool, "changed by ann")
    with pytest.raises(RBAC_PERMISSION_DENIED):
        await xapi.send("subject.destroy", session, group)


async def test_a_member_of_a_group_logs_in_by_it(xapi: Xapi, register: Register) -> None:
    group = await subject(xapi, "g7", "read-only")

    session = await log_in(xapi, "ben")

    assert (await xapi.call("session.get_record", session))["subject"] == group
    assert await xapi.call("session.get_all_subject_identifiers") == ["g7", "u2"]


@pytest.mark.parametrize("identifier", ["u2", "g7"])
async def test_users_are_logged_out_by_themselves_or_by_their_group(
    xapi: Xapi, register: Register, identifier: str
) -> None:
    await subject(xapi, "g7", "read-only")
    ann, ben = await log_in(xapi), await log_in(xapi, "ben")

    await xapi.call("session.logout_subject_identifier", identifier)

    with pytest.raises(SESSION_INVALID):
        await xapi.send("pool.get_all", ben)
    if identifier == "u2":
        assert await xapi.send("pool.get_all", ann)
    assert await xapi.pool.get_all()


async def test_a_wrong_password_is_a_wrong_password(xapi: Xapi, register: Register) -> None:
    await subject(xapi, "g7", "read-only")

    with pytest.raises(OtherError, match="SESSION_AUTHENTICATION_FAILED") as error:
        await log_in(xapi, "ann", "a guess")

    assert error.value.args[0] == "ann"


async def test_a_wrong_password_of_root_is_one_guess(fresh: FreshHost, register: Register) -> None:
    guesses = admission(fresh)._login._guesses

    with pytest.raises(OtherError, match="SESSION_AUTHENTICATION_FAILED"):
        await log_in(fresh.xapi, "root", "a guess")

    (source,) = guesses._sources.values()
    assert source.wrong == 1


async def test_who_is_no_subject_may_not_log_in(xapi: Xapi, register: Register) -> None:
    with pytest.raises(SESSION_AUTHORIZATION_FAILED):
        await log_in(xapi)


async def test_a_subject_without_a_role_may_not_log_in(xapi: Xapi, register: Register) -> None:
    await subject(xapi, "u1")

    with pytest.raises(RBAC_PERMISSION_DENIED) as error:
        await log_in(xapi)

    assert error.value.args[0] == "session.login_with_password"


async def test_who_is_barred_in_the_directory_may_not_log_in(xapi: Xapi, register: Register) -> None:
    await subject(xapi, "u1", "pool-admin")
    register.people["u1"] = {**register.people["u1"], "subject-account-locked": "true"}

    with pytest.raises(SESSION_AUTHORIZATION_FAILED):
        await log_in(xapi)


async def test_trouble_of_the_directory_keeps_all_out_but_root(fresh: FreshHost, register: Register) -> None:
    login = fresh.runtime.services["login"]
    login.passwords.set("root", "secret of root")
    login.passwords.set("local", "secret of local")
    await subject(fresh.xapi, "u1", "pool-admin")
    register.trouble = "it is closed"

    assert await log_in(fresh.xapi, "root")
    with pytest.raises(SESSION_AUTHORIZATION_FAILED):
        await log_in(fresh.xapi)
    with pytest.raises(SESSION_AUTHORIZATION_FAILED):
        await log_in(fresh.xapi, "local")  # beside a directory root alone is local


async def test_a_login_is_remembered_as_long_as_the_pool_says(fresh: FreshHost, register: Register, pool: str) -> None:
    xapi = fresh.xapi
    await subject(xapi, "u1", "read-only")
    await xapi.pool.set_ext_auth_cache_enabled(pool, True)
    await xapi.pool.set_ext_auth_cache_expiry(pool, 300)
    await log_in(xapi)
    register.asked = 0

    await log_in(xapi)
    remembered = register.asked
    with pytest.raises(OtherError, match="SESSION_AUTHENTICATION_FAILED"):
        await log_in(xapi, "ann", "a guess")
    fresh.clock.passed += 301
    await log_in(xapi)

    assert (remembered, register.asked) == (0, 2)
    await xapi.pool.set_ext_auth_cache_enabled(pool, False)
    await log_in(xapi)
    assert register.asked == 3


async def test_a_remembered_login_does_not_outlive_its_subject(fresh: FreshHost, register: Register, pool: str) -> None:
    made = await subject(fresh.xapi, "u1", "read-only")
    await log_in(fresh.xapi)

    await fresh.xapi.subject.destroy(made)

    with pytest.raises(SESSION_AUTHORIZATION_FAILED):
        await log_in(fresh.xapi)


# --- Leaving -----------------------------------------------------------------------------------------


async def test_when_the_pool_leaves_the_directory_its_users_go(fresh: FreshHost, register: Register, pool: str) -> None:
    await subject(fresh.xapi, "u1", "read-only")
    session = await log_in(fresh.xapi)

    await fresh.xapi.pool.disable_external_auth(pool, {})

    with pytest.raises(SESSION_INVALID):
        await fresh.xapi.send("pool.get_all", session)


@pytest.mark.parametrize("why", ["locked", "forgotten", "no subject"])
async def test_who_may_not_be_here_any_more_goes(fresh: FreshHost, register: Register, why: str) -> None:
    made = await subject(fresh.xapi, "u1", "read-only")
    session = await log_in(fresh.xapi)
    if why == "locked":
        register.people["u1"] = {**register.people["u1"], "subject-account-disabled": "true"}
    elif why == "forgotten":
        del register.people["u1"]
    else:
        await fresh.xapi.subject.destroy(made)

    await admission(fresh).validate()
    before = await fresh.xapi.send("pool.get_all", session)
    fresh.clock.passed += VALIDATED_AGAIN + LOOK
    await admission(fresh).validate()

    assert before
    with pytest.raises(SESSION_INVALID):
        await fresh.xapi.send("pool.get_all", session)
    assert await fresh.xapi.pool.get_all()


async def test_who_may_be_here_stays_and_so_he_does_while_the_directory_is_silent(
    fresh: FreshHost, register: Register
) -> None:
    await subject(fresh.xapi, "u1", "read-only")
    session = await log_in(fresh.xapi)
    before = await fresh.xapi.call("session.get_validation_time", session)

    for register.trouble in "", "it is closed":
        fresh.clock.passed += VALIDATED_AGAIN + LOOK
        await admission(fresh).validate()

    assert await fresh.xapi.send("pool.get_all", session)
    assert await fresh.xapi.call("session.get_validation_time", session) > before


# --- The hook ----------------------------------------------------------------------------------------


async def test_a_plug_in_of_the_host_hears_what_happens(fresh: FreshHost, register: Register, pool: str) -> None:
    folder = fresh.runtime.config.programs / "plugins"
    folder.mkdir(parents=True)
    heard = folder / "heard"
    hook = folder / "extauth-hook"
    hook.write_text(f'#!/bin/sh\necho "$1" | grep -o "<methodName>[^<]*" >> {heard}\nexit 1\n')
    hook.chmod(0o755)

    made = await subject(fresh.xapi, "u1", "read-only")
    await fresh.xapi.subject.destroy(made)
    await fresh.xapi.pool.disable_external_auth(pool, {})

    told: list[Any] = [line.removeprefix("<methodName>") for line in heard.read_text().splitlines()]
    assert told == ["after-subject-add", "after-roles-update", "after-subject-remove", "before-extauth-disable"]
