# SPDX-License-Identifier: Apache-2.0
"""stemtide referral: search, assess, send and answer voluntary referrals."""

from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.hub_command import Request, hub_command, read_pages
from stemtide.cli.output import AsJson, print_note, print_result
from stemtide.protocol.enums.referrals import (
    Answer,
    ContentType,
    DropReason,
    ReferralState,
    RefusalReason,
    TakeBackReason,
)

referral = typer.Typer(no_args_is_help=True, help="Voluntary referrals of content to a provider.")

ReferralId = Annotated[str, typer.Argument(help="The referral's id, from: stemtide referral list.")]
Provider = Annotated[str, typer.Option(help="The provider's name, from: stemtide party list.")]
Signals = Annotated[
    list[str] | None,
    typer.Option("--signal", help="Id of a signal of the content. Can be repeated."),
]
Exercise = Annotated[bool, typer.Option("--exercise", help="Mark as an exercise.")]


def referral_line(row: dict[str, Any]) -> str:
    """Describe a referral on one line."""
    drill = " EXERCISE" if row["exercise"] else ""
    return (
        f"{row['id']}  {row['reference']:14} {row['state']:13} {row['sender']} -> {row['provider']}"
        f"  {row['url']}{drill}"
    )


def _fields(row: dict[str, Any]) -> str:
    """List the fields of a referral that are set."""
    return "\n".join(
        f"{name:18} {value}" for name, value in row.items() if value not in (None, [], "", False)
    )


