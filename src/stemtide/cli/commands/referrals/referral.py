# SPDX-License-Identifier: Apache-2.0
"""stemtide referral: search, assess, send and answer voluntary referrals."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import fail, print_note, print_result
from stemtide.protocol.enums.referrals import (
    Answer,
    ContentType,
    DropReason,
    ReferralState,
    RefusalReason,
    TakeBackReason,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from stemtide.client import Hub as Client

referral = typer.Typer(no_args_is_help=True, help="Voluntary referrals of content to a provider.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
ReferralId = Annotated[str, typer.Argument(help="The referral's id, from: stemtide referral list.")]
Provider = Annotated[str, typer.Option(help="The provider's name, from: stemtide party list.")]
Signals = Annotated[
    list[str] | None,
    typer.Option("--signal", help="Id of a signal of the content. Can be repeated."),
]
Exercise = Annotated[bool, typer.Option("--exercise", help="Mark as an exercise.")]


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
    """Search before sending: referrals of the same or similar content, and holds."""
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
    print_referral(row, as_json=as_json)


@referral.command("send")
def send(
    referral_id: ReferralId,
    despite: Annotated[str, typer.Option(help="Reason to send despite another's referral.")] = "",
    override: Annotated[str, typer.Option(help="Emergency that justifies overriding a hold.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Send an assessed referral. It waits if a hold applies."""
    from stemtide.protocol.messages.referrals import SendIn

    _act(
        lambda client: client.send_referral(
            SendIn(despite=despite, override=override), uid=referral_id
        ),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@referral.command("drop")
def drop(
    referral_id: ReferralId,
    reason: Annotated[DropReason, typer.Option(help="Reason not to refer it.")],
    note: Annotated[str, typer.Option(help="Note.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Decide not to send an assessed referral."""
    from stemtide.protocol.messages.referrals import DropIn

    _act(
        lambda client: client.drop_referral(DropIn(reason=reason, note=note), uid=referral_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@referral.command("withdraw")
def withdraw(
    referral_id: ReferralId,
    reason: Annotated[TakeBackReason, typer.Option(help="Reason for withdrawing it.")],
    note: Annotated[str, typer.Option(help="Note for the provider.")] = "",
    signals: Annotated[
        bool, typer.Option("--signals", help="Also withdraw your linked signals.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Withdraw a sent referral and notify its provider."""
    if not yes:
        fail(f"this withdraws {referral_id} for good; add --yes to confirm", code=2)
    body = {"reason": reason, "note": note, "signals": signals}
    from stemtide.protocol.messages.referrals import TakeBackIn

    _act(
        lambda client: client.withdraw_referral(TakeBackIn.model_validate(body), uid=referral_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@referral.command("explain")
def explain(
    referral_id: ReferralId,
    context: Annotated[str, typer.Argument(help="Context for the provider.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Give the context that the provider asked for, and send the referral again."""
    from stemtide.protocol.messages.referrals import ContextIn

    _act(
        lambda client: client.give_context(ContextIn(context=context), uid=referral_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@referral.command("acknowledge")
def acknowledge(
    referral_id: ReferralId,
    reference: Annotated[str, typer.Option(help="Your reference of the case.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Acknowledge a referral, as a provider."""
    from stemtide.protocol.messages.referrals import AcknowledgeIn

    _act(
        lambda client: client.acknowledge_referral(
            AcknowledgeIn(reference=reference), uid=referral_id
        ),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@referral.command("answer")
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
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Answer a referral, as a provider, or ask for context. You are free to refuse."""
    body = {
        "answer": word,
        "measure_at": measure_at or None,
        "countries": country or [],
        "reason": reason,
        "note": note,
        "question": question,
        "reference": reference,
    }
    from stemtide.protocol.messages.referrals import AnswerIn

    _act(
        lambda client: client.answer_referral(AnswerIn.model_validate(body), uid=referral_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@referral.command("reinstate")
def reinstate(
    referral_id: ReferralId,
    note: Annotated[str, typer.Option(help="Reason why the action was wrong.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Report, as a provider, that the content is reinstated."""
    from stemtide.protocol.messages.referrals import ReinstateIn

    _act(
        lambda client: client.reinstate_referred(ReinstateIn(note=note), uid=referral_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@referral.command("list")
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
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """List the referrals that your party sent or received, oldest first."""
    after = count = 0
    with open_client(hub, key) as client:
        while True:
            page = to_json(
                client.list_referrals(
                    state=state,
                    provider=provider,
                    sender=sender,
                    batch=batch or None,
                    reference=reference,
                    after=after,
                    limit=500,
                )
            )
            for row in page["referrals"]:
                print_referral(row, as_json=as_json)
                count += 1
            if not page["more"]:
                break
            after = page["next"]
    if not count:
        print_note("No such referral that your party may see.")


@referral.command("show")
def show(
    referral_id: ReferralId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Show one referral."""
    with open_client(hub, key) as client:
        row = to_json(client.read_referral(uid=referral_id))
    lines = [
        f"{name:18} {value}" for name, value in row.items() if value not in (None, [], "", False)
    ]
    print_result(row, as_json=as_json, line="\n".join(lines))


def _act(ask: "Callable[[Client], BaseModel]", *, hub: str, key: str, as_json: bool) -> None:
    """Send one request about a referral, and print the referral."""
    with open_client(hub, key) as client:
        done = to_json(ask(client))
    print_referral(done, as_json=as_json)


def print_referral(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one referral."""
    drill = " EXERCISE" if row["exercise"] else ""
    line = (
        f"{row['id']}  {row['reference']:14} {row['state']:13} {row['sender']} -> {row['provider']}"
        f"  {row['url']}{drill}"
    )
    print_result(row, as_json=as_json, line=line)
