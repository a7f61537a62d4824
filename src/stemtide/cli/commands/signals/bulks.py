# SPDX-License-Identifier: Apache-2.0
"""Send the rows of a file in bulks, and report how far it got.

1 Pack rows until a bulk is full. Set unreadable rows aside, and those that are rightly not shared.
2 Share a bulk whole or not at all; with goes_on, share its good rows.
3 If the import stops, print which lines are shared, which are not, and how to continue.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import typer

from stemtide.cli.commands.signer import sign_row
from stemtide.cli.output import WAITS, fail, print_note, print_result
from stemtide.protocol.enums import DryRunOutcome
from stemtide.protocol.files.columns import BadRow, BulkFileError, LeftOut
from stemtide.protocol.messages.signals import MAX_BULK_VALUE_BYTES, BulkCheckOut, is_long

if TYPE_CHECKING:
    from stemtide.cli.commands.signals.source import Source
    from stemtide.client import Hub as Client
    from stemtide.protocol.files.columns import ParsedLine, Row
    from stemtide.protocol.messages.signals import BulkOut
    from stemtide.protocol.problems import FieldProblem
    from stemtide.protocol.signing.secret_keys import SignerSecret

AT_ONCE = 10_000
"""Rows in one bulk: half of what the hub takes, so that other writers get their turns."""

AT_ONCE_BYTES = 24 << 20
"""Bytes of one bulk, of the 32 MiB that the hub takes."""

_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before a bulk is sent again where the hub is away or not well."""

_SHOWN = 50
"""Refused rows that are shown to people; --json hands out all of them."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Options of an import. begin: first line to share. goes_on: good rows of bad bulks too.

    secret: the key that signs the rows.
    """

    begin: int = 1
    goes_on: bool = False
    is_dry: bool = False
    as_json: bool = False
    secret: "SignerSecret | None" = None


