# SPDX-License-Identifier: Apache-2.0
"""What a command's arguments name: files, URLs and spelled-out fingerprints."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import track

from stemtide.fingerprints.kinds import Fingerprint, FingerprintError, Fingerprints, Kind

if TYPE_CHECKING:
    from stemtide.fingerprints.sandbox import Sandbox


class ContentNameError(ValueError):
    """An argument names no file, URL or fingerprint."""


@dataclass(frozen=True, slots=True)
class Named:
    """One argument and what it became. url is set where the argument was a URL."""

    name: str
    fingerprints: Fingerprints
    url: str = ""


def read_all(names: Iterable[str]) -> Iterator[Named]:
    """Fingerprint each file, URL ("https://…") or spelled fingerprint ("pdq:…").

    Shows progress on stderr where there are many and somebody looks.
    raises: ContentNameError naming the argument and the remedy.
    """
    from rich.console import Console

    from stemtide.fingerprints.sandbox import Sandbox

    wanted = list(names)
    shown = Console(stderr=True)
    with Sandbox() as sandbox:
        for name in track(
            wanted,
            description="Fingerprinting",
            console=shown,
            disable=len(wanted) < 10 or not shown.is_terminal,  # noqa: PLR2004  # a few are quick
            transient=True,
        ):
            yield _read(name, sandbox)


def _read(name: str, sandbox: "Sandbox") -> Named:
    """Fingerprint one argument."""
    kind, _, rest = name.partition(":")
    if kind in {Kind.PDQ, Kind.SHA256, Kind.MD5} and not Path(name).exists():
        return Named(name, spelled(Kind(kind), rest))
    if "://" in name:
        from stemtide.fingerprints.url import UrlError, fingerprint_url

        try:
            return Named(name, Fingerprints(each=(fingerprint_url(name),)), url=name)
        except UrlError as error:
            raise ContentNameError(str(error)) from error
    path = Path(name)
    if path.is_dir():
        raise ContentNameError(f"{name} is a folder: name the files in it, such as {name}/*")
    if not path.is_file():
        raise ContentNameError(
            f"{name} is no file here, no URL with its scheme, no fingerprint such as pdq:<64 hex>"
        )
    from stemtide.fingerprints.limits import ContentError

    try:
        return Named(name, sandbox.fingerprint(path))
    except (ContentError, OSError) as error:
        raise ContentNameError(f"{name}: {error}") from error


def spelled(kind: Kind, text: str) -> Fingerprints:
    """One fingerprint spelled out in hex."""
    from stemtide.fingerprints.kinds import parse_value

    try:
        return Fingerprints(each=(Fingerprint(kind=kind, value=parse_value(kind, text)),))
    except FingerprintError as error:
        raise ContentNameError(str(error)) from error
