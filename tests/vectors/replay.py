#!/usr/bin/env python3
"""Replay recorded API conversations against a server and tell where it answers differently.

    replay.py [--unix PATH] [--url http://HOST:PORT] [--user U] [--password P] [-k TEXT] [--classes A,B]
              [--transport xmlrpc|jsonrpc2|jsonrpc1] [-q | -v] [--fail-fast] [--list] [--json OUT] [FILES...]

Without FILES, all scenario files beside this program. Exit status: 0 all the same, 1 something differs,
2 the replay could not be done (no server there, no such file, nothing selected).
The format of the files is described in README.md beside this program.
"""

import argparse
import base64
import collections
import gzip
import hashlib
import io
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

# --- Templates: text with holes such as @{ref:vm} ---------------------------------------------------

KINDS = {
    "ref": r"OpaqueRef:(?!NULL)[^\s<>\"',;&]+",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "date": r"\d{4}-?\d\d-?\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?",
    "number": r"-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?",
    "mac": r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
    "token": r"\d+,\d+",
    "id": r"Ref:\d+",
    "text": r"[\s\S]*",
    "any": r"[\s\S]*",
    "map": r"(?!)",
    "list": r"(?!)",
    "bool": r"(?!)",
}
HOLE = re.compile(r"@@\{|@\{([a-z0-9_]+)(?::([A-Za-z0-9_]+))?\}", re.I)


class Unbound(Exception):
    """A step needs a value that no earlier step has captured."""


class Date(str):
    """A date that came in a <dateTime.iso8601> element."""


def fill(template, env):
    """The text of a template whose holes are all names of captured values."""

    def value(hole):
        if hole[0] == "@@{":
            return "@{"
        name = hole[2] or hole[1]
        if name not in env:
            raise Unbound(name)
        return str(env[name])

    return HOLE.sub(value, template)


def fill_all(value, env):
    if isinstance(value, str):
        return fill(value, env)
    if isinstance(value, list):
        return [fill_all(item, env) for item in value]
    if isinstance(value, dict):
        return {fill(key, env): fill_all(item, env) for key, item in value.items()}
    return value


def match_text(template, text, env):
    """Compare text with a template; new captures go to env. True when they agree."""
    pattern, names, at = "", [], 0
    for hole in HOLE.finditer(template):
        pattern += re.escape(template[at : hole.start()])
        at = hole.end()
        if hole[0] == "@@{":
            pattern += re.escape("@{")
            continue
        kind, name = (hole[1], hole[2]) if hole[1] in KINDS else (None, hole[1])
        if name in env:
            pattern += re.escape(str(env[name]))
        elif kind is None:
            return False
        else:
            pattern += f"({KINDS[kind]})"
            names.append((kind, name))
    found = re.fullmatch(pattern + re.escape(template[at:]), text)
    if not found:
        return False
    captured = {}
    for (kind, name), value in zip(names, found.groups()):
        if not name:
            continue
        taken = kind in ("ref", "uuid") and value in env.values()
        if captured.setdefault(name, value) != value or taken:
            return False
    env.update(captured)
    return True


# --- Comparison -------------------------------------------------------------------------------------

MISSING = object()


def short(value, limit=160):
    text = value if isinstance(value, str) and not isinstance(value, Date) else json.dumps(value, default=str)
    text = repr(text) if isinstance(value, str) else text
    return text if len(text) <= limit else text[: limit - 3] + "..."


def hole_kind(want):
    """The kind of a template that is one hole and nothing else."""
    found = HOLE.fullmatch(want)
    return found[1] if found and found[1] in KINDS else None


def diff(want, got, env, path="", loose=False):
    """The differences between a pattern and a value, as lines `path: expected X, got Y`."""
    shown = want["@seq"] if isinstance(want, dict) and "@seq" in want else want
    mismatch = [f"{path or 'value'}: expected {short(shown)}, got {short(got)}"]
    if isinstance(want, str):
        kind = hole_kind(want)
        if kind == "any":
            return []
        if kind in ("map", "list", "bool"):
            return [] if isinstance(got, {"map": dict, "list": list, "bool": bool}[kind]) else mismatch
        if kind == "number" and isinstance(got, (int, float)) and not isinstance(got, bool):
            return []
        if isinstance(got, Date) and not loose:
            return mismatch
        if loose and isinstance(got, (int, float)) and not isinstance(got, bool):
            got = str(got)
        return [] if isinstance(got, str) and match_text(want, got, env) else mismatch
    if isinstance(want, dict):
        return diff_map(want, got, env, path, loose, mismatch)
    if isinstance(want, list):
        return diff_bag(want, got, env, path, loose) if isinstance(got, list) else mismatch
    if loose and not isinstance(want, bool) and not isinstance(got, (bool, list, dict)):
        try:
            return [] if float(want) == float(got) else mismatch
        except (TypeError, ValueError):
            return mismatch
    return [] if type(want) is type(got) and want == got else mismatch


