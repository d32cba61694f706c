"""Settings: where they come from, what goes before what, and what is said about wrong ones."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from xapid.http.service import Limits
from xapid.runtime.config import Address, Config, ConfigError, Drivers, LogLevel, sample_file
from xapid.runtime.settings import Setting, declared, read, tables

ROOT = Path(__file__).parents[2]
FLAGS = {
    "--state-dir",
    "--http",
    "--https",
    "--unix",
    "--drivers",
    "--libvirt-uri",
    "--password-file",
    "--log-level",
}


def load(
    tmp_path: Path, toml: str = "", environment: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
) -> Config:
    file = tmp_path / "x.toml"
    file.write_text(toml)
    return Config.load({"--config": str(file), **(flags or {})}, environment or {})


def test_without_anything_given_the_daemon_listens_where_the_original_does(tmp_path: Path) -> None:
    config = load(tmp_path)

    assert [str(each) for each in config.http] == ["0.0.0.0:80", "[::]:80"]
    assert [str(each) for each in config.https] == ["0.0.0.0:443", "[::]:443"]
    assert [str(each) for each in config.unix] == ["/var/lib/xcp/xapi", "/var/xapi/xapi"]
    assert config.state_dir == Path("/var/lib/xapid")


def test_a_flag_goes_before_a_variable_and_a_variable_before_the_file(tmp_path: Path) -> None:
    toml = 'drivers = "sim"\nstate_dir = "/file"\n[log]\nlevel = "error"'
    environment = {"XAPID_LOG_LEVEL": "debug", "XAPID_STATE_DIR": "/variable"}

    config = load(tmp_path, toml, environment, {"--state-dir": "/flag"})

    assert (config.drivers, config.log.level, config.state_dir) == (Drivers.sim, LogLevel.debug, Path("/flag"))


@pytest.mark.parametrize("toml, flags", [('https = ""', {}), ("https = []", {}), ("", {"--https": ""})])
def test_an_empty_value_switches_a_listener_off(tmp_path: Path, toml: str, flags: dict[str, str]) -> None:
    config = load(tmp_path, toml, flags=flags)

    assert config.https == ()


@pytest.mark.parametrize("text", ['unix = ["/a", "/b"]', 'unix = "/a,/b"'])
def test_several_sockets_are_written_as_a_list_or_with_commas(tmp_path: Path, text: str) -> None:
    config = load(tmp_path, text)

    assert config.unix == (Path("/a"), Path("/b"))


def test_a_path_does_not_depend_on_where_the_daemon_goes_later(tmp_path: Path) -> None:
    config = load(tmp_path, flags={"--state-dir": "var/state"})

    assert config.state_dir == Path.cwd() / "var/state"


def test_what_is_not_said_about_passwords_lies_in_the_state_directory(tmp_path: Path) -> None:
    assert load(tmp_path, 'state_dir = "/s"').passwords == Path("/s/passwords")
    assert load(tmp_path, 'state_dir = "/s"\npassword_file = "/p"').passwords == Path("/p")


@pytest.mark.parametrize(
    "toml, message",
    [
        ("[log]\nlevle = 1", "x.toml: there is no setting log.levle; did you mean log.level?"),
        ("rpc_body = 1", "x.toml: there is no setting rpc_body; did you mean limits.rpc_body?"),
        ("[quux]\nzzzzzz = 1", "x.toml: there is no setting quux.zzzzzz"),
        ('log = "debug"', "x.toml: log is a table of settings: write [log], and them below"),
        ('[limits]\nrpc_body = "much"', "x.toml: limits.rpc_body: 'much' is not a whole number"),
        ("[limits]\nrpc_body = 2000.5", "x.toml: limits.rpc_body: 2000.5 is not a whole number"),
        ("[limits]\nrpc_body = true", "x.toml: limits.rpc_body: True is not a whole number"),
        ("[limits]\nhead_idle = nan", "x.toml: limits.head_idle: nan is not from 0.1 to 1e+12"),
        ("[limits]\nhead_idle = inf", "x.toml: limits.head_idle: inf is not from 0.1 to 1e+12"),
        ("[limits]\nhead_idle = 0", "x.toml: limits.head_idle: 0 is not from 0.1 to 1e+12"),
        (
            '[first_start]\ndemo_guest = "perhaps"',
            "x.toml: first_start.demo_guest: 'perhaps' is neither true nor false",
        ),
        ('drivers = "xen"', "x.toml: drivers: 'xen' is none of auto, libvirt, sim"),
        ("state_dir = 3", "x.toml: state_dir: 3 is not a text"),
        ('state_dir = ""', "x.toml: state_dir: '' is not a path"),
        ("http = 80", "x.toml: http: 80 is not a list"),
        ('http = "localhost"', "x.toml: http: 'localhost' is not of the form ADDR:PORT or [IPv6]:PORT"),
        ('http = "::1:80"', "x.toml: http: '::1:80' is not of the form ADDR:PORT or [IPv6]:PORT"),
        ('http = "localhost:65536"', "x.toml: http: 'localhost:65536' has no port from 0 to 65535"),
        ("http = [", "x.toml: "),
        ('[first_start]\nhost_uuid = "x"', "x.toml: first_start.host_uuid: 'x' is not a uuid in lower case"),
        (
            '[first_start]\npool_ref = "x"',
            "x.toml: first_start.pool_ref: 'x' is not OpaqueRef:, then a uuid in lower case",
        ),
        ('[product]\nversion = "8.x"', "x.toml: product.version: '8.x' is not numbers with dots between them"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, toml)

    assert str(error.value).removeprefix(f"{tmp_path}/").startswith(message)


@pytest.mark.parametrize(
    "environment, flags, message",
    [
        ({"XAPID_LOG_LEVEL": "loud"}, {}, "XAPID_LOG_LEVEL: 'loud' is none of debug, info, warning, error"),
        ({}, {"--http": "x:y"}, "--http: 'x:y' has no port from 0 to 65535"),
        (
            {"XAPID_LOG_LEVL": "info"},
            {},
            "there is no setting of the variable XAPID_LOG_LEVL; did you mean XAPID_LOG_LEVEL?",
        ),
    ],
)
def test_a_wrong_variable_or_flag_is_named(
    tmp_path: Path, environment: dict[str, str], flags: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, "", environment, flags)

    assert str(error.value) == message


def test_a_variable_that_only_begins_as_ours_do_is_somebody_elses(tmp_path: Path) -> None:
    assert load(tmp_path, "", {"XAPID_BACKUP_FOLDER": "/x", "XAPID_SEED": "1"}) == Config()


def test_every_table_says_what_it_is_about() -> None:
    said = tables(Config)

    assert {each.table for each in declared(Config)} == {"", *said}
    assert all(text.endswith(".") for text in said.values())
    assert all(f"# {text[:60]}" in sample_file() for text in said.values())


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Config.load({}, {"XAPID_CONFIG": str(tmp_path / "none.toml")})


@pytest.mark.parametrize("text", ["127.0.0.1:80", "[::1]:8443", "localhost:0"])
def test_an_address_is_written_as_it_was_read(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize("text", ["", "80", ":80", "::1:80", "[::1]", "[::1]80", "a:b", "a:65536", "a:-1", "[a]:80"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"of the form|no port"):
        Address.parse(text)


def test_the_flags_are_those_that_scripts_use() -> None:
    assert {each.option for each in declared(Config) if each.flag} == FLAGS


@pytest.mark.parametrize("each", declared(Config), ids=lambda each: each.name)
def test_every_setting_says_what_it_is_for(each: Setting) -> None:
    assert each.doc.endswith(".")


def test_the_file_in_etc_shows_every_setting_with_its_default(tmp_path: Path) -> None:
    lines = sample_file().splitlines()
    uncommented = tmp_path / "all.toml"
    uncommented.write_text(
        "\n".join(line[1:] if line[:2] not in ("# ", "#") and line[:1] == "#" else line for line in lines)
    )

    config = read(Config, uncommented, {}, {})

    assert (ROOT / "etc/xapid.toml").read_text() == sample_file(), "run `make docs`"
    assert config == Config()


def test_limits_of_the_http_server_have_the_defaults_that_it_has_itself() -> None:
    ours = dataclasses.asdict(Config().limits)
    servers = dataclasses.asdict(Limits())

    shared = ours.keys() & servers.keys()

    assert {name: ours[name] for name in shared} == {name: servers[name] for name in shared}
    assert {"rpc_body", "tcp_head", "tcp_connections"} <= shared