@dataclass(slots=True)
class BulkRequest:
    """Rows of one request. lines: the line of each in the file; bad: rows that cannot be sent."""

    lines: list[int] = field(default_factory=list)
    rows: list[bytes] = field(default_factory=list)
    bad: list[tuple[int, BadRow]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    size: int = 0
    long_bytes: int = 0
    first: int = 0
    last: int = 0

    @property
    def body(self) -> bytes:
        """Return the rows as the hub reads them."""
        return b'{"signals":[' + b",".join(self.rows) + b"]}"


@dataclass(slots=True)
class BulkProgress:
    """Counts of the rows so far. reached: the last line with a known outcome."""

    created: int = 0
    existing: int = 0
    refused: int = 0
    waiting: int = 0
    by_others: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    reached: int = 0


def send_all(client: "Client", source: "Source", options: ImportOptions) -> int:
    """Send all rows of a source. Exits if it must stop. returns: the exit code."""
    counts = BulkProgress()
    with typer.progressbar(
        length=source.length, label="Checking" if options.is_dry else "Sharing", file=sys.stderr
    ) as bar:
        try:
            for bulk in _packed(source.rows, options):
                _send(client, bulk, counts, options)
                counts.reached = bulk.last
                bar.update(min(source.done(), source.length) - bar.pos)
        except BulkFileError as error:
            print_note(f"\nstemtide: {error}")
            _stop(counts, options)
    _print_end(counts, options)
    return 1 if counts.refused else WAITS if counts.waiting else 0


def _packed(rows: "Iterator[ParsedLine]", options: ImportOptions) -> Iterator[BulkRequest]:
    """Yield the rows in bulks. raises: BulkFileError; the bulk begun is not sent."""
    bulk = BulkRequest()
    for line, parsed in rows:
        if line < options.begin:
            continue
        if isinstance(parsed, dict):
            row, long_bytes = _encoded(parsed, secret=options.secret)
            full = len(bulk.rows) == AT_ONCE or bulk.size + len(row) > AT_ONCE_BYTES
            if bulk.rows and (full or bulk.long_bytes + long_bytes > MAX_BULK_VALUE_BYTES):
                yield bulk
                bulk = BulkRequest()
            if b"\\u0000" in row:
                bulk.bad.append((line, BadRow("", "holds a NUL character: leave it out")))
            else:
                bulk.rows.append(row)
                bulk.lines.append(line)
                bulk.size += len(row)
                bulk.long_bytes += long_bytes
        elif isinstance(parsed, LeftOut):
            bulk.left_out[parsed.why] += 1
        else:
            bulk.bad.append((line, parsed))
            if len(bulk.bad) == AT_ONCE:
                yield bulk
                bulk = BulkRequest(first=line + 1)
        bulk.first, bulk.last = bulk.first or line, line
    if bulk.last:
        yield bulk


def _encoded(row: "Row", *, secret: "SignerSecret | None") -> tuple[bytes, int]:
    """Return a row as JSON, and the size of its long value in bytes. secret: signs it."""
    if secret is not None:
        row = sign_row(row, secret=secret)
    value, kind = row.get("value"), row.get("kind")
    long_bytes = len(value) // 2 if isinstance(value, str) and _is_long(kind) else 0
    return msgspec.json.encode(row), long_bytes


def _is_long(kind: object) -> bool:
    """Whether a row's kind, which is not validated yet, is one of the long ones."""
    from stemtide.fingerprints.kinds import Kind

    try:
        return is_long(Kind(str(kind)))
    except ValueError:
        return False


def _send(
    client: "Client", bulk: BulkRequest, counts: BulkProgress, options: ImportOptions
) -> None:
    """Share or check one bulk. Exits if a bad row ends the import."""
    counts.left_out += bulk.left_out
    is_asked = options.is_dry or (bool(bulk.bad) and not options.goes_on)
    refused = list(bulk.bad)
    if bulk.rows:
        done = _post(client, bulk.body, counts, options, is_asked=is_asked)
        refused += _refused(done, bulk)
        if not isinstance(done, list) and (options.is_dry or not is_asked):
            counts.created += done.created
            counts.existing += done.existing
            _print_waiting(done, bulk, counts, options)
            rows = done.rows if isinstance(done, BulkCheckOut) else []
            counts.by_others += sum(bool(checked.others) for checked in rows)
    counts.refused += len(refused)
    for number, (line, bad) in enumerate(sorted(refused)):
        if options.as_json or counts.refused - len(refused) + number < _SHOWN:
            row = {"line": line, "field": bad.field, "message": bad.message}
            print_result(
                row,
                as_json=options.as_json,
                line=f"line {line:>7}  {bad.field or 'row'}: {bad.message}",
            )
    if refused and not (options.is_dry or options.goes_on):
        _stop(counts, options, bulk=bulk)


def _print_waiting(
    done: "BulkCheckOut | BulkOut", bulk: BulkRequest, counts: BulkProgress, options: ImportOptions
) -> None:
    """Print the rows that wait for a second look, with the reasons."""
    if isinstance(done, BulkCheckOut):
        reasons = {checked.row: checked.waiting_for for checked in done.rows}
    else:
        reasons = {
            row: shared.waiting_for for row, shared in enumerate(done.signals) if shared is not None
        }
    word = "would wait" if options.is_dry else "waits"
    for row, why in sorted(reasons.items()):
        if why and (options.as_json or counts.waiting < _SHOWN):
            line = bulk.lines[row]
            text = f"line {line:>7}  {word} for a second look: {'; '.join(why)}"
            print_result({"line": line, "waiting_for": why}, as_json=options.as_json, line=text)
        counts.waiting += bool(why)


def _refused(
    done: "BulkCheckOut | BulkOut | list[FieldProblem]", bulk: BulkRequest
) -> list[tuple[int, BadRow]]:
    """Return the rows that the hub refused, with their lines."""
    if isinstance(done, list):
        errors = [(problem.row or 0, problem.field, problem.message) for problem in done]
    elif isinstance(done, BulkCheckOut):
        errors = [
            (checked.row, checked.field or "", checked.message or "")
            for checked in done.rows
            if checked.would_be is DryRunOutcome.REFUSED
        ]
    else:
        errors = [(error.row, error.field, error.message) for error in done.errors]
    refused = []
    for row, field_, message in errors:
        name = field_.removeprefix(f"signals.{row}").removeprefix(".")
        refused.append((bulk.lines[row], BadRow(name, message)))
    return refused


def _post(
    client: "Client", body: bytes, counts: BulkProgress, options: ImportOptions, *, is_asked: bool
) -> "BulkCheckOut | BulkOut | list[FieldProblem]":
    """Send a bulk, and retry it if its outcome is unknown: the hub shares it only once.

    returns: the outcome, or errors of rows because of which nothing was shared.
    """
    from stemtide.client import HubError, TooManyError, UnreachableError

    for pause_s in (*_PAUSES_S, None):
        try:
            if is_asked:
                return client.share_signals(body, dry_run=True)
            return client.share_signals(body, partial=options.goes_on)
        except HubError as error:
            errors = error.problem.errors if error.problem else []
            if errors and all(problem.row is not None for problem in errors):
                return errors
            # A hub that asks for a pause had one already, as long as it is worth waiting for.
            is_away = isinstance(error, UnreachableError) and not isinstance(error, TooManyError)
            if pause_s is None or not is_away:
                _print_progress(counts, options)
                raise
        time.sleep(pause_s)
    raise AssertionError("the last try ends in an answer or in an error")


def _stop(counts: BulkProgress, options: ImportOptions, *, bulk: BulkRequest | None = None) -> None:
    """End the import after an error, and print how far it got."""
    if bulk is not None:
        print_note(f"No row of lines {bulk.first} to {bulk.last} was shared.")
    _print_progress(counts, options)
    fail("the import stopped; you can run it again, as nothing is shared twice")


def _print_progress(counts: BulkProgress, options: ImportOptions) -> None:
    """Print how much of the file is done, and how to continue."""
    if options.as_json:
        print_result(_sums(counts, options), as_json=True, line="")
    if options.is_dry:
        print_note("Nothing was shared: this was a dry run.")
        return
    if counts.reached:
        print_note(
            f"Until line {counts.reached}: {counts.created:,} shared, {counts.existing:,} were"
            " shared before. Correct the file and import it again, or go on with"
            f" --from {counts.reached + 1}."
        )
    else:
        print_note("Nothing was shared.")
    print_note("With --continue, the good rows of a bulk are shared although others are refused.")


def _sums(counts: BulkProgress, options: ImportOptions) -> dict[str, object]:
    """Return the counts so far, as JSON."""
    sums: dict[str, object] = {
        "created": counts.created,
        "existing": counts.existing,
        "refused": counts.refused,
        "left_out": dict(sorted(counts.left_out.items())),
        "reached": counts.reached,
        "dry_run": options.is_dry,
    }
    sums |= {"waiting": counts.waiting} if counts.waiting else {}
    return sums | ({"by_others": counts.by_others} if options.is_dry else {})


def _print_end(counts: BulkProgress, options: ImportOptions) -> None:
    """Print the counts of the whole file."""
    left_out = dict(sorted(counts.left_out.items()))
    prefix = "would be " if options.is_dry else ""
    why = ", ".join(f"{count:,} {word}" for word, count in left_out.items())
    lines = [
        f"{f'{prefix}shared':24}{counts.created:>12,}",
        *([f"{f'{prefix}waiting':24}{counts.waiting:>12,}"] if counts.waiting else []),
        f"{'shared already':24}{counts.existing:>12,}",
        *([f"{'  by others as well':24}{counts.by_others:>12,}"] if options.is_dry else []),
        f"{f'{prefix}refused':24}{counts.refused:>12,}",
        *([f"{'left out':24}{sum(left_out.values()):>12,}  ({why})"] if left_out else []),
    ]
    print_result(_sums(counts, options), as_json=options.as_json, line="\n".join(lines))
    if counts.refused > _SHOWN and not options.as_json:
        print_note(f"{_SHOWN} refused rows are shown; --json prints all {counts.refused:,}.")
    if options.is_dry:
        print_note("Nothing was shared: this was a dry run.")