@referral.command("search")
def search(
    url: Annotated[str, typer.Argument(help="The address that you want to refer.")],
    provider: Provider = "",
    signal: Signals = None,
    exercise: Exercise = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Search before sending: earlier referrals and holds. Finds the same and similar content."""
    body = {"url": url, "provider": provider, "signals": signal or [], "exercise": exercise}
    from stemtide.protocol.messages.referrals import SearchIn

    with open_client(hub, key) as client:
        report = to_json(client.search_before_sending(SearchIn.model_validate(body)))
    for finding in report["findings"]:
        until = f" until {finding['until']}" if finding["until"] else ""
        line = (
            f"{finding['kind']:9} {'open' if finding['is_open'] else 'answered':9}"
            f" {finding['party']} {finding['reference']}{until}  {finding['contact']}"
        )
        print_result(finding, as_json=as_json, line=line)
    print_note(_summary(report))


def _summary(report: dict[str, Any]) -> str:
    """Summarise a search."""
    if report["is_held"]:
        return f"{report['canonical']}: a hold applies, so a referral would wait."
    if report["needs_despite"]:
        return (
            f"{report['canonical']}: another's referral awaits its answer; sending needs --despite."
        )
    return f"{report['canonical']}: nothing prevents sending."


@referral.command("assess")
def assess(
    url: Annotated[str, typer.Argument(help="The address of the content.")],
    provider: Provider,
    label: Annotated[list[str], typer.Option(help="Label of the content. Can be repeated.")],
    reason: Annotated[str, typer.Option(help="Reason, for the provider; no personal data.")],
    terms: Annotated[str, typer.Option(help="Clause of its terms that is breached.")] = "",
    content_type: Annotated[
        ContentType, typer.Option(help="Type of the content.")
    ] = ContentType.OTHER,
    language: Annotated[str, typer.Option(help="Language tag, such as en.")] = "",
    ideology: Annotated[str, typer.Option(help="Ideology of its makers, if known.")] = "",
    crisis: Annotated[str, typer.Option(help="Id of its crisis.")] = "",
    signal: Signals = None,
    again: Annotated[
        bool, typer.Option("--again", help="The content came back after an answer.")
    ] = False,
    send: Annotated[bool, typer.Option("--send", help="Also send it.")] = False,
    despite: Annotated[
        str, typer.Option(help="With --send: reason despite another's referral.")
    ] = "",
    exercise: Exercise = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the referral without recording it.")
    ] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Record assessed content. With --send, refer it at once unless a hold applies."""
    body: dict[str, object] = {
        "url": url,
        "provider": provider,
        "labels": label,
        "reason": reason,
        "terms": terms,
        "content_type": content_type,
        "language": language or None,
        "ideology": ideology or None,
        "crisis": crisis or None,
        "signals": signal or [],
        "again": again,
        "exercise": exercise,
    }
    if dry_run:
        print_result(body, as_json=True, line="")
        print_note("Nothing was sent.")
        return
    from stemtide.protocol.messages.referrals import AssessIn

    with open_client(hub, key) as client:
        row = to_json(client.refer(AssessIn.model_validate(body), send=send, despite=despite))
    print_result(row, as_json=as_json, line=referral_line(row))


@hub_command(referral, "send", line=referral_line)
def send(
    referral_id: ReferralId,
    despite: Annotated[str, typer.Option(help="Reason to send despite another's referral.")] = "",
    override: Annotated[str, typer.Option(help="Emergency that justifies overriding a hold.")] = "",
) -> Request:
    """Send an assessed referral. It waits if a hold applies."""
    from stemtide.protocol.messages.referrals import SendIn

    return lambda client: client.send_referral(
        SendIn(despite=despite, override=override), uid=referral_id
    )


@hub_command(referral, "drop", line=referral_line)
def drop(
    referral_id: ReferralId,
    reason: Annotated[DropReason, typer.Option(help="Reason not to refer it.")],
    note: Annotated[str, typer.Option(help="Note.")] = "",
) -> Request:
    """Decide not to send an assessed referral."""
    from stemtide.protocol.messages.referrals import DropIn

    return lambda client: client.drop_referral(DropIn(reason=reason, note=note), uid=referral_id)


@hub_command(
    referral, "withdraw", line=referral_line, confirm="this withdraws {referral_id} for good"
)
def withdraw(
    referral_id: ReferralId,
    reason: Annotated[TakeBackReason, typer.Option(help="Reason for withdrawing it.")],
    note: Annotated[str, typer.Option(help="Note for the provider.")] = "",
    signals: Annotated[
        bool, typer.Option("--signals", help="Also withdraw your linked signals.")
    ] = False,
) -> Request:
    """Withdraw a sent referral and notify its provider."""
    from stemtide.protocol.messages.referrals import TakeBackIn

    return lambda client: client.withdraw_referral(
        TakeBackIn.model_validate({"reason": reason, "note": note, "signals": signals}),
        uid=referral_id,
    )


@hub_command(referral, "explain", line=referral_line)
def explain(
    referral_id: ReferralId,
    context: Annotated[str, typer.Argument(help="Context for the provider.")],
) -> Request:
    """Give the context that the provider asked for. The referral is sent again."""
    from stemtide.protocol.messages.referrals import ContextIn

    return lambda client: client.give_context(ContextIn(context=context), uid=referral_id)


@hub_command(referral, "acknowledge", line=referral_line)
def acknowledge(
    referral_id: ReferralId,
    reference: Annotated[str, typer.Option(help="Your reference of the case.")] = "",
) -> Request:
    """Acknowledge a referral, as a provider."""
    from stemtide.protocol.messages.referrals import AcknowledgeIn

    return lambda client: client.acknowledge_referral(
        AcknowledgeIn(reference=reference), uid=referral_id
    )


@hub_command(referral, "answer", line=referral_line)
def answer(
    referral_id: ReferralId,
    word: Annotated[Answer, typer.Argument(metavar="ANSWER", help="Outcome.")],
    measure_at: Annotated[str, typer.Option(help="Time of the measure, with UTC offset.")] = "",
    country: Annotated[
        list[str] | None, typer.Option(help="For geo_blocked: country. Can be repeated.")
    ] = None,
    reason: Annotated[RefusalReason | None, typer.Option(help="For refused: the reason.")] = None,
    note: Annotated[str, typer.Option(help="Explanation; no personal data.")] = "",
    question: Annotated[str, typer.Option(help="For needs_context: your question.")] = "",
    reference: Annotated[str, typer.Option(help="Your reference of the case.")] = "",
) -> Request:
    """Answer a referral, as a provider, or ask for context. You are free to refuse."""
    from stemtide.protocol.messages.referrals import AnswerIn

    body = {
        "answer": word,
        "measure_at": measure_at or None,
        "countries": country or [],
        "reason": reason,
        "note": note,
        "question": question,
        "reference": reference,
    }
    return lambda client: client.answer_referral(AnswerIn.model_validate(body), uid=referral_id)


@hub_command(referral, "reinstate", line=referral_line)
def reinstate(
    referral_id: ReferralId,
    note: Annotated[str, typer.Option(help="Reason why the action was wrong.")] = "",
) -> Request:
    """Report, as a provider, that the content is reinstated."""
    from stemtide.protocol.messages.referrals import ReinstateIn

    return lambda client: client.reinstate_referred(ReinstateIn(note=note), uid=referral_id)


@hub_command(
    referral, "list", line=referral_line, empty="No such referral that your party may see."
)
def list_referrals(
    state: Annotated[
        list[ReferralState] | None,
        typer.Option(help="Only referrals in this state. Can be repeated."),
    ] = None,
    provider: Provider = "",
    sender: Annotated[str, typer.Option(help="Only referrals of this party.")] = "",
    batch: Annotated[str, typer.Option(help="Only referrals of this batch.")] = "",
    reference: Annotated[
        str, typer.Option(help="Only the referral with this file reference.")
    ] = "",
) -> Request:
    """List referrals that your party sent or received, oldest first."""
    return lambda client: read_pages(
        client.list_referrals,
        "referrals",
        state=state,
        provider=provider,
        sender=sender,
        batch=batch or None,
        reference=reference,
        limit=500,
    )


@hub_command(referral, "show", line=_fields)
def show(referral_id: ReferralId) -> Request:
    """Show one referral."""
    return lambda client: client.read_referral(uid=referral_id)
