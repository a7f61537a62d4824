# SPDX-License-Identifier: Apache-2.0
"""stemtide signal export: what your party may see, as a file, streamed."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from stemtide.cli.commands.signals.signal import signal
from stemtide.cli.commands.signals.source import BulkForm, check_pyarrow, form_of
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking
from stemtide.cli.output import fail, tell
from stemtide.fingerprints.kinds import Kind

if TYPE_CHECKING:
    import httpx

    from stemtide.cli.commands.signals.writers import Writer

_BARE = frozenset({BulkForm.TX, BulkForm.VPDQ})
"""Forms that say nothing of a signal but its value."""


@signal.command("export")
def export_signals(
    to: Annotated[
        str, typer.Option("--to", metavar="FILE", help="The file to write; stdout if none.")
    ] = "-",
    form: Annotated[
        BulkForm | None, typer.Option("--format", help="If the file's name does not say so.")
    ] = None,
    crisis: Annotated[str, typer.Option(help="Only of this crisis: its id.")] = "",
    kind: Annotated[list[Kind] | None, typer.Option(help="Only of this kind; several.")] = None,
    since: Annotated[
        str, typer.Option(metavar="POSITION|TIME", help="Only what changed since.")
    ] = "",
    withdrawn: Annotated[
        bool, typer.Option("--withdrawn", help="Also what was withdrawn or expired, marked so.")
    ] = False,
    exercise: Annotated[bool, typer.Option("--exercise", help="Exercise signals too.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
) -> None:
    """Write the signals that your party may see to a file, with their marks.

    TLP, PAP and audience bind whoever gets the file. vPDQ and the lines of tx cannot say them.
    """
    form = form or (BulkForm.JSONL if to == "-" else form_of(to, what="--to"))
    if form in _BARE and (withdrawn or exercise):
        fail(f"{form} cannot say that a signal is an exercise or has ended: leave it out", code=2)
    if form is BulkForm.PARQUET:
        check_pyarrow()
        if to == "-":
            fail("Parquet is written to a file: say --to FILE", code=2)
    from stemtide.client.calls import signals

    after, moment = _since(since)
    question = signals.export_signals(
        format="jsonl",
        crisis=crisis or None,
        kind=kind,
        after=after,
        since=moment,
        withdrawn=withdrawn,
        exercise=exercise,
    )
    with (
        asking(hub, key) as client,
        client.opened(question) as answer,
        _written(to) as file,
    ):
        _copy(answer, file, form, hub=hub)


def _since(text: str) -> tuple[int | None, datetime | None]:
    """What --since asks of the hub: after a position, or since a moment."""
    if not text:
        return None, None
    if text.isdecimal():
        return int(text), None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--since {text!r} is not understood: write a feed position or an ISO time", code=2)
    return None, moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@contextmanager
def _written(to: str) -> Iterator[BinaryIO]:
    """The file to write: it takes its name once it is whole, and nobody else reads it."""
    part = Path(f"{to}.part")
    try:
        if to == "-":
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        try:
            with os.fdopen(
                os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
            ) as file:
                yield file
            part.replace(to)
        finally:
            part.unlink(missing_ok=True)
    except BrokenPipeError:  # whoever reads has enough
        raise
    except OSError as error:
        where = "stdout" if to == "-" else part
        fail(f"{where} cannot be written: {error.strerror or error}")


def _copy(answer: "httpx.Response", file: BinaryIO, form: BulkForm, *, hub: str) -> None:
    """Write what the hub sends, and say what it is. raises: AnswerError."""
    import msgspec

    from stemtide.cli.commands.signals.writers import Head, writer
    from stemtide.client import AnswerError
    from stemtide.protocol.files.columns import HUB_HEADER, POSITION_HEADER

    if not {HUB_HEADER.lower(), POSITION_HEADER.lower()} <= set(answer.headers):
        raise AnswerError(hub, "answered something that is no export of signals: is --hub right?")
    uid, position = answer.headers[HUB_HEADER], answer.headers[POSITION_HEADER]
    out: Writer = writer(form, file, Head(uid, position, datetime.now(UTC)))
    marks: Counter[str] = Counter()
    read = 0
    decoder = msgspec.json.Decoder(dict[str, Any])
    for lines in _lines(answer):
        try:
            rows = [decoder.decode(line) for line in lines if line.strip()]
            marks.update(row["tlp"] for row in out.write(rows))
        except (msgspec.DecodeError, KeyError) as error:
            raise AnswerError(hub, f"answered something unreadable: {error}") from error
        read += len(rows)
    out.close()
    file.flush()
    without = read - marks.total()
    left_out = f" {without:,} have no such line and were left out." if without else ""
    told = ", ".join(f"{count:,} TLP:{tlp.upper()}" for tlp, count in sorted(marks.items()))
    tell(
        f"{marks.total():,} signals of hub {uid}, as of position {position}."
        f"{left_out} Go on later with --since {position}."
    )
    if told:
        bare = "" if form not in _BARE else ", although this form cannot say so"
        tell(f"Handling binds whoever gets them{bare}: {told}; also PAP and audience.")


def _lines(answer: "httpx.Response") -> Iterator[list[bytes]]:
    """Whole lines, as many as came. raises: EndlessLineError."""
    from stemtide.client.lines import Cutter

    cutter = Cutter()
    for part in answer.iter_bytes():
        yield cutter.take(part)
    *lines, rest = cutter.end()
    if rest:
        fail("the hub ended in the middle of a line: try again")
    yield lines