def diff_map(want, got, env, path, loose, mismatch):
    if "@date" in want:
        if not isinstance(got, Date) and not (loose and isinstance(got, str)):
            return mismatch
        return [] if match_text(want["@date"], str(got), env) else mismatch
    if "@one" in want:
        for choice in want["@one"]:
            trial = dict(env)
            if not diff(choice, got, trial, path, loose):
                env.update(trial)
                return []
        return mismatch
    if "@each" in want:
        if not isinstance(got, (list, dict)):
            return mismatch
        pairs = got.items() if isinstance(got, dict) else enumerate(got)
        lines = []
        for key, item in pairs:
            lines += diff(want["@each"], item, dict(env), f"{path}[{key}]", loose)
        return lines
    if "@seq" in want:
        if not isinstance(got, list) or len(got) != len(want["@seq"]):
            return mismatch
        lines = []
        for index, (left, right) in enumerate(zip(want["@seq"], got)):
            lines += diff(left, right, env, f"{path}[{index}]", loose)
        return lines
    if "@has" in want:
        if isinstance(want["@has"], list):
            return diff_bag(want["@has"], got, env, path, loose, True) if isinstance(got, list) else mismatch
        want, open_ended = want["@has"], True
    else:
        open_ended = bool(want.get("@open"))
        want = {key: item for key, item in want.items() if key != "@open"}
    if not isinstance(got, dict):
        return mismatch
    lines, rest = [], dict(got)
    unknown = []
    for key, item in want.items():
        if "@{" not in key:
            literal = key
        else:
            try:
                literal = fill(key, env)
            except Unbound:
                unknown.append((key, item))
                continue
        if literal in rest:
            lines += diff(item, rest.pop(literal), env, f"{path}.{literal}", loose)
        else:
            lines.append(f"{path}.{literal}: missing, expected {short(item)}")
    for key, item in unknown:  # a key that is captured here: the entry whose value fits best
        best = None
        for candidate, value in rest.items():
            trial = dict(env)
            if match_text(key, candidate, trial):
                found = diff(item, value, trial, f"{path}.{candidate}", loose)
                if best is None or len(found) < len(best[0]):
                    best = (found, candidate, trial)
        if best is None:
            lines.append(f"{path}.{key}: missing, expected {short(item)}")
        else:
            lines += best[0]
            env.update(best[2])
            del rest[best[1]]
    if not open_ended:
        lines += [f"{path}.{key}: unexpected, got {short(item)}" for key, item in rest.items()]
    return lines


def diff_bag(want, got, env, path, loose, open_ended=False):
    """Compare lists whose order does not matter."""
    left, rest = [], list(range(len(got)))
    places = {}  # ours: texts that can only be equal are looked up, or long lists take the square of their length
    for candidate in reversed(rest):
        if isinstance(got[candidate], str) and not isinstance(got[candidate], Date):
            places.setdefault(got[candidate], []).append(candidate)
    for index in sorted(range(len(want)), key=lambda i: captures(want[i], env)):
        if isinstance(want[index], str) and not captures(want[index], env):
            equal = [place for place in places.get(fill(want[index], env), ()) if place in rest]
            if equal:
                rest.remove(equal[-1])
                continue
        for candidate in rest:
            trial = env if isinstance(want[index], str) else dict(env)  # ours: a text captures only when it agrees
            if not diff(want[index], got[candidate], trial, path, loose):
                env.update(trial)
                rest.remove(candidate)
                break
        else:
            left.append(index)
    lines = []
    for index in left:  # pair what is left with what looks most alike
        best = None
        for candidate in rest:
            if isinstance(got[candidate], (dict, list)) and type(got[candidate]) is type(want[index]):
                found = diff(want[index], got[candidate], dict(env), f"{path}[{index}]", loose)
                if best is None or len(found) < len(best[0]):
                    best = (found, candidate)
        if best and not open_ended:
            lines += best[0]
            rest.remove(best[1])
        else:
            lines.append(f"{path}[]: missing {short(want[index])}")
    if not open_ended:
        lines += [f"{path}[]: unexpected {short(got[index])}" for index in rest]
    return lines


def captures(pattern, env):
    """How many holes of a pattern are still free: the fixed ones are matched first."""
    return sum(
        1 for hole in HOLE.finditer(json.dumps(pattern)) if hole[1] and (hole[2] or hole[1]) not in env
    )


# --- Wire formats -----------------------------------------------------------------------------------


