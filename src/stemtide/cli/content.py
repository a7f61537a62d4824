# SPDX-License-Identifier: Apache-2.0
"""Read the arguments of a command: files, folders, URLs and spelled-out fingerprints."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stemtide.fingerprints.analysis import AnalysisOptions, LanguageGuess
from stemtide.fingerprints.kinds import Fingerprint, FingerprintError, Fingerprints, Kind

if TYPE_CHECKING:
    from stemtide.fingerprints.sandbox.pool import Sandbox


class ContentNameError(ValueError):
    """An argument names no file, URL or fingerprint."""


@dataclass(frozen=True, slots=True)
class NamedContent:
    """One argument with its fingerprints; url is set if the argument was a URL.

    local: local features of a picture and of its mirror image, if they were requested.
    language: of a text, if it was requested and found.
    """

    name: str
    fingerprints: Fingerprints
    url: str = ""
    local: tuple[bytes, ...] = ()
    language: LanguageGuess | None = None


def read_all(
    names: Iterable[str], *, options: AnalysisOptions | None = None
) -> Iterator[NamedContent]:
    """Fingerprint files, files of folders, URLs ("https://…") and "pdq:…"; "-" is stdin.

    Shows progress on stderr, on a terminal, for many arguments or for one that takes long.

    options: outputs beside the fingerprints; None for none.
    raises:  ContentNameError naming the argument and the remedy.
    """
    from rich.console import Console
    from rich.progress import Progress

    from stemtide.fingerprints.sandbox.pool import Sandbox

    sources = [source for name in names for source in _expand(name)]
    shown = Console(stderr=True)
    with (
        Sandbox() as sandbox,
        Progress(console=shown, disable=not shown.is_terminal, transient=True) as bars,
    ):
        few = 10
        whole = bars.add_task("Fingerprinting", total=len(sources), visible=len(sources) >= few)
        one_bar = bars.add_task("", total=1, visible=False)

        def long(name: str) -> Callable[[float, float], None]:
            def show(done: float, total: float) -> None:
                bars.update(one_bar, description=name, completed=done, total=total, visible=True)

            return show

        for name in sources:
            yield _read(name, sandbox, options=options, progress=long(name))
            bars.update(one_bar, visible=False)
            bars.advance(whole)


def _expand(name: str) -> list[str]:
    """Return the files of a folder, sorted by name, or the argument itself."""
    path = Path(name)
    if not path.is_dir():
        return [name]
    files = sorted(str(file) for file in path.rglob("*") if file.is_file())
    if not files:
        raise ContentNameError(f"{name} is a folder without files")
    return files


def _read(
    name: str,
    sandbox: "Sandbox",
    *,
    options: AnalysisOptions | None,
    progress: Callable[[float, float], None],
) -> NamedContent:
    """Fingerprint one argument."""
    kind, _, rest = name.partition(":")
    if kind in {Kind.PDQ, Kind.SHA256, Kind.MD5} and not Path(name).exists():
        return NamedContent(name, spelled(Kind(kind), rest))
    if "://" in name:
        from stemtide.fingerprints.url.canonical import UrlError
        from stemtide.fingerprints.url.reach import fingerprints_of_url

        try:
            return NamedContent(name, fingerprints_of_url(name), url=name)
        except UrlError as error:
            raise ContentNameError(str(error)) from error
    path = Path(name)
    if name != "-" and not path.is_file():
        raise ContentNameError(
            f"{name} is not a file, a URL with its scheme or a fingerprint such as pdq:<64 hex>"
        )
    from stemtide.fingerprints.limits import ContentError

    try:
        content = sys.stdin.buffer.read() if name == "-" else path
        look = sandbox.analyse(content, options=options, progress=progress)
        return NamedContent(name, look.fingerprints, local=look.local, language=look.language)
    except (ContentError, OSError) as error:
        raise ContentNameError(f"{name}: {error}") from error


def spelled(kind: Kind, text: str) -> Fingerprints:
    """Parse one fingerprint spelled out in hex."""
    from stemtide.fingerprints.kinds import parse_value

    try:
        return Fingerprints(each=(Fingerprint(kind=kind, value=parse_value(kind, text)),))
    except FingerprintError as error:
        raise ContentNameError(str(error)) from error
