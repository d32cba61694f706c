"""A real daemon joined to the directory that PAM and the name service of its machine are, and clients over TLS."""

from __future__ import annotations

import base64
import pwd
import ssl
import xmlrpc.client
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from itertools import pairwise
from typing import Any

import pytest

from tests.auth.test_pam import there_is_pam
from tests.bench.load import free_port
from tests.daemon import Client, Daemon, Failure

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(not there_is_pam(), reason="PAM is not on this machine"),
]

USER = "daemon"
"""Whom every machine knows."""
PASSWORD = "right pass"
SCRIPT = f"""#!/bin/sh
[ "$PAM_USER $(tr -d '\\0')" = "{USER} {PASSWORD}" ]
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that finds another /etc/pam.d than everybody else on this machine."""
    folder = tmp_path_factory.mktemp("pam")
    script = folder / "check"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    lines = f"auth required pam_exec.so expose_authtok quiet {script}\naccount required pam_permit.so\n"
    (folder / "xapi").write_text(lines)
    within = ("unshare", "--mount", "sh", "-ec", f'mount --bind {folder} /etc/pam.d; exec "$@"', "sh")
    port = free_port()
    daemon = Daemon(
        tmp_path_factory.mktemp("daemon"),
        "--https",
        f"127.0.0.1:{port}",
        environment={"XAPID_LIMITS_LOGIN_FAILURE_DELAY": "0"},
        within=within,
    )
    daemon.start()
    client = daemon.client()
    (pool,) = client.call("pool.get_all")
    client.call("pool.enable_external_auth", pool, {}, "this machine", "PAM")
    client.close()
    yield daemon
    daemon.stop()


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    client = daemon.client()
    yield client
    for subject in client.call("subject.get_all"):
        client.call("subject.destroy", subject)
    client.close()


def address(daemon: Daemon) -> str:
    """Where it listens: the option that comes last counts."""
    words = daemon.arguments()
    return [value for option, value in pairwise(words) if option == "--https"][-1]


def trusting_all() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def call(daemon: Daemon, method: str, *params: Any) -> Any:
    """Over TLS, as anybody can."""
    with xmlrpc.client.ServerProxy(f"https://{address(daemon)}", context=trusting_all()) as proxy:
        answer: Any = getattr(proxy, method)(*params)
    if answer["Status"] != "Success":
        raise Failure(*answer["ErrorDescription"])
    return answer["Value"]


def log_in(daemon: Daemon, password: str = PASSWORD) -> str:
    return str(call(daemon, "session.login_with_password", USER, password, "1.0", "test"))


def group_as_subject(client: Client, role: str) -> str:
    """The main group of the user, with a role."""
    identifier = f"g{pwd.getpwnam(USER).pw_gid}"
    subject = client.call("subject.create", {"subject_identifier": identifier, "other_config": {}})
    client.call("subject.add_to_roles", subject, client.call("role.get_by_name_label", role)[0])
    return str(subject)


def test_a_user_of_the_machine_logs_in_by_his_group(daemon: Daemon, client: Client) -> None:
    subject = group_as_subject(client, "vm-operator")

    session = log_in(daemon)

    record = client.call("session.get_record", session)
    assert (record["auth_user_name"], record["subject"]) == (USER, subject)
    identifier = client.call("auth.get_subject_identifier", USER)
    assert record["auth_user_sid"] == identifier == f"u{pwd.getpwnam(USER).pw_uid}"
    assert call(daemon, "VM.get_all", session)
    with pytest.raises(Failure, match="RBAC_PERMISSION_DENIED"):
        call(daemon, "pool.sync_database", session)


def test_a_wrong_password_and_a_missing_subject_keep_him_out(daemon: Daemon, client: Client) -> None:
    with pytest.raises(Failure, match="SESSION_AUTHORIZATION_FAILED"):
        log_in(daemon)
    group_as_subject(client, "vm-operator")
    with pytest.raises(Failure, match="SESSION_AUTHENTICATION_FAILED"):
        log_in(daemon, "a guess")


def test_handlers_know_him_by_his_password(daemon: Daemon, client: Client) -> None:
    group_as_subject(client, "read-only")

    def status(password: str, method: str, path: str) -> int:
        with closing(HTTPSConnection(address(daemon), context=trusting_all())) as connection:
            words = base64.b64encode(f"{USER}:{password}".encode()).decode()
            connection.request(method, path, headers={"Authorization": f"Basic {words}"})
            return connection.getresponse().status

    console = client.call("console.get_all")[0]
    assert [status(each, "GET", "/audit_log") for each in (PASSWORD, "a guess")] == [200, 401]
    assert status(PASSWORD, "CONNECT", f"/console?ref={console}") == 403


def test_the_pool_stays_joined_over_a_restart(daemon: Daemon, client: Client) -> None:
    group_as_subject(client, "read-only")

    client.close()
    daemon.kill()
    daemon.start()

    assert log_in(daemon)
    again = daemon.client()
    assert again.call("subject.get_all")
    client.session = again.session
    again.close()
