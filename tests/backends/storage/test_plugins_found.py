"""Which storage plug-ins are found, and which are left alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.storage_plugins import V1, V3, Installed, install
from xapid.backends.storage import smapiv1_program, smapiv3_scripts
from xapid.backends.storage.plugin_interface import Dialect
from xapid.backends.storage.plugins import Plugins


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return install(tmp_path / "plugins")


def found(installed: Installed, *allowed: str) -> set[str]:
    return {each.type for each in Plugins(installed.smapiv1, installed.smapiv3, list(allowed)).find()}


def test_both_kinds_are_found(installed: Installed) -> None:
    plugins = {each.type: each for each in Plugins(installed.smapiv1, installed.smapiv3, []).find()}

    assert (plugins[V1].dialect, plugins[V1].path) == (Dialect.smapiv1, str(installed.program))
    assert (plugins[V3].dialect, plugins[V3].path) == (Dialect.smapiv3, str(installed.volume))
    info = plugins[V3].info
    assert (info.name, info.vendor, info.version, info.api_version) == ("example 3", "the tests", "1.3", "5.0")
    assert {"VDI_CREATE", "VDI_DELETE", "VDI_SNAPSHOT", "SR_PROBE", "VDI_ACTIVATE"} < info.features
    assert not info.features & {"NOVELTY", "VDI_RESET_ON_BOOT/2"}


def test_a_verb_that_is_not_there_is_a_feature_less(installed: Installed) -> None:
    (installed.volume / "Volume.snapshot").unlink()

    (plugin,) = Plugins(installed.smapiv1, installed.smapiv3, [V3]).find()

    assert "VDI_SNAPSHOT" not in plugin.info.features


def test_only_the_types_that_are_allowed_are_served(installed: Installed) -> None:
    assert found(installed, V3) == {V3}
    assert found(installed, "none") == set()


def test_without_the_folders_there_are_none(tmp_path: Path) -> None:
    assert Plugins(tmp_path / "a", tmp_path / "b", []).find() == ()


HEAD = "#!/bin/sh\n"
BAD: dict[str, str] = {
    "it fails": "exit 1",
    "it is killed": "kill -9 $$",
    "it prints nonsense": "echo nonsense",
    "it answers something else": "echo '<methodResponse><params><param><value>1</value></param></params>"
    "</methodResponse>'",
    "it prints for ever": "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done",
    "it hangs": "sleep 3600",
    "it is no program": "\x7fELF",
}


@pytest.mark.parametrize("why", BAD)
def test_one_that_does_not_describe_itself_is_no_type(
    installed: Installed, why: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    for module in (smapiv1_program, smapiv3_scripts):
        monkeypatch.setattr(module, "QUERY", 10.0)
    bad = installed.smapiv1 / "BadSR"
    bad.write_text(HEAD + BAD[why] if why != "it is no program" else BAD[why])
    bad.chmod(0o755)

    assert found(installed) == {V1, V3}

    assert f"{bad} cannot be used" in caplog.text


def open_to_all(path: Path) -> None:
    path.chmod(0o777)


def not_to_be_run(path: Path) -> None:
    path.chmod(0o644)


@pytest.mark.parametrize("change", [open_to_all, not_to_be_run])
def test_a_program_that_is_not_safe_or_may_not_be_run_is_not(
    installed: Installed, change: Callable[[Path], None]
) -> None:
    change(installed.program)

    assert found(installed) == {V3}


def test_it_is_asked_again_when_it_changes_and_not_before(installed: Installed, tmp_path: Path) -> None:
    plugins = Plugins(installed.smapiv1, installed.smapiv3, [V1])
    diary = tmp_path / "diary"
    text = installed.program.read_text()
    asked = text.replace("def main():", f"def main():\n    open({str(diary)!r}, 'a').write('asked ')", 1)
    installed.program.write_text(asked)
    for _ in range(3):
        (first,) = plugins.find()
    assert diary.read_text() == "asked "

    installed.program.write_text(asked.replace('"1.2"', '"1.3"'))
    (second,) = plugins.find()

    assert (first.info.version, second.info.version) == ("1.2", "1.3")
