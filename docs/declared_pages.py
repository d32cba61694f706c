"""A part of Sphinx's build: writes the pages of the reference, and the man pages, from the declarations in the code."""

from __future__ import annotations

import argparse
import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xapid.auth.permissions import roles_of
from xapid.cli.server_command import DESCRIPTION, EPILOG, parser
from xapid.datamodel import errors
from xapid.datamodel.diagnostics import Diagnostics
from xapid.datamodel.errors import ApiError, OtherError
from xapid.datamodel.http_actions import HTTP_ACTIONS
from xapid.datamodel.implicit import all_messages, messages_of
from xapid.datamodel.map_keys import all_keys
from xapid.datamodel.meanings import meanings
from xapid.datamodel.own import Own
from xapid.datamodel.roles import HIGHEST_FIRST
from xapid.datamodel.types import CLASSES, ClassSpec, Field, Lifecycle, MessageSpec, Param, State, api_enum_name
from xapid.runtime.config import CONFIG_FILE, Config
from xapid.runtime.settings import Setting, as_toml, declared, tables

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
REFERENCE = HERE / "reference"
"""All of it is made here, and none of it is kept in the repository."""
TOML = CONFIG_FILE.name


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", lambda _: write(REFERENCE))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write(directory: Path) -> None:
    """Write every page, in reStructuredText. What is as it was is left as it is: it need not be read again."""
    written = {directory / name: "\n".join(lines) + "\n" for name, lines in pages()}
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    for path in directory.rglob("*.rst"):
        if path not in written:
            path.unlink()


def pages() -> Iterator[tuple[str, list[str]]]:
    """Every page, as the name of its file and its lines."""
    classes = [cls.spec for cls in (*CLASSES.values(), Diagnostics, Own)]
    yield "index.rst", list(_index(sorted((spec.name for spec in classes), key=str.lower)))
    for spec in classes:
        yield f"classes/{spec.name}.rst", list(_class(spec))
    yield "errors.rst", list(_errors())
    yield "map_keys.rst", list(_map_keys())
    yield "http.rst", list(_http())
    yield "roles.rst", list(_roles())
    yield "configuration.rst", list(_configuration("Settings"))
    yield "man/xapid.rst", list(_command())
    yield f"man/{TOML}.rst", list(_configuration(TOML))


# --- Marks of reStructuredText -----------------------------------------------------------------------


def _text(text: str) -> str:
    """Words of ours; a text in backticks stays a literal."""
    text = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", text)
    parts = re.split(r"(``[^`]+``)", text)
    return "".join(part if part.startswith("``") else re.sub(r"([*`|\\_])", r"\\\1", part) for part in parts)


def _literal(text: object) -> str:
    shown = str(text)
    return f"``{shown}``" if shown.strip() == shown and shown else _text(repr(shown))


def _title(text: str, line: str = "=") -> list[str]:
    shown = _text(text)
    return ["", shown, line * len(shown), ""]


def _entry(head: str, body: Iterable[str]) -> list[str]:
    """One entry of a definition list; ``body`` are paragraphs."""
    lines = [head]
    for paragraph in body:
        lines += [*(f"   {line}" for line in paragraph.splitlines()), ""]
    return [*lines, ""] if len(lines) == 1 else lines


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"* {item}" for item in items)


def _class_link(name: str) -> str:
    return f":doc:`{name} </reference/classes/{name}>`"


def _error_link(name: str) -> str:
    return f":ref:`{name} <error-{name}>`"


# --- The API -----------------------------------------------------------------------------------------


def _index(classes: Sequence[str]) -> Iterator[str]:
    yield from _title("Reference")
    yield "Written from the declarations in the code. Names, types and codes are those of the XenAPI."
    for caption, names in (
        ("General", ("errors", "roles", "map_keys", "http", "configuration", "man/xapid", f"man/{TOML}")),
        ("Classes", tuple(f"classes/{name}" for name in classes)),
    ):
        yield from ("", ".. toctree::", "   :maxdepth: 1", f"   :caption: {caption}", "")
        yield from (f"   {name}" for name in names)


def _class(spec: ClassSpec) -> Iterator[str]:
    yield from _title(spec.name)
    yield _text(spec.doc)
    yield from ("", *_life(spec.life))
    fields = list(spec.fields.values())
    if fields:
        yield from _title("Fields", "-")
        for each in fields:
            yield from _field(each)
    for enum in spec.enums.values():
        yield from _title(f"Values of {api_enum_name(enum)}", "-")
        yield from (_text(inspect.getdoc(enum) or ""), "")
        said = meanings(enum)
        for value in enum:
            yield from _entry(_literal(value.value), [_text(said.get(value.value, ""))])
    messages = list(messages_of(spec).values())
    for title, implicit in (("Messages", False), ("Messages that follow from the fields", True)):
        chosen = [each for each in messages if each.implicit is implicit]
        if chosen:
            yield from _title(title, "-")
            for message in chosen:
                yield from _message(all_messages()[f"{spec.name}.{message.name}"])


