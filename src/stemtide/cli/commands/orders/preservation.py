# SPDX-License-Identifier: Apache-2.0
"""stemtide order: preservation of removed content, by which law, and who had access."""

from typing import Annotated, Any

import typer

from stemtide.cli.commands.orders.order import OrderId, order, order_line
from stemtide.cli.hub_command import Request, hub_command
from stemtide.protocol.enums.orders import AccessPurpose, PreservationBasis, ReviewKind

PreservationId = Annotated[
    str, typer.Argument(help="Id of the preservation; note-preserved prints it.")
]
AsProvider = Annotated[bool, typer.Option("--as-provider", help="You are the order's addressee.")]


def _preservation_line(row: dict[str, Any]) -> str:
    """Describe the preservations of an order, one on a line."""
    lines = []
    for preservation in row["preservations"]:
        end = preservation["until"] or "the data are produced"
        ended = " ENDED" if preservation["ended_at"] else ""
        lines.append(f"{preservation['id']}  {preservation['basis']:10} until {end}{ended}")
    return "\n".join(lines)


@hub_command(order, "preserve", line=order_line)
def preserve(
    order_id: OrderId,
    until: Annotated[str, typer.Option(help="End, as a time with UTC offset.")],
    proceedings: Annotated[
        ReviewKind, typer.Option(help="Kind of the pending review proceedings.")
    ],
    before: Annotated[str, typer.Option(help="The authority or court in charge.")],
    since: Annotated[str, typer.Option(help="Date on which they began, such as 2026-01-31.")],
    reference: Annotated[str, typer.Option(help="Their file number.")],
    court: Annotated[str, typer.Option(help="The requesting court, if it is not you.")] = "",
) -> Request:
    """Ask the provider to preserve removed content for longer.

    Art. 6(2) allows it for review proceedings, and for no other reason. For an investigation, ask
    the provider for access to the preserved content (Art. 6(1)(b)), or use national law.
    """
    from stemtide.protocol.messages.orders import PreserveIn

    body = {
        "until": until,
        "proceedings": proceedings,
        "reviewed_by": before,
        "reviewed_since": since,
        "reference": reference,
        "court": court,
    }
    return lambda client: client.extend_preservation(PreserveIn.model_validate(body), uid=order_id)


@hub_command(order, "note-preserved", line=_preservation_line)
def record_preservation(
    order_id: OrderId,
    basis: Annotated[PreservationBasis, typer.Option(help="e_evidence (EPOC-PR) or national.")],
    authority: Annotated[str, typer.Option(help="The office that ordered it.")],
    reference: Annotated[str, typer.Option(help="Its file number.")],
    since: Annotated[str, typer.Option(help="When the provider received it, with UTC offset.")],
    until: Annotated[str, typer.Option(help="End; for national law only.")] = "",
    law: Annotated[str, typer.Option(help="Provision; for national law only.")] = "",
    as_provider: AsProvider = False,
) -> Request:
    """Record that content is preserved by another law than Art. 6.

    An EPOC-PR of Regulation (EU) 2023/1543 ends 60 days after its receipt (Art. 11(1)). Other
    sides of the order do not see the record; the provider does.
    """
    from stemtide.protocol.messages.orders import PreservationIn

    body = PreservationIn.model_validate(
        {
            "basis": basis,
            "authority": authority,
            "reference": reference,
            "since": since,
            "until": until or None,
            "law": law,
        }
    )
    if as_provider:
        return lambda client: client.report_preservation(body, uid=order_id)
    return lambda client: client.record_preservation(body, uid=order_id)


@hub_command(order, "note-extended", line=_preservation_line)
def extend_preservation(
    order_id: OrderId,
    preservation_id: PreservationId,
    production: Annotated[
        str, typer.Option(help="EPOC-PR: reference of the request for production.")
    ] = "",
    until: Annotated[str, typer.Option(help="National law: new end, with UTC offset.")] = "",
    reference: Annotated[str, typer.Option(help="National law: the decision.")] = "",
    as_provider: AsProvider = False,
) -> Request:
    """Extend a preservation by another law, as that law allows.

    Without --production an EPOC-PR gets 30 days more, once (Regulation (EU) 2023/1543 Art. 11(1)).
    """
    from stemtide.protocol.messages.orders import LongerPreservationIn

    body = LongerPreservationIn.model_validate(
        {"production": production, "until": until or None, "reference": reference}
    )
    ids = {"uid": order_id, "preservation": preservation_id}
    if as_provider:
        return lambda client: client.extend_reported_preservation(body, **ids)
    return lambda client: client.extend_recorded_preservation(body, **ids)


@hub_command(order, "note-ended", line=_preservation_line)
def end_preservation(
    order_id: OrderId, preservation_id: PreservationId, as_provider: AsProvider = False
) -> Request:
    """End a preservation by another law that you recorded."""
    ids = {"uid": order_id, "preservation": preservation_id}
    if as_provider:
        return lambda client: client.end_reported_preservation(**ids)
    return lambda client: client.end_recorded_preservation(**ids)


@hub_command(order, "note-access", line=order_line)
def note_access(
    order_id: OrderId,
    who: Annotated[str, typer.Argument(help="The office that had access; not a person.")],
    purpose: Annotated[AccessPurpose, typer.Option(help="Purpose of the access.")],
    reference: Annotated[str, typer.Option(help="Reference of the case.")] = "",
    preservation: Annotated[
        str, typer.Option(help="Id of the preservation; that of Art. 6 if left out.")
    ] = "",
) -> Request:
    """Record an office's access to content that you preserve."""
    from stemtide.protocol.messages.orders import AccessIn

    body = {"who": who, "purpose": purpose, "reference": reference}
    return lambda client: client.note_access(
        AccessIn.model_validate(body | {"preservation": preservation or None}), uid=order_id
    )


@hub_command(order, "note-destroyed", line=order_line)
def note_destroyed(order_id: OrderId) -> Request:
    """Record that you destroyed content after its period."""
    return lambda client: client.note_destroyed(uid=order_id)
