"""Programs of this host find the daemon where they find the original."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.slow]

PRIVATE = 'mount -t tmpfs none /var/lib && mkdir /var/lib/xcp && exec "$@"'


def test_the_python_library_logs_in_over_the_socket_of_the_original(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.http.local_caller", str(tmp_path)]

    done = subprocess.run(["unshare", "--mount", "sh", "-c", PRIVATE, "sh", *program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "pools": 1,
        "user": "root",
        "originator": "a program of this host",
        "pools later": 1,
        "another session": True,
    }