def _field(field: Field) -> list[str]:
    facts = [f"Type {_literal(field.type)}", field.kind.value]
    if field.kind.value != "RO/runtime" and not field.mandatory:
        facts.append(f"default {_default(field.empty)}")
    facts += ["never stored"] if not field.persistent else []
    facts += [f"the other end of {_literal(field.inverse_of)}"] if field.inverse_of else []
    keys = [f"key {_literal(key)} may be set by {_least(roles)} and above" for key, roles in field.key_roles.items()]
    return _entry(f"``{field.name}``", [_text(field.doc), "; ".join([*facts, *keys]) + ".", *(_life(field.life))])


def _default(value: object) -> str:
    if isinstance(value, bool):
        return f"``{str(value).lower()}``"
    return _literal(value) if value not in ("", (), {}) else "empty"


def _message(message: MessageSpec) -> list[str]:
    params = ", ".join(f"{each.type} {each.name}" for each in message.all_params)
    body = [_text(message.doc)]
    described = [f"``{each.name}``: {_param(each)}" for each in message.params]
    if described:
        body.append(_list(described))
    if message.result_doc:
        body.append(f"Answer: {_text(message.result_doc)}")
    roles = roles_of(message)
    least = "everybody" if message.owner == Own.spec.name else "the local superuser only"
    allowed = f"{_least(roles)} and above" if roles else least
    body.append(f"Allowed to: {allowed}." if message.session else "Needs no session.")
    if message.errors:
        body.append("Errors: " + ", ".join(_error_link(each) for each in message.errors) + ".")
    return _entry(f"``{message.result} {message.method}({params})``", [*body, *_life(message.life)])


def _param(param: Param) -> str:
    left_out = f" If left out: {_default(param.default)}." if param.optional else ""
    return _text(param.doc) + left_out


def _least(roles: Sequence[str]) -> str:
    ranked = [each for each in HIGHEST_FIRST if each in roles]
    return f"``{ranked[-1]}``" if ranked else _literal(", ".join(roles)) if roles else "nobody"


def _life(life: Lifecycle) -> list[str]:
    said = [f"Since {life.since}."] if life.since and life.since != "rio" else []
    if life.state is State.prototyped:
        said.append("A prototype: it may change.")
    if life.deprecated:
        said.append(f"Deprecated since {life.deprecated}.")
    if life.removed or life.state is State.removed:
        said.append(f"Removed in {life.removed}." if life.removed else "Removed.")
    return [_text(" ".join(said))] if said else []


def _errors() -> Iterator[str]:
    yield from _title("Errors")
    yield "Each with the parameters that follow its code in ``ErrorDescription``."
    yield ""
    for name, cls in sorted(vars(errors).items()):
        if not (isinstance(cls, type) and issubclass(cls, ApiError)) or cls in (ApiError, OtherError):
            continue
        yield from (f".. _error-{name}:", "", *_title(name, "-"), _text(inspect.getdoc(cls) or ""), "")
        yield f"Parameters: {', '.join(_literal(each) for each in cls.params) or 'none'}."
        yield ""


def _map_keys() -> Iterator[str]:
    yield from _title("Keys of maps")
    yield (
        "Keys of ``other_config`` and of other maps that the daemon acts on. A value that a key cannot have is refused "
        "when it is written, or, where that is said, when it is used. Every other key is a free label of its client."
    )
    for place, keys in groupby(all_keys(), key=lambda key: f"{key.owner}.{key.field}"):
        yield from _title(place, "-")
        for key in keys:
            facts = f"Value: {_text(key.kind.words)}. If not set: {_default(key.default)}."
            late = " Checked when it is used." if key.late else ""
            roles = CLASSES[key.owner].spec.fields[key.field].roles or CLASSES[key.owner].spec.roles
            yield from _entry(
                f"``{key.name}``", [_text(key.doc), f"{facts}{late} Written by {_least(roles)} and above."]
            )


def _http() -> Iterator[str]:
    yield from _title("HTTP handlers")
    yield "Beside the calls over XML-RPC and JSON-RPC. See :doc:`/coverage` for what is not there yet."
    yield ""
    for each in HTTP_ACTIONS:
        body = [_text(each.doc), _permission(each.name, each.roles)]
        if each.query:
            body.append("Query: " + ", ".join(f"``{name}`` ({kind})" for name, kind in each.query) + ".")
        body += [_permission(f"{each.name}/{sub}", roles) for sub, roles in each.sub_actions.items()]
        yield from _entry(f"``{each.method} {each.path}``", body)


def _permission(name: str, roles: Sequence[str]) -> str:
    return f"Permission ``http/{name}``, for {_least(roles)} and above." if roles else "For root on the host alone."