def xml_value(value):
    if isinstance(value, bool):
        inner = f"<boolean>{int(value)}</boolean>"
    elif isinstance(value, int):
        inner = f"<int>{value}</int>"
    elif isinstance(value, float):
        inner = f"<double>{value!r}</double>"
    elif value is None:
        inner = "<nil/>"
    elif isinstance(value, list):
        inner = f"<array><data>{''.join(map(xml_value, value))}</data></array>"
    elif isinstance(value, dict) and "@date" in value:
        inner = f"<dateTime.iso8601>{escape(value['@date'])}</dateTime.iso8601>"
    elif isinstance(value, dict) and "@xml" in value:
        return value["@xml"]
    elif isinstance(value, dict):
        members = (
            f"<member><name>{escape(key)}</name>{xml_value(item)}</member>" for key, item in value.items()
        )
        inner = f"<struct>{''.join(members)}</struct>"
    else:
        inner = escape(value)
    return f"<value>{inner}</value>"


def xml_read(element):
    if len(element) == 0:
        return element.text or ""
    item = element[0]
    text = item.text or ""
    if item.tag == "struct":
        return {member.findtext("name"): xml_read(member.find("value")) for member in item}
    if item.tag == "array":
        return [xml_read(entry) for entry in item.find("data")]
    if item.tag == "dateTime.iso8601":
        return Date(text)
    if item.tag == "boolean":
        return text == "1"
    if item.tag in ("int", "i4", "i8"):
        return int(text)
    if item.tag == "double":
        return float(text)
    return None if item.tag == "nil" else text


def json_value(value):
    if isinstance(value, dict):
        return value["@date"] if "@date" in value else {key: json_value(item) for key, item in value.items()}
    return [json_value(item) for item in value] if isinstance(value, list) else value


def read_reply(body):
    """An XML-RPC or JSON reply as plain values."""
    if body.lstrip()[:1] == b"<":
        params = ElementTree.fromstring(body).findall("params/param/value")
        return xml_read(params[0]) if len(params) == 1 else [xml_read(item) for item in params]
    return json.loads(body)


def unseal(kind, data):
    """Undo a compression; the ending of a stream is not checked."""
    if kind == "gzip":
        return gzip.decompress(data)
    return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout


def read_xva(data):
    """The (name, size) of the members of an archive, and ova.xml as plain values."""
    members, tree = [], None
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            members.append((member.name, member.size))
            if member.name == "ova.xml":
                root = ElementTree.fromstring(archive.extractfile(member).read())
                tree = xml_read(root if root.tag == "value" else next(root.iter("value")))
    return members, tree


