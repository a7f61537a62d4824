# SPDX-License-Identifier: Apache-2.0
"""stemtide situation, lead and search: what is known in a crisis, said and found."""

from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.output import fail, give, tell
from stemtide.protocol.enums import (
    CountryGround,
    LeadBasis,
    LeadLevel,
    LeadOutcome,
    MessageKind,
    Urgency,
    Vote,
)
from stemtide.protocol.handling import Tlp

situation = typer.Typer(no_args_is_help=True, help="A crisis' log and its public lines.")
lead = typer.Typer(no_args_is_help=True, help="Leads to a threat to life.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
CrisisId = Annotated[str, typer.Argument(help="The crisis' id, from: stemtide crisis list.")]
LeadId = Annotated[str, typer.Argument(help="The lead's id, from: stemtide lead list.")]


@situation.command("log")
def read_log(
    crisis_id: CrisisId,
    after: Annotated[int, typer.Option(min=0, help="Only messages after this number.")] = 0,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Read the situation log, oldest first."""
    with asking(hub, key) as client:
        while True:
            page = plain(client.read_log(uid=crisis_id, after=after, limit=500))
            for row in page["messages"]:
                _tell_message(row, as_json=as_json)
            after = page["next"]
            if not page["more"]:
                return


@situation.command("post")
def post(
    crisis_id: CrisisId,
    text: Annotated[str, typer.Argument(help="What you say; nothing about a person.")],
    kind: Annotated[MessageKind, typer.Option(help="What it is.")] = MessageKind.OBSERVATION,
    urgency: Annotated[Urgency, typer.Option(help="How soon it must be read.")] = Urgency.ROUTINE,
    tlp: Annotated[Tlp, typer.Option(help="Who may read it.")] = Tlp.AMBER,
    audience: Annotated[
        list[str] | None, typer.Option(help="Only these parties; needed for TLP red.")
    ] = None,
    language: Annotated[str, typer.Option(help="The tag of its language.")] = "en",
    signal: Annotated[str, typer.Option(help="Id of the signal it speaks of.")] = "",
    answers: Annotated[str, typer.Option(help="Id of the question it answers.")] = "",
    corrects: Annotated[str, typer.Option(help="Id of your message that it corrects.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Write into the situation log. A message is never edited: correct it with another."""
    body = {
        "kind": kind,
        "text": text,
        "urgency": urgency,
        "tlp": tlp,
        "audience": audience or [],
        "language": language,
        "signal": signal or None,
        "answers": answers or None,
        "corrects": corrects or None,
    }
    from stemtide.protocol.messages.situation import MessageIn

    with asking(hub, key) as client:
        made = plain(client.post_message(MessageIn.model_validate(body), uid=crisis_id))
    _tell_message(made, as_json=as_json)


@situation.command("lines")
def lines(
    crisis_id: CrisisId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """List the public lines; only those marked agreed may be used."""
    with asking(hub, key) as client:
        for row in plain(client.list_lines(uid=crisis_id)):
            _tell_line(row, as_json=as_json)


@situation.command("propose")
def propose(
    crisis_id: CrisisId,
    text: Annotated[list[str], typer.Argument(metavar="LANGUAGE=TEXT…", help="Such as en=…")],
    replaces: Annotated[str, typer.Option(help="Id of the line that it takes the place of.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Propose a public line, in one or more languages."""
    texts = dict(one.partition("=")[::2] for one in text)
    if not all(texts.values()):
        fail("write each wording as LANGUAGE=TEXT, such as 'en=Do not share the video.'", code=2)
    body = {"texts": texts, "replaces": replaces or None}
    from stemtide.protocol.messages.situation import LineIn

    with asking(hub, key) as client:
        made = plain(client.propose_line(LineIn.model_validate(body), uid=crisis_id))
    _tell_line(made, as_json=as_json)


@situation.command("vote")
def vote(
    line_id: Annotated[str, typer.Argument(help="The line's id.")],
    word: Annotated[Vote, typer.Argument(metavar="agree|object")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Agree to a public line, or object to it."""
    from stemtide.protocol.messages.situation import VoteIn

    with asking(hub, key) as client:
        made = plain(client.vote_on_line(VoteIn(vote=word, note=note), uid=line_id))
    _tell_line(made, as_json=as_json)


@lead.command("report")
def report(
    facts: Annotated[str, typer.Argument(help="What you know.")],
    level: Annotated[LeadLevel, typer.Option(help="How much is known.")],
    basis: Annotated[list[LeadBasis], typer.Option(help="The duty; both may be named.")],
    reasons: Annotated[str, typer.Option(help="Why you think that a life is in danger.")],
    callback: Annotated[str, typer.Option(help="Where you are called back, at any hour.")],
    country: Annotated[str, typer.Option(help="The one concerned; empty: not known.")] = "",
    country_ground: Annotated[
        list[CountryGround] | None, typer.Option(help="Why it is concerned; several may be named.")
    ] = None,
    to: Annotated[str, typer.Option(help="The party, where several could be.")] = "",
    address: Annotated[str, typer.Option(help="Web address of the content.")] = "",
    posted_at: Annotated[str, typer.Option(help="When it was posted, with its zone.")] = "",
    locate: Annotated[str, typer.Option(help="What helps to find the person; no more.")] = "",
    crisis: Annotated[str, typer.Option(help="Id of the crisis it belongs to.")] = "",
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark it as exercise.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Report a lead to a threat to life. If a life is in danger now, call the police first."""
    body = {
        "facts": facts,
        "level": level,
        "bases": basis,
        "reasons": reasons,
        "callback": callback,
        "country": country,
        "country_grounds": country_ground or [],
        "to": to,
        "address": address,
        "posted_at": posted_at or None,
        "locate": locate,
        "crisis": crisis or None,
        "exercise": exercise,
    }
    from stemtide.protocol.messages.situation import LeadIn

    with asking(hub, key) as client:
        _tell_lead(plain(client.report_lead(LeadIn.model_validate(body))), as_json=as_json)


@lead.command("list")
def list_leads(hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """List the leads that your party may see, the gravest open ones first."""
    with asking(hub, key) as client:
        rows = plain(client.list_leads())
    if not rows:
        tell("There is no lead that your party may see.")
    for row in rows:
        _tell_lead(row, as_json=as_json)


@lead.command("receive")
def receive(
    lead_id: LeadId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Say that you have a lead."""
    with asking(hub, key) as client:
        _tell_lead(plain(client.receive_lead(uid=lead_id)), as_json=as_json)


@lead.command("pass")
def pass_on(
    lead_id: LeadId,
    to: Annotated[str, typer.Option(help="A party here; empty: your own investigators.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Pass a lead on to those who can act."""
    from stemtide.protocol.messages.situation import LeadPassIn

    with asking(hub, key) as client:
        done = plain(client.pass_on_lead(LeadPassIn(to=to), uid=lead_id))
    _tell_lead(done, as_json=as_json)


@lead.command("close")
def close(
    lead_id: LeadId,
    outcome: Annotated[LeadOutcome, typer.Option(help="What became of it.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Say what became of a lead. Its words are erased 30 days later, or before."""
    from stemtide.protocol.messages.situation import LeadCloseIn

    with asking(hub, key) as client:
        done = plain(client.close_lead(LeadCloseIn(outcome=outcome), uid=lead_id))
    _tell_lead(done, as_json=as_json)


def search(
    query: Annotated[str, typer.Argument(help="An id, a hash, an address, a label or words.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Search crises, signals and messages, as far as your party may see them."""
    with asking(hub, key) as client:
        found = plain(client.search(q=query))
    tell(f"Taken for: {found['recognised']}.")
    if not found["groups"]:
        tell("Nothing was found that your party may see.")
    for group in found["groups"]:
        for one in group["found"]:
            near = "" if one["within_bits"] is None else f" {one['within_bits']} bits away"
            line = f"{group['kind']:9} {one['id']}  {one['title']}{near}"
            give(one | {"kind": group["kind"]}, as_json=as_json, line=line)
        if group["more"]:
            tell(f"There are more {group['kind']}: see the desk, or ask the API for page 2.")


def _tell_message(row: dict[str, Any], *, as_json: bool) -> None:
    """Hand out one message."""
    drill = " EXERCISE" if row["exercise"] else ""
    line = (
        f"{row['number']:>5}  {row['id']}  TLP:{row['tlp'].upper()} {row['urgency']} {row['kind']}"
        f"  {row['posted_by']}: {row['text']}{drill}"
    )
    give(row, as_json=as_json, line=line)


def _tell_line(row: dict[str, Any], *, as_json: bool) -> None:
    """Hand out one public line."""
    words = " | ".join(f"{language}: {text}" for language, text in row["texts"].items())
    give(row, as_json=as_json, line=f"{row['id']}  {row['state']:10} {words}")


def _tell_lead(row: dict[str, Any], *, as_json: bool) -> None:
    """Hand out one lead, without its words."""
    where = f"{row['sent_by']} -> {row['addressed_to']}"
    give(row, as_json=as_json, line=f"{row['id']}  {row['state']:10} {row['level']:16} {where}")
