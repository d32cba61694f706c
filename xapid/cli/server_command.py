"""The command ``xapid``: serve, back up the database, start and end guests, set a password, look for what is wrong."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from xapid import __version__
from xapid.runtime.config import FILE_OPTION, Config, ConfigError
from xapid.runtime.settings import declared

INTERRUPTED = 128 + signal.SIGINT
"""The exit status that a shell has for what Ctrl-C ends."""
DESCRIPTION = "A management daemon for Xen and KVM hosts that speaks the XenAPI."
EPILOG = """\
A setting is taken from its flag, else from the environment (XAPID_STATE_DIR for --state-dir), else from the file named
by --config or XAPID_CONFIG, else from /etc/xapid/xapid.toml. That file can say more than there are flags for.

  xapid serve --drivers sim --http 127.0.0.1:8080 --https "" --unix /tmp/xapi --state-dir /tmp/state
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status; what went wrong is one line on the error output."""
    arguments = parser().parse_args(argv)
    try:
        return _run(arguments, Config.load(_flags(arguments), os.environ))
    except ConfigError as error:
        print(f"xapid: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nxapid: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(arguments: argparse.Namespace, config: Config) -> int:
    match arguments.command:
        case "serve":
            return _serve(config)
        case "backup":
            return _back_up(config, Path(arguments.file))
        case "restore":
            return _restore(config, Path(arguments.file))
        case "check":
            return _check(Path(arguments.file) if arguments.file else config.database)
        case "start":
            from xapid.cli.guests import start

            return start(config)
        case "stop":
            from xapid.cli.guests import stop

            return stop(config, _flags(arguments), arguments.deadline)
        case "passwd":
            return _set_password(config, arguments.user)
        case _:
            return _look_for_trouble(config, arguments.repair, dry_run=arguments.dry_run)


def parser() -> argparse.ArgumentParser:
    """The commands and options; the man page is made from them."""
    form = argparse.RawDescriptionHelpFormatter
    settings = _settings_parser()
    top = argparse.ArgumentParser("xapid", description=DESCRIPTION, epilog=EPILOG, formatter_class=form)
    top.add_argument("--version", action="version", version=f"xapid {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(
        where: argparse._SubParsersAction[argparse.ArgumentParser], name: str, says: str
    ) -> argparse.ArgumentParser:
        added = where.add_parser(
            name,
            parents=[settings],
            help=says,
            description=says,
            epilog=EPILOG,
            formatter_class=form,
            allow_abbrev=False,
        )
        added.set_defaults(command=name)
        return added

    add(commands, "serve", "Run the daemon, in the foreground, until it is told to stop. Guests run on without it.")
    database = commands.add_parser("db", help="Take care of the database.")
    actions = database.add_subparsers(required=True, metavar="ACTION")
    backup = add(actions, "backup", "Copy the database into a file, while the daemon runs or not.")
    backup.add_argument("file", metavar="FILE", help="Where to; must not be there yet.")
    restore = add(actions, "restore", "Put a backup in the place of the database, which is kept beside it.")
    restore.add_argument(
        "file",
        metavar="FILE",
        help="The backup. The daemon must not run. Guests that it does not know run on; `xapid doctor` lists them.",
    )
    check = add(actions, "check", "Look through the database, or a backup, and say what is wrong with it.")
    check.add_argument("file", metavar="FILE", nargs="?", help="The backup; the database if left out.")
    guests = commands.add_parser("guests", help="Start and end guests with their host; units of systemd do it.")
    actions = guests.add_subparsers(required=True, metavar="ACTION")
    add(actions, "start", "Wait until the guests that start with their host are started, once after each of its boots.")
    stop = add(
        actions,
        "stop",
        "Shut down the guests of this host, which takes none from then on until it has booted; in the reverse of their "
        "order, and by force those that do not end in time.",
    )
    stop.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=float,
        help="When the last are switched off; a minute after guests.all_end_with_host if left out.",
    )
    passwd = add(
        commands, "passwd", "Set the password of a local user; asks for it, or reads a line of standard input."
    )
    passwd.add_argument("user", metavar="USER", nargs="?", default="root", help="Whose; root if left out.")
    doctor = add(
        commands,
        "doctor",
        "Look for what would keep the daemon or its guests from running, and say what helps. While the daemon runs, "
        "also for guests, disks and bridges that differ from its records.",
    )
    doctor.add_argument(
        "--repair",
        metavar="NAME",
        nargs="*",
        help="Repair what is named so; if nothing is named, all whose repair ends and removes nothing.",
    )
    doctor.add_argument("--dry-run", action="store_true", help="With --repair: only say what would be done.")
    return top


def _settings_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("settings")
    group.add_argument(FILE_OPTION, metavar="FILE", dest=FILE_OPTION, help="Settings in TOML.")
    for each in declared(Config):
        if each.flag:
            group.add_argument(each.option, metavar=each.flag, dest=each.option, help=each.doc)
    return parser


def _flags(arguments: argparse.Namespace) -> dict[str, str]:
    return {name: value for name, value in vars(arguments).items() if name.startswith("--") and value is not None}


def _serve(config: Config) -> int:
    # The daemon is what takes long to import; --help and the others need not wait for it.
    from xapid.main import serve

    return serve(config)


def _back_up(config: Config, file: Path) -> int:
    from xapid.store.copies import BackupError, back_up

    try:
        size = back_up(config.database, file)
    except BackupError as error:
        print(f"xapid: {error}", file=sys.stderr)
        return 1
    print(f"{file}: {size} bytes")
    return 0


def _restore(config: Config, file: Path) -> int:
    from xapid.store.copies import BackupError
    from xapid.store.database import DatabaseError, StateDirectory
    from xapid.store.restore import restore

    directory = StateDirectory(config.state_dir)
    try:
        directory.open()
        kept = restore(config.database, file)
    except (BackupError, DatabaseError) as error:
        print(f"xapid: {error}", file=sys.stderr)
        return 1
    finally:
        directory.close()
    print(f"{config.database} is now what {file} holds" + (f"; the old one is kept in {kept}" if kept else ""))
    return 0


def _check(file: Path) -> int:
    from xapid.store.copies import BackupError
    from xapid.store.restore import check

    try:
        found = check(file)
    except BackupError as error:
        print(f"xapid: {error}", file=sys.stderr)
        return 1
    for problem in found.problems:
        print(f"trouble: {problem}")
    for problem in found.mended:
        print(f"trouble: {problem}; the next start puts that right")
    for name, count in sorted(found.dangling.items()):
        print(f"note: {count} of {name} refer to what is not there")
    problems = len(found.problems) + len(found.mended)
    print(f"{file}: {found.objects.total()} objects, {problems} problems")
    return 1 if problems else 0


def _set_password(config: Config, user: str) -> int:
    from xapid.auth.passwords import PasswordFile

    try:
        PasswordFile(config.passwords).set(user, _asked_password(user))
    except ValueError as error:
        print(f"xapid: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"xapid: {config.passwords}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{config.passwords}: password of {user} set")
    return 0


def _asked_password(user: str) -> str:
    """What is typed on a terminal, twice the same, or comes on the standard input. Raises ValueError."""
    if sys.stdin.isatty():
        asked = getpass.getpass(f"New password of {user}: ")
        if asked and getpass.getpass("The same again: ") != asked:
            raise ValueError("the two are not the same; the password stays as it was")
    else:
        asked = sys.stdin.readline().rstrip("\n")
    if not asked:
        raise ValueError("an empty password is none")
    try:
        asked.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a password is text in UTF-8") from error
    return asked


def _look_for_trouble(config: Config, repairs: Sequence[str] | None, *, dry_run: bool) -> int:
    from xapid.cli.doctor import Grade, daemon_runs, examine
    from xapid.cli.findings import look

    findings = list(examine(config))
    for each in findings:
        print(f"{each.grade:8}{each.subject}: {each.text}")
    agree = look(config, repairs, runs=daemon_runs(config.state_dir), dry_run=dry_run)
    return 1 if not agree or any(each.grade is Grade.trouble for each in findings) else 0