def make_body(recipe, blobs):
    """The bytes that a recipe stands for: text, hex, zeros, a repeated byte string, or a kept answer."""
    if recipe is None:
        return b""
    if "join" in recipe:
        return b"".join(make_body(part, blobs) for part in recipe["join"])
    if "kept" in recipe:
        return blobs[recipe["kept"]]
    if "zeros" in recipe:
        return bytes(recipe["zeros"])
    if "repeat" in recipe:
        unit = recipe["repeat"].encode("latin-1")
        return (unit * (recipe["length"] // len(unit) + 1))[: recipe["length"]]
    if "hex" in recipe:
        return bytes.fromhex(recipe["hex"])
    return recipe["text"].encode("utf-8")


class Closed(Exception):
    """The server closed the connection, or sent nothing for too long."""


def unchunk(data):
    """The content of a chunked body, and what follows it; None while its end has not come."""
    content, at = b"", 0
    while (end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:end].split(b";")[0], 16)
        if size == 0:
            tail = data.find(b"\r\n", end + 2) if data[end + 2 : end + 4] != b"\r\n" else end + 2
            return None if tail < 0 or len(data) < end + 4 else (content, data[tail + 2 :])
        if len(data) < end + 4 + size:
            return None
        content += data[end + 2 : end + 2 + size]
        at = end + 4 + size
    return None


class Connection:
    """One HTTP connection, kept open between requests."""

    timeout = 60

    def __init__(self, server):
        kind, address = server
        self.sock = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
        self.sock.settimeout(self.timeout)
        self.sock.connect(address)
        self.buffer = b""

    def close(self):
        self.sock.close()

    def receive(self):
        try:
            data = self.sock.recv(1 << 20)
        except TimeoutError:
            raise Closed("timeout") from None
        except OSError as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed("end of file")
        self.buffer += data

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass  # what the server said before it hung up is still to be read

    def response(self, head_only=False):
        """Status line, headers (lower-case names) and body of the next response."""
        while b"\r\n\r\n" not in self.buffer:
            self.receive()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if head_only:
            return status, headers, b""
        if "content-length" in headers:
            length = int(headers["content-length"])
            while len(self.buffer) < length:
                self.receive()
            body, self.buffer = self.buffer[:length], self.buffer[length:]
            return status, headers, body
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while (read := unchunk(self.buffer)) is None:
                self.receive()
            body, self.buffer = read
            return status, headers, body
        try:
            while len(self.buffer) < 1 << 22:
                self.receive()
        except Closed as ending:
            if str(ending) == "timeout":
                raise
        body, self.buffer = self.buffer, b""
        return status, headers, body


def http_post(connection, path, body, ctype="text/xml"):
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: replay\r\nContent-Type: {ctype}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection.send(head.encode() + body)
    return connection.response()


# --- Steps ------------------------------------------------------------------------------------------


def hopeless(outcome):
    """True for an answer that waiting will not change."""
    code = outcome["err"][0] if outcome.get("err") else None
    return not {"ok", "err"} & set(outcome) or code in ("MESSAGE_METHOD_UNKNOWN", "NOT_IMPLEMENTED", "SESSION_INVALID")


class Talk:
    """One scenario being replayed: its captured values and its connection."""

    patience = 60.0  # the longest wait for an answer to become the expected one, seconds

    def __init__(self, servers, transport, env):
        self.servers, self.override, self.env = servers, transport, env
        self.via = "xmlrpc"
        self.pinned = False
        self.server = servers[0]
        self.connection = None
        self.waiting = {}
        self.blobs = {}
        self.given = {}
        self.serial = 0

    def connect(self, fresh=False):
        if fresh:
            return Connection(self.server)
        if self.connection is None:
            self.connection = Connection(self.server)
        return self.connection

    def hang_up(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def transport(self, step):
        if self.override and not self.pinned and "via" not in step:
            return self.override
        return step.get("via", self.via)

    def post(self, path, body, ctype="text/xml", fresh=False):
        for attempt in (0, 1):
            reused = self.connection is not None and not fresh
            connection = self.connect(fresh)
            try:
                status, headers, reply = http_post(connection, path, body, ctype)
            except Closed:
                if not fresh:
                    self.hang_up()
                if reused and attempt == 0:
                    continue
                raise
            if fresh:
                connection.close()
            elif headers.get("connection", "").lower() == "close" or status.startswith("HTTP/1.0"):
                self.hang_up()
            return status, headers, reply

    def call(self, method, args, via, fresh=False):
        """Make one call; the outcome is {"ok": value}, {"err": [...]}, {"http": status} or {"bad": text}."""
        try:
            if via == "xmlrpc":
                params = "".join(f"<param>{xml_value(item)}</param>" for item in args)
                body = (
                    f'<?xml version="1.0"?><methodCall><methodName>{escape(method)}</methodName>'
                    f"<params>{params}</params></methodCall>"
                )
                status, _, reply = self.post("/", body.encode("utf-8", "surrogateescape"), fresh=fresh)
            else:
                self.serial += 1
                serial = self.serial  # ours: calls in the background go on while this connection makes others
                message = {"method": method, "params": json_value(args), "id": serial}
                if via == "jsonrpc2":
                    message["jsonrpc"] = "2.0"
                body = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogateescape")
                status, _, reply = self.post("/jsonrpc", body, "application/json", fresh)
            code = int(status.split()[1])
            if code != 200:
                return {"http": code}
            return self.outcome(read_reply(reply), via, None if via == "xmlrpc" else serial)
        except Closed as error:
            return {"bad": f"connection closed: {error}"}
        except OSError as error:
            return {"bad": f"cannot talk to the server: {error}"}
        except (ValueError, LookupError, AttributeError, TypeError, ElementTree.ParseError) as error:
            return {"bad": f"unreadable answer: {error!r}"}

    def outcome(self, reply, via, serial):
        if via == "xmlrpc":
            if not isinstance(reply, dict) or "Status" not in reply:
                return {"bare": reply}
            if reply["Status"] == "Success":
                return {"ok": reply["Value"]}
            return {"err": reply["ErrorDescription"]}
        if reply["id"] != serial:
            return {"bad": f"id {reply['id']!r} instead of {serial}"}
        if reply.get("error") is None:
            return {"ok": reply["result"]}
        error = reply["error"]
        return {"err": [error["message"], *error["data"]] if isinstance(error, dict) else error}

    # Every kind of step returns the list of its differences.

    def run(self, step):
        for kind in ("call", "join", "post", "raw", "http", "sweep", "sleep"):
            if kind in step:
                return getattr(self, f"step_{kind}")(step)
        raise ValueError(f"unknown kind of step: {step}")

    def step_sleep(self, step):
        time.sleep(step["sleep"])
        return []

    def step_call(self, step):
        method, args = fill(step["call"], self.env), fill_all(step.get("args", []), self.env)
        via = self.transport(step)
        if "background" in step:
            box = []
            thread = threading.Thread(
                target=lambda: box.append(self.call(method, args, via, fresh=True)), daemon=True
            )
            thread.start()
            self.waiting[step["background"]] = (thread, box, via)
            time.sleep(step.get("lead", 0.2))
            return []
        end = time.monotonic() + min(step.get("within", 0), self.patience)
        while True:
            trial = dict(self.env)
            outcome = self.call(method, args, via)
            lines = self.compare(step, outcome, trial, via)
            if not lines or time.monotonic() >= end or hopeless(outcome):
                self.env.update(trial)
                return lines
            time.sleep(0.1)

    def step_join(self, step):
        thread, box, via = self.waiting.pop(step["join"])
        thread.join(min(step.get("within", 60), max(self.patience, 2)))
        return self.compare(step, box[0], self.env, via) if box else ["no answer yet"]

    def compare(self, step, outcome, env, via):
        if step.get("free"):
            return []
        kind, got = next(iter(outcome.items()))
        expected = next((key for key in ("ok", "err", "http", "bare", "bad") if key in step), None)
        if expected == "bare" and kind == "ok" and via != "xmlrpc":
            kind = "bare"
        if expected != kind:
            return [f"expected {expected} {short(step.get(expected))}, got {kind} {short(got)}"]
        loose = via != step.get("via", self.via)
        want = {"@seq": step["err"]} if kind == "err" else step[expected]
        return diff(want, got, env, "" if kind != "err" else "err", loose)

    def step_post(self, step):
        """A body of our own making, and the whole reply compared."""
        body = fill(step["body"], self.env).encode(step.get("encoding", "utf-8"))
        try:
            status, headers, reply = self.post(step["post"], body, step.get("ctype", "text/xml"))
        except Closed as error:
            return [f"connection closed: {error}"]
        lines = []
        if int(status.split()[1]) != step.get("status", 200):
            lines.append(f"status: expected {step.get('status', 200)}, got {status}")
        lines += self.headers(step, headers)
        if "reply" in step and not lines:
            try:
                lines += diff(step["reply"], read_reply(reply), self.env, "reply")
            except (ValueError, AttributeError, ElementTree.ParseError):
                lines.append(f"reply: unreadable {short(reply.decode('utf-8', 'replace'))}")
        if "text" in step and not lines:
            lines += diff(step["text"], reply.decode("utf-8", "replace"), self.env, "text")
        return lines

    def headers(self, step, got):
        lines = []
        for name, value in step.get("headers", {}).items():
            found = got.get(name, "")
            if value is None:
                if name in got:
                    lines.append(f"header {name}: unexpected, got {short(found)}")
            elif name not in got:
                lines.append(f"header {name}: missing, expected {short(value)}")
            elif name in ("content-type", "connection", "cache-control"):
                lines += diff(value.lower(), found.lower(), self.env, f"header {name}")
            else:
                lines += diff(value, found, self.env, f"header {name}")
        return lines

    def step_raw(self, step):
        """Bytes sent as they are (one character is one byte), and what comes back."""
        connection = Connection(self.server)
        connection.sock.settimeout(step.get("timeout", 2))
        lines = []
        try:
            for index, part in enumerate(step["raw"]):
                connection.send(self.raw_bytes(part))
                silence = index == len(step["raw"]) - 1 and step.get("end", "").startswith("no answer")
                if "status" not in part and not silence:
                    continue
                status, headers, body = connection.response(part.get("head_only", False))
                if silence:
                    return lines + [f"expected {step['end']}, got {status}"]
                where = f"answer {index + 1}: "
                found = [] if status.startswith("HTTP/") else [f"no status line: {short(status)}"]
                code = status.split()[1:2]
                if code != [str(part["status"])]:
                    found.append(f"status: expected {part['status']}, got {status}")
                if "version" in part and status.split("/")[1][:3] != part["version"]:
                    found.append(f"version: expected {part['version']}, got {status}")
                found += self.headers(part, headers)
                if "body" in part:
                    found += diff(part["body"], body.decode("utf-8", "replace"), self.env, "body")
                lines += [where + line for line in found]
            if "end" in step and not lines:
                ending = self.ending(connection)
                if ending != step["end"]:
                    lines.append(f"connection: expected {step['end']}, got {ending}")
        except Closed as error:
            if step.get("end") != f"no answer, {'open' if str(error) == 'timeout' else 'closed'}":
                lines.append(f"no answer: {error}")
        finally:
            connection.close()
        return lines

    def http_exchange(self, step, env):
        """One request on a connection of its own, read to the end; None when there is no answer."""
        body = make_body(step.get("body"), self.blobs)
        head = f"{fill(step['http'], env)} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: replay\r\n"
        if step.get("body") is not None and not step.get("bare_body"):
            head += f"Content-Length: {len(body)}\r\n"
        if "basic" in step:
            word = base64.b64encode(fill(step["basic"], env).encode()).decode()
            head += f"Authorization: Basic {word}\r\n"
        for name, value in step.get("send_headers", {}).items():
            head += f"{name}: {fill(value, env)}\r\n"
        connection = Connection(self.server)
        connection.sock.settimeout(10)
        try:
            connection.send(head.encode() + b"\r\n" + body[: step.get("cut", len(body))])
            if "cut" in step or step.get("bare_body"):
                connection.sock.shutdown(socket.SHUT_WR)
            status, headers, _ = connection.response(head_only=True)
            limit = int(headers["content-length"]) if "content-length" in headers else 1 << 30
            chunked = headers.get("transfer-encoding", "").lower() == "chunked"
            try:
                while len(connection.buffer) < limit and not (chunked and unchunk(connection.buffer)):
                    connection.receive()
            except Closed:
                pass
            data = connection.buffer[:limit]
            if chunked:
                data = (unchunk(data) or (data, b""))[0]
        except Closed:
            return None
        finally:
            connection.close()
        if "keep" in step:
            self.blobs[step["keep"]] = data
        return status, headers, data

    def step_sweep(self, step):
        """Remove what a scenario left on its SRs, and the SRs; nothing here is compared."""

        def quiet(method, *args):
            return self.call(method, [self.env["session"], *args], "xmlrpc").get("ok")

        for sr in fill_all(step["sweep"], self.env):
            for vdi in quiet("SR.get_VDIs", sr) or []:
                for vbd in quiet("VDI.get_VBDs", vdi) or []:
                    vm = quiet("VBD.get_VM", vbd)
                    if quiet("VM.get_is_control_domain", vm) is not False:
                        continue
                    if quiet("VM.get_power_state", vm) != "Halted":
                        quiet("VM.hard_shutdown", vm)
                    quiet("VM.destroy", vm)
                quiet("VDI.destroy", vdi)
            for pbd in quiet("SR.get_PBDs", sr) or []:
                quiet("PBD.unplug", pbd)
            if quiet("SR.destroy", sr) is None:
                quiet("SR.forget", sr)
        return []

    def step_http(self, step):
        """A request to a handler: status, headers, and the body as text, by digest or as an XVA."""
        outcome = self.http_exchange(step, self.env)
        if outcome is None:
            return [] if step.get("end") == "no answer" else ["no answer"]
        if "end" in step:
            return [f"expected no answer, got {outcome[0]}"]
        status, headers, data = outcome
        if int(status.split()[1]) != step["status"]:
            return [f"status: expected {step['status']}, got {status}"]
        lines = self.headers(step, headers)
        try:
            if "unseal" in step and step["status"] == 200:
                data = unseal(step["unseal"], data)
            if "members" in step:
                members, tree = read_xva(data)
                lines += diff(step["members"], [f"{name} {size}" for name, size in members], self.env, "members")
                if "ova" in step:
                    lines += diff(step["ova"], tree, self.env, "ova.xml")
        except (ValueError, OSError, EOFError, tarfile.TarError, ElementTree.ParseError) as error:
            lines.append(f"unreadable body: {error!r}")
        if "length" in step and len(data) != step["length"]:
            lines.append(f"length: expected {step['length']}, got {len(data)}")
        if "sha256" in step and hashlib.sha256(data).hexdigest() != step["sha256"]:
            lines.append("content differs")
        if "text" in step:
            lines += diff(step["text"], data.decode("utf-8", "replace"), self.env, "text")
        return lines

    def raw_bytes(self, part):
        body = fill(part.get("payload", ""), self.env).encode("latin-1")
        return fill(part["send"], {**self.env, "length": str(len(body))}).encode("latin-1") + body

    @staticmethod
    def ending(connection):
        connection.sock.settimeout(0.4)
        try:
            while True:
                connection.receive()
        except Closed as ending:
            return "open" if str(ending) == "timeout" else "closed"


# --- Files and reports ------------------------------------------------------------------------------

RESULTS = ("same", "different", "unsupported")
LOCATIONS = ("sr_location", "iso_location")


def title(step):
    what = step.get("call") or step.get("post") or step.get("join") or step.get("http")
    if "raw" in step:
        what = step["raw"][0]["send"].split("\r\n")[0]
    return f"{next(iter(step))} {what or ''}".strip()[:100]


def replay_scenario(scenario, talk, user, password):
    """Yield (step, result, differences); result is same, different or unsupported."""
    talk.via, talk.pinned = scenario.get("via", "xmlrpc"), scenario.get("pinned", False)
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    talk.env.update({"user": user, "password": password, "basic": basic, **talk.given})
    outcome = talk.call("session.login_with_password", [user, password, "2.23", "replay"], talk.override or talk.via)
    login = [] if isinstance(outcome.get("ok"), str) else [f"login: {short(outcome)}"]
    if not login:
        talk.env["session"] = outcome["ok"]
    for step in scenario["steps"]:
        if login:
            yield step, "different", login
            continue
        try:
            lines = talk.run(step)
        except (Unbound, KeyError) as missing:
            name = str(missing).strip("'")
            why = f"give --set {name}=DIR" if name in LOCATIONS else "which was not captured"
            yield step, "unsupported", [f"needs {name}, {why}"]
            continue
        except OSError as error:
            lines = [f"cannot talk to the server: {error}"]
        except (ValueError, IndexError, AttributeError, TypeError, ElementTree.ParseError) as error:
            lines = [f"unreadable answer: {error!r}"]
        yield step, "different" if lines else "same", lines
    talk.call("session.logout", [talk.env.get("session", "")], talk.override or talk.via)
    talk.hang_up()


def choose(scenario, servers):
    needs = scenario.get("needs")
    return next((server for server in servers if needs in (None, server[0])), None)


def unreachable(server):
    """Why no connection can be made, or None."""
    try:
        Connection(server).close()
    except OSError as error:
        where = server[1] if server[0] == "unix" else "http://{}:{}".format(*server[1])
        return f"no server at {where}: {error.strerror or error}"
    return None


def classes_of(scenario):
    """The classes whose messages a scenario calls, the two calls that most begin with left out."""
    calls = {HOLE.sub("", step["call"]) for step in scenario["steps"] if "call" in step}
    calls = {call.removeprefix("Async.").removeprefix("InternalAsync.") for call in calls}
    return {call.split(".")[0] for call in calls - {"host.get_all", "pool.get_all"} if "." in call}


def wanted(scenario, full, options):
    """Whether the options select a scenario."""
    if options.k not in full:
        return False
    found = classes_of(scenario)
    if options.classes and not found & set(options.classes.split(",")):
        return False
    return not options.only_classes or found <= {"session", "task", *options.only_classes.split(",")}


def read_files(names):
    """The (label, scenarios) of files and of the files in folders."""
    here = os.path.dirname(os.path.abspath(__file__))
    for name in names or [here]:
        inside = sorted(os.listdir(name)) if os.path.isdir(name) else [None]
        for path in (name if item is None else os.path.join(name, item) for item in inside):
            if not path.endswith((".json", ".json.gz")):
                continue
            with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
                content = json.load(file)
            if "scenarios" not in content:
                raise ValueError(f"{path}: no scenarios in it (xe transcripts are for replay_xe.py)")
            yield os.path.basename(path).removesuffix(".gz").removesuffix(".json"), content["scenarios"]


class Report:
    """The results so far, and what is printed of them."""

    shown = 10  # differing steps named per scenario; -v names all

    def __init__(self, options):
        self.options = options
        self.began = time.monotonic()
        self.total = collections.Counter()
        self.whole = collections.Counter()
        self.methods = collections.Counter()
        self.lacking = set()
        self.steps = []

    def file(self, label, before, seconds):
        count, whole = self.total - before[0], self.whole - before[1]
        if sum(count.values()):
            print(f"{label}: {tally(count)}; {whole['same']} of {sum(whole.values())} scenarios the same ({seconds:.1f} s)")

    def scenario(self, label, scenario, steps):
        """Take note of the steps of a scenario; True when one differs."""
        full, found = f"{label}/{scenario['name']}", collections.Counter()
        for number, (step, result, lines) in enumerate(steps, 1):
            found[result] += 1
            self.total[result] += 1
            self.steps.append(
                {"file": label, "scenario": scenario["name"], "step": number, "what": title(step),
                 "result": result, "differences": lines}
            )  # fmt: skip
            if result == "unsupported":
                self.lacking |= {name for name in LOCATIONS if f"--set {name}=" in lines[0]}
            if result == "different":
                self.methods[step.get("call") or title(step)] += 1
            if self.options.v or result == "different" and not self.options.q and found[result] <= self.shown:
                print(f"{result} {full} #{number} {title(step)}")
                for line in lines if self.options.v else lines[:6]:
                    print(f"    {line if self.options.v else line[:400]}")
            if result == "different" and self.options.fail_fast:
                break
        hidden = found["different"] - self.shown
        if hidden > 0 and not self.options.v and not self.options.q:
            print(f"    ... and {hidden} more steps of this scenario differ (-v names them)")
        self.whole["same" if set(found) <= {"same"} else "not"] += 1
        return found["different"] > 0

    def end(self):
        often = self.methods.most_common(10)
        if self.options.q and often:
            print("differ most: " + ", ".join(f"{name} ({count})" for name, count in often))
        for name in sorted(self.lacking):
            print(f"steps left out for want of --set {name}=DIR (README.md says what it is)")
        if self.options.json:
            total = {key: self.total[key] for key in RESULTS}
            with open(self.options.json, "w", encoding="utf-8") as file:
                json.dump({"total": total, "steps": self.steps}, file, indent=1, default=str)
        print(
            f"{sum(self.total.values())} steps: {tally(self.total)}; {self.whole['same']} of "
            f"{sum(self.whole.values())} scenarios the same; {time.monotonic() - self.began:.1f} s"
        )


def tally(count):
    return ", ".join(f"{count[key]} {key}" for key in RESULTS)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], epilog="Exit status: 0 same, 1 different, 2 not done.")
    parser.add_argument("files", nargs="*", help="scenario files or folders; default: those beside this program")
    parser.add_argument("--unix", metavar="PATH", help="socket of the server")
    parser.add_argument("--url", help="http://HOST:PORT of the server")
    parser.add_argument("--user", default="root")
    parser.add_argument("--password", default="")
    parser.add_argument("--transport", choices=("xmlrpc", "jsonrpc2", "jsonrpc1"), help="for all call steps")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="value of a hole")
    parser.add_argument("-k", metavar="TEXT", default="", help="only scenarios whose file/name contains TEXT")
    parser.add_argument("--classes", metavar="A,B", help="only scenarios that call one of these classes")
    parser.add_argument("--only-classes", metavar="A,B", help="only scenarios that call no others (but session, task)")
    parser.add_argument("--list", action="store_true", help="name the selected scenarios and their classes; no replay")
    parser.add_argument("--fail-fast", action="store_true", help="stop at the first step that differs")
    parser.add_argument("--strict", action="store_true", help="unsupported steps give exit status 1 too")
    parser.add_argument("--wait", metavar="SECONDS", type=float, default=Talk.patience, help="cap on waiting for a state")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=60, help="silence that ends a call")
    parser.add_argument("-v", action="store_true", help="name the same steps too; show whole differences")
    parser.add_argument("-q", action="store_true", help="only a line per file and the methods that differ most")
    parser.add_argument("--json", metavar="OUT", help="write the results of all steps")
    options = parser.parse_args()
    options.servers = []
    if options.unix:
        options.servers.append(("unix", options.unix))
    if options.url:
        parts = urllib.parse.urlsplit(options.url)
        if parts.scheme != "http" or not parts.hostname:
            parser.error("--url takes http://HOST:PORT")
        options.servers.append(("tcp", (parts.hostname, parts.port or 80)))
    if not options.servers and not options.list:
        parser.error("give --unix or --url")
    if any("=" not in item for item in options.set):
        parser.error("--set takes NAME=VALUE")
    return options


