"""What QEMU's agent in a guest answers, and what is taken of it, whoever it is that answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from xapid.backends.domain.guest_report import GuestReport
from xapid.backends.domain.qemu_agent import LONGEST_ANSWER, Refused, Silent, report

INTERFACES = [
    {
        "name": "lo",
        "hardware-address": "00:00:00:00:00:00",
        "ip-addresses": [{"ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8}],
    },
    {
        "name": "eth0",
        "hardware-address": "02:00:00:00:00:0A",
        "ip-addresses": [
            {"ip-address": "192.0.2.1", "ip-address-type": "ipv4", "prefix": 24},
            {"ip-address": "192.0.2.2", "ip-address-type": "ipv4", "prefix": 24},
            {"ip-address": "fe80::1", "ip-address-type": "ipv6", "prefix": 64},
        ],
    },
    {"name": "tun0", "statistics": {}},
]
OS = {
    "id": "debian",
    "name": "Debian GNU/Linux",
    "pretty-name": "Debian GNU/Linux 12 (bookworm)",
    "version-id": "12.5",
    "kernel-release": "6.1.0-18-amd64",
    "machine": "x86_64",
}
ANSWERS: dict[str, Any] = {
    "guest-network-get-interfaces": INTERFACES,
    "guest-get-osinfo": OS,
    "guest-get-host-name": {"host-name": "web1"},
}


def of(answers: dict[str, Any]) -> GuestReport:
    """The report of an agent with these answers; one that is a text is sent as it is."""

    def ask(command: str) -> str:
        answer = answers.get(json.loads(command)["execute"], Refused())
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, str) else json.dumps({"return": answer})

    return report(ask)


def test_an_agent_tells_system_name_and_addresses() -> None:
    assert of(ANSWERS) == GuestReport(
        os_version={
            "name": "Debian GNU/Linux 12 (bookworm)",
            "uname": "6.1.0-18-amd64",
            "distro": "debian",
            "major": "12",
            "minor": "5",
        },
        netbios_name={"host_name": "web1"},
        addresses={
            "00:00:00:00:00:00/ipv4/0": "127.0.0.1",
            "02:00:00:00:00:0a/ipv4/0": "192.0.2.1",
            "02:00:00:00:00:0a/ipv4/1": "192.0.2.2",
            "02:00:00:00:00:0a/ipv6/0": "fe80::1",
        },
    )


@pytest.mark.parametrize("command", ANSWERS)
@pytest.mark.parametrize(
    "answer",
    [
        Refused("no such command"),
        "",
        "\0\xff garbage",
        "[" * 100_000,
        '{"error": {}}',
        '{"return": null}',
        '{"return": 7}',
        '{"return": [[]]}',
        json.dumps({"return": "x" * LONGEST_ANSWER}),
    ],
    ids=["refused", "empty", "garbage", "deep", "error", "null", "number", "lists", "too long"],
)
def test_what_an_agent_does_not_answer_sensibly_is_left_out_and_the_rest_is_taken(command: str, answer: Any) -> None:
    whole = of(ANSWERS)

    part = of({**ANSWERS, command: answer})

    fields = ("addresses", "os_version", "netbios_name")
    left_out = fields[list(ANSWERS).index(command)]
    assert getattr(part, left_out) == {}
    assert [getattr(part, each) for each in fields if each != left_out] == [
        getattr(whole, each) for each in fields if each != left_out
    ]


@pytest.mark.parametrize(
    "version, expected",
    [("12", {"major": "12"}), ("22.04.1", {"major": "22", "minor": "04"}), ("rolling", {}), ("", {})],
)
def test_a_version_is_read_as_far_as_it_is_numbers(version: str, expected: dict[str, str]) -> None:
    assert of({"guest-get-osinfo": {"version-id": version}}).os_version == expected


def test_thousands_of_interfaces_are_taken_in_part() -> None:
    address = {"ip-address": "192.0.2.1", "ip-address-type": "ipv4"}
    many = [
        {"hardware-address": f"02:00:00:00:{n // 256:02x}:{n % 256:02x}", "ip-addresses": [address]}
        for n in range(2000)
    ]

    assert len(of({"guest-network-get-interfaces": many}).addresses) == 256


def test_after_silence_nothing_more_is_asked() -> None:
    asked: list[str] = []

    def silent(command: str) -> str:
        asked.append(command)
        raise Silent

    with pytest.raises(Silent):
        report(silent)

    assert len(asked) == 1
