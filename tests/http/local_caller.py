"""Run where /var/lib is private: a daemon on the socket of the original, and what `XenAPI.xapi_local()` gets of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import XenAPI

from tests.daemon import Daemon

SOCKET = Path("/var/lib/xcp/xapi")


def main(directory: Path) -> None:
    daemon = Daemon(directory, "--unix", str(SOCKET))
    daemon.socket = SOCKET
    with daemon:
        print(json.dumps(conversation()))


def conversation() -> dict[str, object]:
    session = XenAPI.xapi_local()
    session.login_with_password("root", "whatever", "1.0", "a program of this host")
    api, first = session.xenapi, session.handle
    seen = {
        "pools": len(api.pool.get_all()),
        "user": api.session.get_auth_user_name(first),
        "originator": api.session.get_originator(first),
    }
    # Behind the back of the library, which then logs in again by itself.
    getattr(session, "session.logout")(first)
    seen |= {"pools later": len(api.pool.get_all()), "another session": session.handle != first}
    session.logout()
    return seen


if __name__ == "__main__":
    main(Path(sys.argv[1]))
