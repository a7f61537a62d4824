# SPDX-License-Identifier: Apache-2.0
"""stemtide referral batch: thousands of addresses from a file, with an outcome for each."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.referrals.referral import AsJson, Exercise, Provider, referral
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.output import fail, give, tell
from stemtide.protocol.enums.referrals import ContentType, RowOutcome

if TYPE_CHECKING:
    from stemtide.client import Hub as Client
    from stemtide.protocol.messages.batches import BatchRowIn

AT_ONCE = 500
"""Rows that travel in one request: small enough that the bar moves."""

_WRONG = frozenset({RowOutcome.UNKNOWN_PROVIDER, RowOutcome.BAD_URL, RowOutcome.INVALID})
"""Outcomes of rows that somebody must correct."""


@referral.command("batch")
def batch(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv",
            exists=True,
            dir_okay=False,
            help="Columns url, provider, reason, labels, terms, language, ideology, content_type.",
        ),
    ],
    name: Annotated[str, typer.Option(help="Its name; the same name goes on where it ended.")] = "",
    provider: Provider = "",
    reason: Annotated[str, typer.Option(help="Where the file gives no reason.")] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="Where the file gives no labels; several.")
    ] = None,
    content_type: Annotated[
        ContentType | None, typer.Option(help="Where the file does not say.")
    ] = None,
    crisis: Annotated[str, typer.Option(help="Id of the crisis it belongs to.")] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Also what was referred and answered before.")
    ] = False,
    exercise: Exercise = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of each row; send nothing.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A file for the outcomes, as CSV.")] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Refer the addresses of a file: a Referral Action Day. Each row gets its own outcome.

    The same file under the same name again is harmless: what was done is told, not done twice.
    Exits with 1 where a row must be corrected.
    """
    from stemtide.protocol.files.batches import BatchFileError, read_rows

    defaults = {
        "provider": provider,
        "reason": reason,
        "labels": " ".join(label or ()),
        "content_type": content_type or "",
    }
    try:
        rows = read_rows(path.read_text("utf-8"), defaults=defaults)
    except (BatchFileError, UnicodeDecodeError) as error:
        fail(f"{path}: {error}", code=2)
    facts = {"crisis": crisis or None, "exercise": exercise}
    if not dry_run and not name:
        fail("a batch needs a name: say --name 'Action day 3 March', or try it: --dry-run", code=2)
    from stemtide.protocol.messages.batches import CheckRowsIn

    with asking(hub, key) as client:
        if dry_run:
            said = {"rows": [row.model_dump() for row in rows], "again": again}
            found = plain(client.check_rows(CheckRowsIn.model_validate(said | facts)))["rows"]
        else:
            found = list(_send(client, rows, facts | {"name": name}, again=again))
    _hand_out(found, out=out, as_json=as_json, dry_run=dry_run)


def _send(
    client: "Client", rows: "list[BatchRowIn]", batch: dict[str, Any], *, again: bool
) -> Iterator[dict[str, Any]]:
    """Send the rows part by part, and show how far it is."""
    from stemtide.protocol.messages.batches import BatchIn, RowsIn

    opened = plain(client.open_batch(BatchIn.model_validate(batch)))
    with typer.progressbar(length=len(rows), label="Referring", file=sys.stderr) as bar:
        for first in range(0, len(rows), AT_ONCE):
            some = rows[first : first + AT_ONCE]
            said = {"rows": [one.model_dump() for one in some], "again": again}
            done = plain(client.add_rows(RowsIn.model_validate(said), uid=opened["id"]))
            bar.update(len(some))
            yield from done["rows"]


def _hand_out(
    found: list[dict[str, Any]], *, out: Path | None, as_json: bool, dry_run: bool
) -> None:
    """Say what became of each row, and how it went altogether."""
    from stemtide.protocol.files.batches import write_rows
    from stemtide.protocol.messages.batches import BatchRowOut

    for row in found:
        line = f"{row['number']:>6}  {row['outcome']:18} {row['reference']:14} {row['url']}"
        give(row, as_json=as_json, line=f"{line}  {row['message']}".rstrip())
    if out is not None:
        out.write_text(write_rows(BatchRowOut.model_validate(row) for row in found), "utf-8")
        tell(f"The outcomes are in {out}.")
    counts = Counter(str(row["outcome"]) for row in found)
    told = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in counts.most_common())
    tell(f"{len(found)} rows: {told}." + (" Nothing was sent." if dry_run else ""))
    if set(counts) & _WRONG:
        raise typer.Exit(1)


@referral.command("batches")
def list_batches(hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """List your party's batches, the latest first."""
    with asking(hub, key) as client:
        rows = plain(client.list_batches())
    if not rows:
        tell("There is no batch that your party may see.")
    for row in rows:
        told = ", ".join(f"{count} {word}" for word, count in row["outcomes"].items())
        drill = " EXERCISE" if row["exercise"] else ""
        line = f"{row['id']}  {row['opened_at']}  {row['name']}: {row['rows']} rows, {told}{drill}"
        give(row, as_json=as_json, line=line)


@referral.command("rows")
def list_rows(
    batch_id: Annotated[str, typer.Argument(help="The batch's id.")],
    out: Annotated[Path | None, typer.Option(help="A file for the outcomes, as CSV.")] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Say what became of each row of a batch."""
    found: list[dict[str, Any]] = []
    after = 0
    with asking(hub, key) as client:
        while True:
            page = plain(client.read_rows(uid=batch_id, after=after))
            found += page["rows"]
            if not page["more"]:
                break
            after = page["next"]
    _hand_out(found, out=out, as_json=as_json, dry_run=False)
