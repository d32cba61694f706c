"""Files sent to a server, by curl: HTTP, HTTPS and FTP, through a proxy or not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from xapid.backends.interface import BadConfig, Failed
from xapid.backends.process import LONGEST, run

PROTOCOLS = "=http,https,ftp,ftps"
"""These and no others that curl speaks: by ``file`` it would write anywhere on this machine."""
REASONS = {
    "1": "the address is none that files can be sent to",
    "3": "the address is none that files can be sent to",
    "4": "the address is none that files can be sent to",
    "5": "the name of the proxy is not known",
    "6": "the name of the server is not known",
    "7": "nobody takes the connection",
    "9": "the server refuses access",
}
"""By curl's exit status."""


def send(url: str, proxy: str, name: str, make: Callable[[str], None]) -> None:
    """Send the file of this name that ``make`` writes. Raises BadConfig, and Failed with the reason."""
    with tempfile.TemporaryDirectory(prefix="xapid-") as folder:
        path = str(Path(folder) / name)
        lines = [
            f"url = {_quoted('url', url)}",
            f"upload-file = {_quoted('file', path)}",
            *([f"proxy = {_quoted('http_proxy', proxy)}"] if proxy else []),
            f'proto = "{PROTOCOLS}"',
            *("fail", "silent", "show-error", "globoff"),
        ]
        # Everybody sees the arguments of a command, and an address may hold a password.
        settings = Path(folder) / "curl.conf"
        settings.touch(mode=0o600)
        settings.write_text("\n".join(lines) + "\n")
        make(path)
        try:
            run(["curl", "--disable", "--config", os.fspath(settings)], timeout=LONGEST)
        except Failed as error:
            reason = REASONS.get(error.facts.get("status", ""))
            raise Failed(f"it cannot be sent: {reason or error.message}") from error


def _quoted(key: str, text: str) -> str:
    """A value of curl's configuration."""
    if not text.isprintable() or not text:
        raise BadConfig(f"{key} is one line of text", key=key, value=text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
