# SPDX-License-Identifier: Apache-2.0
"""stemtide signal export: write the signals that your party may see to a file."""

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
from stemtide.cli.commands.signals.source import BulkFormat, check_pyarrow, form_of
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client
from stemtide.cli.output import fail, print_note
from stemtide.fingerprints.kinds import Kind

if TYPE_CHECKING:
    import httpx

    from stemtide.cli.commands.signals.writers import Writer

_BARE = frozenset({BulkFormat.TX, BulkFormat.VPDQ})
"""Formats that hold the value of a signal and nothing else."""


@signal.command("export")
def export_signals(
    to: Annotated[
        str, typer.Option("--to", metavar="FILE", help="File to write. Default: stdout.")
    ] = "-",
    form: Annotated[
        BulkFormat | None, typer.Option("--format", help="Format, if the name does not imply it.")
    ] = None,
    crisis: Annotated[str, typer.Option(help="Only of the crisis with this id.")] = "",
    kind: Annotated[
        list[Kind] | None, typer.Option(help="Only signals of this kind. Can be repeated.")
    ] = None,
    since: Annotated[
        str, typer.Option(metavar="POSITION|TIME", help="Only changes since then.")
    ] = "",
    withdrawn: Annotated[
        bool,
        typer.Option("--withdrawn", help="Include withdrawn and expired signals, marked as such."),
    ] = False,
    exercise: Annotated[bool, typer.Option("--exercise", help="Include exercise signals.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
) -> None:
    """Write the signals that your party may see to a file. Includes their markings.

    TLP, PAP and audience bind everyone who gets the file. The formats vpdq and tx cannot hold them.
    """
    form = form or (BulkFormat.JSONL if to == "-" else form_of(to, argument="--to"))
    if form in _BARE and (withdrawn or exercise):
        fail(f"{form} cannot mark exercises or ended signals: remove the option", code=2)
    if form is BulkFormat.PARQUET:
        check_pyarrow()
        if to == "-":
            fail("Parquet is written to a file: add --to FILE", code=2)
    from stemtide.client.calls import signals

    after, changed_since = _since(since)
    request = signals.export_signals(
        format="jsonl",
        crisis=crisis or None,
        kind=kind,
        after=after,
        since=changed_since,
        withdrawn=withdrawn,
        exercise=exercise,
    )
    with (
        open_client(hub, key) as client,
        client.opened(request) as answer,
        _opened_output(to) as file,
    ):
        _copy(answer, file, form, hub=hub)


def _since(text: str) -> tuple[int | None, datetime | None]:
    """Parse --since into a feed position or a time."""
    if not text:
        return None, None
    if text.isdecimal():
        return int(text), None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--since {text!r} is not understood: write a feed position or an ISO time", code=2)
    return None, time if time.tzinfo else time.replace(tzinfo=UTC)


@contextmanager
def _opened_output(to: str) -> Iterator[BinaryIO]:
    """Open the output file. It gets its name when complete; only its owner can read it."""
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
    except BrokenPipeError:  # the reader has enough
        raise
    except OSError as error:
        where = "stdout" if to == "-" else part
        fail(f"{where} cannot be written: {error.strerror or error}")


def _copy(answer: "httpx.Response", file: BinaryIO, form: BulkFormat, *, hub: str) -> None:
    """Write the export, and print a summary. raises: AnswerError."""
    import msgspec

    from stemtide.cli.commands.signals.writers import ExportOrigin, writer
    from stemtide.client import AnswerError
    from stemtide.protocol.files.columns import HUB_HEADER, POSITION_HEADER

    if not {HUB_HEADER.lower(), POSITION_HEADER.lower()} <= set(answer.headers):
        raise AnswerError(hub, "did not answer with an export of signals: is --hub right?")
    uid, position = answer.headers[HUB_HEADER], answer.headers[POSITION_HEADER]
    out: Writer = writer(form, file, ExportOrigin(uid, position, datetime.now(UTC)))
    count_by_tlp: Counter[str] = Counter()
    read = 0
    decoder = msgspec.json.Decoder(dict[str, Any])
    for lines in _lines(answer):
        try:
            rows = [decoder.decode(line) for line in lines if line.strip()]
            count_by_tlp.update(row["tlp"] for row in out.write(rows))
        except (msgspec.DecodeError, KeyError) as error:
            raise AnswerError(hub, f"answered something unreadable: {error}") from error
        read += len(rows)
    out.close()
    file.flush()
    without = read - count_by_tlp.total()
    left_out = (
        f" {without:,} cannot be written in this format and were left out." if without else ""
    )
    handling = ", ".join(
        f"{count:,} TLP:{tlp.upper()}" for tlp, count in sorted(count_by_tlp.items())
    )
    print_note(
        f"{count_by_tlp.total():,} signals of hub {uid}, as of position {position}."
        f"{left_out} Continue later with --since {position}."
    )
    if handling:
        without_marks = ", although this format cannot hold it" if form in _BARE else ""
        print_note(
            f"Recipients are bound by their handling{without_marks}: {handling}; also PAP and"
            " audience."
        )


def _lines(answer: "httpx.Response") -> Iterator[list[bytes]]:
    """Yield the complete lines of each part of the response. raises: EndlessLineError."""
    from stemtide.client.lines import LineSplitter

    splitter = LineSplitter()
    for part in answer.iter_bytes():
        yield splitter.take(part)
    *lines, rest = splitter.end()
    if rest:
        fail("the response of the hub ended in the middle of a line: try again")
    yield lines
