"""Debian packages, fetched and unpacked without installing them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from xapid.backends.interface import BackendError, Unavailable
from xapid.backends.process import run

PATIENCE = 300.0
"""Seconds that one apt command may take."""


class PackageError(Exception):
    """A package cannot be had; the text says why, in one line."""


class Packages:
    """Packages from the mirrors that apt is configured for, kept in a folder. Needs no root; installs nothing.

    The system's lists of packages are used as they are. Where there are none, or their packages are gone from the
    mirror, fresh ones are fetched, for use within the ``with`` block only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lists: TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lists is not None:
            self._lists.cleanup()
            self._lists = None

    def fetch(self, name: str) -> Path:
        """The package's file; the one kept from before, if there is one. Raises PackageError."""
        return self._kept(name) or self._download(name)

    def fetch_dependency(self, meta: str, pattern: str) -> Path:
        """The file of the package that ``meta`` depends on, and whose name matches a regular expression.

        One that was kept is taken without asking the mirror which is the newest. Raises PackageError.
        """
        names = {path.name.split("_")[0] for path in self.folder.glob("*.deb")}
        if kept := sorted(name for name in names if re.fullmatch(pattern, name)):
            return self.fetch(kept[-1])
        description = self._apt("apt-cache", "show", "--no-all-versions", meta)
        depends = next((line for line in description.splitlines() if line.startswith("Depends: ")), "")
        for name in re.findall(r"[\w.+-]+", depends):
            if re.fullmatch(pattern, name):
                return self.fetch(name)
        raise PackageError(f"the package {meta} depends on nothing like {pattern}")

    def unpack(self, package: Path, into: Path) -> None:
        """Raises PackageError."""
        _run(["dpkg-deb", "--extract", str(package), str(into)], self.folder)

    def _kept(self, name: str) -> Path | None:
        return max(self.folder.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime, default=None)

    def _download(self, name: str) -> Path:
        self._apt("apt-get", "download", name)
        found = self._kept(name)
        if found is None:
            raise PackageError(f"apt-get brought no {name}")
        return found

    def _apt(self, program: str, *arguments: str) -> str:
        if self._lists is None:
            try:
                return _run([program, *_OPTIONS, *arguments], self.folder)
            except PackageError as error:
                self._lists = self._fresh_lists(error)
        return _run([program, *_OPTIONS, *_private(self._lists.name), *arguments], self.folder)

    def _fresh_lists(self, trouble: PackageError) -> TemporaryDirectory[str]:
        """``trouble``: what made them necessary, which is told if they cannot be had either."""
        lists = TemporaryDirectory(dir=self.folder, prefix="lists-")
        # Outside of its own folders apt makes none.
        Path(lists.name, "lists", "partial").mkdir(parents=True)
        try:
            _run(["apt-get", "update", *_OPTIONS, *_private(lists.name)], self.folder)
        except PackageError as error:
            lists.cleanup()
            same = str(error) == str(trouble)
            raise PackageError(str(error) if same else f"{trouble}; and fresh lists of packages: {error}") from error
        return lists


_OPTIONS = (
    # As root, apt would switch to a user of its own, who may not write into our folder.
    *("-o", "APT::Sandbox::User=root"),
    *("-o", "Acquire::http::Timeout=15"),
    *("-o", "Acquire::https::Timeout=15"),
    *("-o", "Acquire::Retries=1"),
    # Else an update that reaches no mirror ends as if all were well.
    *("-o", "APT::Update::Error-Mode=any"),
)


def _private(folder: str) -> tuple[str, ...]:
    return ("-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache")


def _run(command: Sequence[str], folder: Path) -> str:
    """What the command prints. Raises PackageError."""
    try:
        return run(command, timeout=PATIENCE, directory=folder)
    except Unavailable as error:
        raise PackageError(f"{error.message}; the demo guest is made of Debian packages") from error
    except BackendError as error:
        raise PackageError(error.message) from error