def _roles() -> Iterator[str]:
    yield from _title("Roles")
    yield "The highest first. Each may do what those below it may."
    yield ""
    messages = [each for each in all_messages().values() if each.owner != Own.spec.name and not each.implicit]
    for role in HIGHEST_FIRST:
        own = [each.method for each in messages if roles_of(each) and _least(roles_of(each)) == f"``{role}``"]
        yield from _title(role, "-")
        named = ", ".join(_literal(each) for each in own) or "nothing"
        yield f"Beside what follows from the fields of classes: {named}."


# --- The command and its settings --------------------------------------------------------------------


def _command() -> Iterator[str]:
    yield from _title("xapid")
    yield from _title("Synopsis", "-")
    for usage in _usages(parser()):
        yield f"| {usage}"
    yield from _title("Description", "-")
    yield _text(DESCRIPTION)
    yield from _title("Commands", "-")
    commands = list(_commands(parser()))
    taken_by = Counter(name for _, _, each in commands for action in each._actions for name in action.option_strings)
    everywhere: dict[str, argparse.Action] = {}
    for command, help_, each in commands:
        own = []
        for action in each._actions:
            if any(taken_by[name] > 1 for name in action.option_strings):
                everywhere[_form(action)] = action
            else:
                own.append(f"``{_form(action)}``: {_text(action.help or '')}")
        yield from _entry(f"**{command}**", [_text(help_), *([_list(own)] if own else [])])
    yield from _title("Options", "-")
    of_none = {_form(action): action for action in parser()._actions if "--version" in action.option_strings}
    for form, action in {**everywhere, **of_none}.items():
        yield from _entry(f"**{_text(form)}**", [_text(action.help or "")])
    yield from _title("Settings", "-")
    paragraph, example = EPILOG.strip().split("\n\n")
    yield from (_text(paragraph), "", "::", "", f"   {example.strip()}")
    yield from _title("Exit status", "-")
    yield "0 when all went well; 1 when the command found trouble or failed; 2 for an option or setting that is wrong."
    yield from _title("Files", "-")
    for path, says in (
        (str(CONFIG_FILE), f"The settings; see {TOML}(5)."),
        (str(Config().state_dir), "The database, the certificate, the password file, the audit log, local disks."),
        *((str(path), "The socket for callers on this host.") for path in Config().unix),
    ):
        yield from _entry(f"**{path}**", [says])
    yield from _title("See also", "-")
    yield f"{TOML}(5), systemd(1), journalctl(1)"


def _usages(parent: argparse.ArgumentParser) -> Iterator[str]:
    for command, _, each in _commands(parent):
        arguments = [_form(one) for one in each._actions if not one.option_strings]
        yield _text(" ".join(["xapid", command, "[OPTION]...", *arguments]))


def _form(action: argparse.Action) -> str:
    """As it is written in a command: what may be left out in brackets."""
    value = str(action.metavar or action.dest) if action.nargs != 0 else ""
    value = {"?": f"[{value}]", "*": f"[{value}...]"}.get(str(action.nargs), value)
    return " ".join(filter(None, (", ".join(action.option_strings), value)))


def _commands(parent: argparse.ArgumentParser, above: str = "") -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Every command with what it does: those of commands that have some of their own, too."""
    for action in parent._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        says = {each.dest: each.help or "" for each in action._choices_actions}
        for name, each in action.choices.items():
            below = list(_commands(each, f"{above}{name} "))
            yield from below or [(f"{above}{name}", says[name], each)]


def _configuration(title: str) -> Iterator[str]:
    yield from _title(title)
    yield from _title("Description", "-")
    yield (
        f"The settings of xapid, read at its start from ``{CONFIG_FILE}``, or from the file named by ``--config`` or "
        "``XAPID_CONFIG``, in TOML. A flag goes before a variable of the environment, a variable before the file. A "
        "setting that there is not, or a value that cannot be used, keeps the daemon from starting, with a reason."
    )
    yield from _title("Settings", "-")
    for table, settings in groupby(declared(Config), key=lambda each: each.table):
        if table:
            yield from _title(f"[{table}]", "~")
            yield from (_text(tables(Config)[table]), "")
        for each in settings:
            yield from _entry(f"**{_text(each.key)}** = ``{as_toml(each.default)}``", _setting(each))
    yield from _title("See also", "-")
    yield "xapid(8)"


def _setting(setting: Setting) -> list[str]:
    names = [f"``{setting.variable}``"] + ([f"``{setting.option} {setting.flag}``"] if setting.flag else [])
    least = f" At least {setting.least:g}." if setting.least is not None else ""
    least += f" Written as {setting.form.words}." if setting.form is not None else ""
    return [f"{_text(setting.doc)}{least} Also {' or '.join(names)}."]
