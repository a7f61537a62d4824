# SPDX-License-Identifier: Apache-2.0
"""stemtide referral: search, assess, send, answer. What a referral asks for is voluntary."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.output import fail, give, tell
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

referral = typer.Typer(
    no_args_is_help=True, help="Referrals: content pointed out to a provider, voluntarily."
)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
ReferralId = Annotated[str, typer.Argument(help="The referral's id, from: stemtide referral list.")]
Provider = Annotated[str, typer.Option(help="The provider's name, from: stemtide party list.")]
Signals = Annotated[
    list[str] | None, typer.Option("--signal", help="Id of a signal of the content; several.")
]
Exercise = Annotated[bool, typer.Option("--exercise", help="Mark it as exercise.")]


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
    """Search before you send: who refers the same, what is similar, which holds stand."""
    body = {"url": url, "provider": provider, "signals": signal or [], "exercise": exercise}
    from stemtide.protocol.messages.referrals import SearchIn

    with asking(hub, key) as client:
        found = plain(client.search_before_sending(SearchIn.model_validate(body)))
    for one in found["findings"]:
        until = f" until {one['until']}" if one["until"] else ""
        line = (
            f"{one['kind']:9} {'open' if one['is_open'] else 'answered':9}"
            f" {one['party']} {one['reference']}{until}  {one['contact']}"
        )
        give(one, as_json=as_json, line=line)
    tell(_comes_to(found))


def _comes_to(found: dict[str, Any]) -> str:
    """What a search comes to, in words."""
    if found["is_held"]:
        return f"{found['canonical']}: a hold stands on it, so a referral would wait."
    if found["needs_despite"]:
        return (
            f"{found['canonical']}: another's referral awaits its answer; sending needs --despite."
        )
    return f"{found['canonical']}: nothing speaks against sending."


@referral.command("assess")
def assess(
    url: Annotated[str, typer.Argument(help="The address of the content.")],
    provider: Provider,
    label: Annotated[list[str], typer.Option(help="What the content does; several allowed.")],
    reason: Annotated[str, typer.Option(help="Why, for the provider; nothing about a person.")],
    terms: Annotated[str, typer.Option(help="The clause of its terms that it breaks.")] = "",
    content_type: Annotated[ContentType, typer.Option(help="What is there.")] = ContentType.OTHER,
    language: Annotated[str, typer.Option(help="The tag of its language.")] = "",
    ideology: Annotated[str, typer.Option(help="What moved its makers, if you know.")] = "",
    crisis: Annotated[str, typer.Option(help="Id of the crisis it belongs to.")] = "",
    signal: Signals = None,
    again: Annotated[
        bool, typer.Option("--again", help="It came back after it was answered.")
    ] = False,
    send: Annotated[bool, typer.Option("--send", help="Send it as well.")] = False,
    despite: Annotated[
        str, typer.Option(help="With --send: why, although another refers the same.")
    ] = "",
    exercise: Exercise = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, record nothing.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Record assessed content; with --send refer it at once, unless a hold stands on it."""
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
        give(body, as_json=True, line="")
        tell("Nothing was sent.")
        return
    from stemtide.protocol.messages.referrals import AssessIn

    with asking(hub, key) as client:
        made = plain(client.refer(AssessIn.model_validate(body), send=send, despite=despite))
    tell_referral(made, as_json=as_json)


@referral.command("send")
def send(
    referral_id: ReferralId,
    despite: Annotated[str, typer.Option(help="Why, although another refers the same.")] = "",
    override: Annotated[
        str, typer.Option(help="The emergency for which it does not wait for a hold.")
    ] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Send an assessed referral. It waits where a hold stands on it."""
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
    reason: Annotated[DropReason, typer.Option(help="Why it is not referred.")],
    note: Annotated[str, typer.Option(help="A word on it.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Decide not to refer what was assessed."""
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
    reason: Annotated[TakeBackReason, typer.Option(help="Why it is taken back.")],
    note: Annotated[str, typer.Option(help="A word for the provider.")] = "",
    signals: Annotated[
        bool, typer.Option("--signals", help="Withdraw your linked signals as well.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Withdraw a referral that was sent; its provider is told."""
    if not yes:
        fail(f"this withdraws {referral_id} for good; say --yes to do it", code=2)
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
    context: Annotated[str, typer.Argument(help="What the provider asked for.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Give the context that the provider asked for; the referral is sent again with it."""
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
    reference: Annotated[str, typer.Option(help="How you call the case.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """As a provider: say that a person has it."""
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
    word: Annotated[Answer, typer.Argument(metavar="ANSWER", help="What became of it.")],
    measure_at: Annotated[str, typer.Option(help="When it was done, with its zone.")] = "",
    country: Annotated[
        list[str] | None, typer.Option(help="For geo_blocked: where; several.")
    ] = None,
    reason: Annotated[RefusalReason | None, typer.Option(help="For refused: why.")] = None,
    note: Annotated[str, typer.Option(help="In words; nothing about a person.")] = "",
    question: Annotated[str, typer.Option(help="For needs_context: what you must know.")] = "",
    reference: Annotated[str, typer.Option(help="How you call the case.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """As a provider: say what became of it, or ask for context. You are free to refuse."""
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
    note: Annotated[str, typer.Option(help="Why acting on it was wrong.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """As a provider: say that the content is there again."""
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
        list[ReferralState] | None, typer.Option(help="Only these states; several.")
    ] = None,
    provider: Provider = "",
    sender: Annotated[str, typer.Option(help="Only those of this party.")] = "",
    batch: Annotated[str, typer.Option(help="Only those of this batch.")] = "",
    reference: Annotated[str, typer.Option(help="Only the one with this file reference.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """List the referrals that your party made or got, oldest first."""
    after = count = 0
    with asking(hub, key) as client:
        while True:
            page = plain(
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
                tell_referral(row, as_json=as_json)
                count += 1
            if not page["more"]:
                break
            after = page["next"]
    if not count:
        tell("There is no such referral that your party may see.")


@referral.command("show")
def show(
    referral_id: ReferralId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Show one referral."""
    with asking(hub, key) as client:
        found = plain(client.read_referral(uid=referral_id))
    lines = [
        f"{name:18} {value}" for name, value in found.items() if value not in (None, [], "", False)
    ]
    give(found, as_json=as_json, line="\n".join(lines))


def _act(ask: "Callable[[Client], BaseModel]", *, hub: str, key: str, as_json: bool) -> None:
    """Do something to a referral, and say how it stands then."""
    with asking(hub, key) as client:
        done = plain(ask(client))
    tell_referral(done, as_json=as_json)


def tell_referral(row: dict[str, Any], *, as_json: bool) -> None:
    """Hand out one referral."""
    drill = " EXERCISE" if row["exercise"] else ""
    line = (
        f"{row['id']}  {row['reference']:14} {row['state']:13} {row['sender']} -> {row['provider']}"
        f"  {row['url']}{drill}"
    )
    give(row, as_json=as_json, line=line)
