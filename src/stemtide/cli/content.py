# SPDX-License-Identifier: Apache-2.0
"""What a command's arguments name: files, URLs and spelled-out fingerprints."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stemtide.fingerprints.analysis import Asked
from stemtide.fingerprints.kinds import Fingerprint, FingerprintError, Fingerprints, Kind

if TYPE_CHECKING:
    from stemtide.fingerprints.sandbox.pool import Sandbox


class ContentNameError(ValueError):
    """An argument names no file, URL or fingerprint."""


@dataclass(frozen=True, slots=True)
class Named:
    """One argument and what it became. url is set where the argument was a URL.

    local: a picture's local features, and those of its mirror image, where they were asked for.
    """

    name: str
    fingerprints: Fingerprints
    url: str = ""
    local: tuple[bytes, ...] = ()


def read_all(names: Iterable[str], *, asked: Asked | None = None) -> Iterator[Named]:
    """Fingerprint each file, every file of each folder, URL ("https://…") or "pdq:…"; "-" is stdin.

    Shows progress on stderr where there are many, or where one takes long, and somebody looks.

    asked:  what is wanted beside the fingerprints; None: nothing.
    raises: ContentNameError naming the argument and the remedy.
    """
    from rich.console import Console
    from rich.progress import Progress

    from stemtide.fingerprints.sandbox.pool import Sandbox

    wanted = [one for name in names for one in _spread(name)]
    shown = Console(stderr=True)
    with (
        Sandbox() as sandbox,
        Progress(console=shown, disable=not shown.is_terminal, transient=True) as bars,
    ):
        few = 10
        whole = bars.add_task("Fingerprinting", total=len(wanted), visible=len(wanted) >= few)
        one_bar = bars.add_task("", total=1, visible=False)

        def long(name: str) -> Callable[[float, float], None]:
            def told(done: float, total: float) -> None:
                bars.update(one_bar, description=name, completed=done, total=total, visible=True)

            return told

        for name in wanted:
            yield _read(name, sandbox, asked=asked, progress=long(name))
            bars.update(one_bar, visible=False)
            bars.advance(whole)


def _spread(name: str) -> list[str]:
    """A folder's files, in the order of their names; anything else as it is."""
    path = Path(name)
    if not path.is_dir():
        return [name]
    files = sorted(str(one) for one in path.rglob("*") if one.is_file())
    if not files:
        raise ContentNameError(f"{name} is a folder without files")
    return files


def _read(
    name: str, sandbox: "Sandbox", *, asked: Asked | None, progress: Callable[[float, float], None]
) -> Named:
    """Fingerprint one argument."""
    kind, _, rest = name.partition(":")
    if kind in {Kind.PDQ, Kind.SHA256, Kind.MD5} and not Path(name).exists():
        return Named(name, spelled(Kind(kind), rest))
    if "://" in name:
        from stemtide.fingerprints.url.canonical import UrlError
        from stemtide.fingerprints.url.reach import fingerprints_of_url

        try:
            return Named(name, fingerprints_of_url(name), url=name)
        except UrlError as error:
            raise ContentNameError(str(error)) from error
    path = Path(name)
    if name != "-" and not path.is_file():
        raise ContentNameError(
            f"{name} is no file here, no URL with its scheme, no fingerprint such as pdq:<64 hex>"
        )
    from stemtide.fingerprints.limits import ContentError

    try:
        content = sys.stdin.buffer.read() if name == "-" else path
        look = sandbox.look(content, asked=asked, progress=progress)
        return Named(name, look.fingerprints, local=look.local)
    except (ContentError, OSError) as error:
        raise ContentNameError(f"{name}: {error}") from error


def spelled(kind: Kind, text: str) -> Fingerprints:
    """One fingerprint spelled out in hex."""
    from stemtide.fingerprints.kinds import parse_value

    try:
        return Fingerprints(each=(Fingerprint(kind=kind, value=parse_value(kind, text)),))
    except FingerprintError as error:
        raise ContentNameError(str(error)) from error
