# SPDX-License-Identifier: Apache-2.0
"""stemtide crisis adoption, adopt, unadopt, choose: which signals stay after a crisis."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.crises.crisis import CrisisId, crisis
from stemtide.cli.hub_command import Request, hub_command
from stemtide.protocol.enums import AdoptionAnswer
from stemtide.protocol.enums.retention import LegalBasis

if TYPE_CHECKING:
    from pydantic import BaseModel

Ids = Annotated[list[str] | None, typer.Option("--signal", help="Signal id. Can be repeated.")]
Label = Annotated[str, typer.Option(help="All signals with this label.")]
Sharer = Annotated[str, typer.Option("--shared-by", help="All signals of this party.")]
Basis = Annotated[
    LegalBasis | None, typer.Option(help="Legal basis. Default: that of your kind of party.")
]
Show = Annotated[str, typer.Option(help="all, suggested, adopted, left or new.")]


def _row_line(row: dict[str, Any]) -> str:
    """Describe a live signal of a crisis on one line."""
    stays = f"adopted by {row['adopted_by']}" if row["adopted_by"] else ""
    suggested = f"pre-selected: {', '.join(row['suggested_by'])}" if row["suggested_by"] else "-"
    return f"{row['id']}  {row['kind']:6} {row['name'][:40]:40} {stays or suggested}"


def _sums(row: dict[str, Any]) -> str:
    """Describe how many signals of a crisis stay."""
    answered = "answered" if row["is_current"] else "not answered"
    rest = row["live"] - row["adopted"]
    return f"{row['adopted']} of {row['live']} signals stay, {rest} end with it; {answered}"


@hub_command(crisis, "adoption", line=_row_line, empty="No live signal.")
def adoption(
    crisis_id: CrisisId, show: Show = "all", label: Label = "", shared_by: Sharer = ""
) -> Request:
    """List the live signals of a crisis, and which of them stay."""

    def rows(client: Any) -> "Iterator[BaseModel]":  # noqa: ANN401  # the client, whose module is slow to import
        after = None
        while True:
            page = client.read_adoption(
                uid=crisis_id, after=after, limit=500, show=show, label=label, shared_by=shared_by
            )
            yield from page.rows
            if (after := page.next) is None:
                return

    return rows


@hub_command(crisis, "adopt", line=_sums)
def adopt(
    crisis_id: CrisisId,
    signal: Ids = None,
    label: Label = "",
    shared_by: Sharer = "",
    basis: Basis = None,
) -> Request:
    """Adopt signals, so that they stay after the crisis. Your party keeps them on a legal basis."""
    from stemtide.protocol.law.retention.adoptions import AdoptIn

    body = _chosen(signal, label, shared_by) | {"legal_basis": basis}
    return lambda client: client.adopt_signals(AdoptIn.model_validate(body), uid=crisis_id)


@hub_command(crisis, "unadopt", line=_sums)
def unadopt(
    crisis_id: CrisisId, signal: Ids = None, label: Label = "", shared_by: Sharer = ""
) -> Request:
    """Undo adoptions of your party, until the crisis is closed."""
    from stemtide.protocol.law.retention.adoptions import UnadoptIn

    body = _chosen(signal, label, shared_by)
    return lambda client: client.unadopt_signals(UnadoptIn.model_validate(body), uid=crisis_id)


@hub_command(crisis, "choose", line=_sums)
def choose(
    crisis_id: CrisisId,
    answer: Annotated[AdoptionAnswer, typer.Argument(metavar="suggested|all|none")],
    basis: Basis = None,
) -> Request:
    """Answer which signals stay after a crisis. It cannot be closed before."""
    from stemtide.protocol.law.retention.adoptions import AdoptionAnswerIn

    body = {"adopt": answer, "legal_basis": basis}
    return lambda client: client.answer_adoption(
        AdoptionAnswerIn.model_validate(body), uid=crisis_id
    )


def _chosen(signal: list[str] | None, label: str, shared_by: str) -> dict[str, object]:
    """Return which signals a command names."""
    return {"signals": signal or [], "label": label or None, "shared_by": shared_by or None}
