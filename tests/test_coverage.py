"""What clients need most is among what docs/coverage.md calls working."""

from __future__ import annotations

import pytest

from tests.coverage_page import NOT_TESTED, PAGE, WORKS, page, states

MOST_CALLED = """
host: call_plugin get_all get_all_records get_by_uuid get_record
network: create get_all_records get_record
PBD: unplug
PIF: get_record
pool: get_all
session: login_with_password logout
SR: get_PBDs get_all_records get_by_uuid get_record get_uuid
task: cancel create destroy get_status
VBD: create destroy eject get_record insert plug
VDI: create destroy get_by_uuid get_record get_uuid set_name_description set_name_label
VIF: create destroy get_record plug unplug
VM: add_to_other_config clean_reboot clean_shutdown clone destroy get_VBDs get_VIFs get_all_records
 get_allowed_VBD_devices get_by_name_label get_by_uuid get_guest_metrics get_power_state get_record hard_shutdown
 provision resume set_is_a_template set_memory_limits set_name_label set_other_config start start_on suspend unpause
"""
"""Messages that eight or more of the known clients send."""

MAIN_JOB = """
VM: clone copy provision start pause unpause suspend resume clean_shutdown hard_shutdown clean_reboot hard_reboot
 snapshot destroy
VBD: create destroy
VIF: create destroy
VDI: create destroy snapshot clone resize
network: create destroy
console: get_location
event: from register unregister next get_current_id inject
"""


def _messages(text: str) -> list[str]:
    lines = text.replace("\n ", " ").strip().splitlines()
    return [f"{cls}.{name}" for cls, _, names in (line.partition(":") for line in lines) for name in names.split()]


@pytest.mark.parametrize("messages", [MOST_CALLED, MAIN_JOB], ids=["most called", "main job"])
def test_what_clients_need_first_is_shown_to_work(messages: str) -> None:
    found = states()

    assert [name for name in _messages(messages) if found[name][0] != WORKS] == []


def test_no_message_is_written_without_a_test_that_shows_it_succeed() -> None:
    assert [name for name, (state, _) in states().items() if state == NOT_TESTED] == []


def test_the_page_on_coverage_is_what_the_code_and_the_tests_say() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"
