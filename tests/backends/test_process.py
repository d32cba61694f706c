"""Commands end with their output or with an error that says why, and never outlive who waits for them."""

from __future__ import annotations

import contextvars
import os
import sys
import threading
from pathlib import Path

import pytest

from tests.told import ended, told
from xapid.backends.interface import Failed, NoSpace, Unavailable
from xapid.backends.process import Cancellation, current, run


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_a_command_gives_what_it_printed() -> None:
    assert run(["printf", "%s", "$HOME; *"]) == "$HOME; *"


def test_output_is_heard_as_it_comes() -> None:
    heard: list[bytes] = []

    run(python("import os; os.write(1, b'50%')"), on_output=heard.append)

    assert b"".join(heard) == b"50%"


def test_a_failure_says_what_the_command_said_last() -> None:
    with pytest.raises(Failed) as error:
        run(python("import sys; print('one\\ntwo\\nthree\\nfour', file=sys.stderr); sys.exit(3)"))

    assert error.value.message.endswith(": two / three / four")
    assert error.value.facts["status"] == "3"


def test_a_full_device_is_told_from_other_failures() -> None:
    with pytest.raises(NoSpace):
        run(python("import sys; sys.exit('write failed: No space left on device')"))


def test_a_program_that_is_not_installed_is_named() -> None:
    with pytest.raises(Unavailable, match="no-such-program is not installed"):
        run(["no-such-program"])


def test_much_output_on_both_streams_blocks_nothing() -> None:
    program = "import sys; sys.stderr.write('e' * 300_000); sys.stdout.write('o' * 300_000)"

    assert len(run(python(program))) == 300_000


def test_a_command_that_takes_too_long_is_ended() -> None:
    with pytest.raises(Unavailable, match="took longer than 0 s"):
        run(["sleep", "60"], timeout=0.05)


def test_a_command_ends_when_nobody_waits_any_more(tmp_path: Path) -> None:
    cancellation, errors = Cancellation(), list[Exception]()
    os.mkfifo(tmp_path / "begun")

    def call() -> None:
        current.set(cancellation)
        try:
            run(python(f"open({str(tmp_path / 'begun')!r}, 'w').close(); import signal; signal.pause()"))
        except Failed as error:
            errors.append(error)

    thread = threading.Thread(target=contextvars.Context().run, args=(call,))
    thread.start()
    (tmp_path / "begun").read_text()

    cancellation.cancel()

    thread.join(10)
    assert [str(error) for error in errors] == [f"{sys.executable} was cancelled"]


def test_a_command_of_a_call_that_was_given_up_before_is_ended_too() -> None:
    cancellation = Cancellation()
    cancellation.cancel()

    def call() -> None:
        current.set(cancellation)
        run(["sleep", "60"])

    with pytest.raises(Failed, match="cancelled"):
        contextvars.Context().run(call)


# Descendants


def test_what_a_command_started_ends_with_it_when_it_is_cancelled(tmp_path: Path) -> None:
    cancellation, pids = Cancellation(), tmp_path / "pid"
    os.mkfifo(pids)
    script = f"sleep 1000 & echo $! > {pids}; wait"

    def work() -> None:
        current.set(cancellation)
        with pytest.raises(Failed, match="cancelled"):
            run(["/bin/sh", "-c", script], timeout=100)

    thread = threading.Thread(target=work)
    thread.start()
    grandchild = int(told(pids))
    cancellation.cancel()
    thread.join(30)

    assert not thread.is_alive()
    assert ended(grandchild)


def test_a_command_that_took_too_long_leaves_nobody_behind(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="took longer"):
        run(["/bin/sh", "-c", f"sleep 1000 & echo $! > {tmp_path / 'pid'}; wait"], timeout=0.3)

    assert ended(int((tmp_path / "pid").read_text()))


def test_a_command_that_prints_without_end_is_ended() -> None:
    with pytest.raises(Failed, match="more than 16 MiB"):
        run(["/bin/sh", "-c", "cat /dev/zero"], timeout=60)
