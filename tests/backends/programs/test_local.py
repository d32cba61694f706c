"""Programs of this machine: which there are, and what running them gives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from xapid.backends import process
from xapid.backends.interface import Failed, NotFound
from xapid.backends.process import Cancellation
from xapid.backends.programs.interface import PLUGINS, Outcome
from xapid.backends.programs.local import Programs

Write = Callable[[str, str], None]


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(str(tmp_path))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, script: str) -> None:
        path = tmp_path / PLUGINS / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)

    return write


def test_a_program_gets_its_arguments_and_nothing_to_read(programs: Programs, write: Write) -> None:
    write("echo", '#!/bin/sh\nprintf "%s|" "$@"; cat; echo oops >&2; exit 3\n')

    outcome = programs.run(PLUGINS, "echo", ("a b", "", "$HOME"))

    assert outcome == Outcome(3, "", "a b||$HOME|", "oops\n")


def test_what_a_signal_ended_says_so(programs: Programs, write: Write) -> None:
    write("suicide", "#!/bin/sh\nkill -9 $$\n")

    assert programs.run(PLUGINS, "suicide", ()).signal == "SIGKILL"


def test_what_is_no_text_can_be_read(programs: Programs, write: Write) -> None:
    write("binary", "#!/bin/sh\nprintf '\\377a'\n")

    assert programs.run(PLUGINS, "binary", ()).stdout == "\ufffda"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../plugins/echo", "/bin/true", "a/../echo", "nothing", "echo\0", "dir"]
)
def test_only_programs_of_the_folder_itself_are_there(
    programs: Programs, write: Write, tmp_path: Path, name: str
) -> None:
    write("echo", "#!/bin/sh\n")
    (tmp_path / PLUGINS / "dir").mkdir()

    assert programs.exists(PLUGINS, "echo")
    assert not programs.exists(PLUGINS, name)
    with pytest.raises(NotFound):
        programs.run(PLUGINS, name, ())


@pytest.mark.parametrize(
    "script, argument",
    [("no program", ""), ("#!/nowhere/interpreter\n", ""), ("#!/bin/sh\n", "nul\0"), ("#!/bin/sh\n", "x" * 3_000_000)],
    ids=["no program", "no interpreter", "a NUL", "too long"],
)
def test_what_cannot_be_started_fails_with_the_reason(
    programs: Programs, write: Write, script: str, argument: str
) -> None:
    write("broken", script)

    with pytest.raises((Failed, NotFound), match="broken"):
        programs.run(PLUGINS, "broken", (argument,))


def test_a_program_for_which_nobody_waits_is_ended(programs: Programs, write: Write, tmp_path: Path) -> None:
    started = tmp_path / "started"
    write("endless", f"#!/bin/sh\necho >{started}; exec sleep 1000\n")
    cancellation = Cancellation()
    failures: list[Failed] = []

    def work() -> None:
        process.current.set(cancellation)
        try:
            programs.run(PLUGINS, "endless", ())
        except Failed as error:
            failures.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    cancellation.cancel()
    worker.join(30)

    assert not worker.is_alive()
    assert "cancelled" in failures[0].message


@pytest.mark.parametrize("name", ["A" * 5000, "a\0b", "../secret", "a/b", "", ".", ".."])
def test_what_cannot_be_the_name_of_a_program_is_not_there(programs: Programs, name: str) -> None:
    assert not programs.exists(PLUGINS, name)
    with pytest.raises(NotFound):
        programs.run(PLUGINS, name, ())