def name_scenarios(files, options):
    count = steps = 0
    for label, scenarios in files:
        for scenario in scenarios:
            full = f"{label}/{scenario['name']}"
            if wanted(scenario, full, options):
                needs = f" (needs {scenario['needs']})" if "needs" in scenario else ""
                print(f"{full}: {len(scenario['steps'])} steps{needs}; {' '.join(sorted(classes_of(scenario)))}")
                count, steps = count + 1, steps + len(scenario["steps"])
    print(f"{count} scenarios, {steps} steps")
    return 0 if count else 2


def replay_files(files, options, report):
    for label, scenarios in files:
        before, began = (report.total.copy(), report.whole.copy()), time.monotonic()
        for scenario in scenarios:
            full = f"{label}/{scenario['name']}"
            if not wanted(scenario, full, options):
                continue
            server = choose(scenario, options.servers)
            if server is None:
                report.total["unsupported"] += len(scenario["steps"])
                report.whole["not"] += 1
                print(f"unsupported {full}: needs {'--url' if scenario['needs'] == 'tcp' else '--unix'}")
                continue
            if reason := unreachable(server):
                raise ConnectionError(f"{reason} (before {full})")
            talk = Talk([server], options.transport, {})
            talk.given = dict(item.split("=", 1) for item in options.set)
            steps = replay_scenario(scenario, talk, options.user, options.password)
            if report.scenario(label, scenario, steps) and options.fail_fast:
                return
        report.file(label, before, time.monotonic() - began)


def main():
    options = arguments()
    Talk.patience, Connection.timeout = options.wait, options.timeout
    report = Report(options)
    try:
        files = list(read_files(options.files))
        if options.list:
            return name_scenarios(files, options)
        if reason := next(filter(None, map(unreachable, options.servers)), None):
            raise ConnectionError(reason)
        replay_files(files, options, report)
    except BrokenPipeError:  # the reader of our output has gone
        return 2
    except (OSError, ValueError) as error:
        print(f"replay.py: {error}", file=sys.stderr)
        if report.total:
            report.end()
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        report.end()
        return 2
    report.end()
    if not report.total:
        print("replay.py: no scenario selected", file=sys.stderr)
        return 2
    return 1 if report.total["different"] or options.strict and report.total["unsupported"] else 0


if __name__ == "__main__":
    sys.exit(main())
