# SPDX-License-Identifier: Apache-2.0
"""stemtide situation, lead and search: the log of a crisis, public lines, and leads."""

from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import fail, print_note, print_result
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

situation = typer.Typer(no_args_is_help=True, help="The log of a crisis, and public lines.")
lead = typer.Typer(no_args_is_help=True, help="Leads to a threat to life.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
CrisisId = Annotated[str, typer.Argument(help="The crisis id, from: stemtide crisis list.")]
LeadId = Annotated[str, typer.Argument(help="The lead's id, from: stemtide lead list.")]


@situation.command("log")
def read_log(
    crisis_id: CrisisId,
    after: Annotated[int, typer.Option(min=0, help="Only messages after this number.")] = 0,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Show the situation log, oldest first."""
    with open_client(hub, key) as client:
        while True:
            page = to_json(client.read_log(uid=crisis_id, after=after, limit=500))
            for row in page["messages"]:
                _print_message(row, as_json=as_json)
            after = page["next"]
            if not page["more"]:
                return


@situation.command("post")
def post(
    crisis_id: CrisisId,
    text: Annotated[str, typer.Argument(help="The text; no personal data.")],
    kind: Annotated[MessageKind, typer.Option(help="Kind of message.")] = MessageKind.OBSERVATION,
    urgency: Annotated[Urgency, typer.Option(help="Urgency of the message.")] = Urgency.ROUTINE,
    tlp: Annotated[Tlp, typer.Option(help="TLP marking of the message.")] = Tlp.AMBER,
    audience: Annotated[
        list[str] | None, typer.Option(help="Only these parties; needed for TLP red.")
    ] = None,
    language: Annotated[str, typer.Option(help="Language tag, such as en.")] = "en",
    signal: Annotated[str, typer.Option(help="Id of the signal it is about.")] = "",
    answers: Annotated[str, typer.Option(help="Id of the question it answers.")] = "",
    corrects: Annotated[str, typer.Option(help="Id of your message that it corrects.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Post to the situation log. A message is never edited: correct it with another."""
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

    with open_client(hub, key) as client:
        message = to_json(client.post_message(MessageIn.model_validate(body), uid=crisis_id))
    _print_message(message, as_json=as_json)


@situation.command("lines")
def lines(
    crisis_id: CrisisId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """List the public lines; only agreed ones may be used."""
    with open_client(hub, key) as client:
        for row in to_json(client.list_lines(uid=crisis_id)):
            _print_line(row, as_json=as_json)


@situation.command("propose")
def propose(
    crisis_id: CrisisId,
    text: Annotated[list[str], typer.Argument(metavar="LANGUAGE=TEXT…", help="Such as en=…")],
    replaces: Annotated[str, typer.Option(help="Id of the line that it replaces.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Propose a public line, in one or more languages."""
    texts = dict(wording.partition("=")[::2] for wording in text)
    if not all(texts.values()):
        fail("write each wording as LANGUAGE=TEXT, such as 'en=Do not share the video.'", code=2)
    body = {"texts": texts, "replaces": replaces or None}
    from stemtide.protocol.messages.situation import PublicStatementIn

    with open_client(hub, key) as client:
        row = to_json(client.propose_line(PublicStatementIn.model_validate(body), uid=crisis_id))
    _print_line(row, as_json=as_json)


@situation.command("vote")
def vote(
    line_id: Annotated[str, typer.Argument(help="The line's id.")],
    word: Annotated[Vote, typer.Argument(metavar="agree|object")],
    note: Annotated[str, typer.Option(help="Reason.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Agree to a public line, or object to it."""
    from stemtide.protocol.messages.situation import VoteIn

    with open_client(hub, key) as client:
        row = to_json(client.vote_on_line(VoteIn(vote=word, note=note), uid=line_id))
    _print_line(row, as_json=as_json)


@lead.command("report")
def report(
    facts: Annotated[str, typer.Argument(help="Known facts.")],
    level: Annotated[LeadLevel, typer.Option(help="How much is known.")],
    basis: Annotated[list[LeadBasis], typer.Option(help="Legal basis. Can be repeated.")],
    reasons: Annotated[str, typer.Option(help="Reasons to believe that a life is in danger.")],
    callback: Annotated[str, typer.Option(help="Contact for a call back, at any hour.")],
    country: Annotated[str, typer.Option(help="Country concerned. Default: not known.")] = "",
    country_ground: Annotated[
        list[CountryGround] | None,
        typer.Option(help="Reason why it is concerned. Can be repeated."),
    ] = None,
    to: Annotated[str, typer.Option(help="The party, if there are several.")] = "",
    address: Annotated[str, typer.Option(help="Web address of the content.")] = "",
    posted_at: Annotated[str, typer.Option(help="Time of posting, with UTC offset.")] = "",
    locate: Annotated[
        str, typer.Option(help="Information needed to locate the person; no more.")
    ] = "",
    crisis: Annotated[str, typer.Option(help="Id of its crisis.")] = "",
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark as an exercise.")] = False,
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

    with open_client(hub, key) as client:
        _print_lead(to_json(client.report_lead(LeadIn.model_validate(body))), as_json=as_json)


@lead.command("list")
def list_leads(hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """List the leads that your party may see, the gravest open ones first."""
    with open_client(hub, key) as client:
        rows = to_json(client.list_leads())
    if not rows:
        print_note("No lead that your party may see.")
    for row in rows:
        _print_lead(row, as_json=as_json)


@lead.command("receive")
def receive(
    lead_id: LeadId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Confirm that your party received a lead."""
    with open_client(hub, key) as client:
        _print_lead(to_json(client.receive_lead(uid=lead_id)), as_json=as_json)


@lead.command("pass")
def pass_on(
    lead_id: LeadId,
    to: Annotated[str, typer.Option(help="A party here. Default: your own investigators.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Pass a lead on to those who can act."""
    from stemtide.protocol.messages.situation import LeadPassIn

    with open_client(hub, key) as client:
        done = to_json(client.pass_on_lead(LeadPassIn(to=to), uid=lead_id))
    _print_lead(done, as_json=as_json)


@lead.command("close")
def close(
    lead_id: LeadId,
    outcome: Annotated[LeadOutcome, typer.Option(help="Outcome.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Close a lead with its outcome. Its text is erased within 30 days."""
    from stemtide.protocol.messages.situation import LeadCloseIn

    with open_client(hub, key) as client:
        done = to_json(client.close_lead(LeadCloseIn(outcome=outcome), uid=lead_id))
    _print_lead(done, as_json=as_json)


def search(
    query: Annotated[str, typer.Argument(help="An id, a hash, an address, a label or words.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Search the crises, signals and messages that your party may see."""
    with open_client(hub, key) as client:
        response = to_json(client.search(q=query))
    print_note(f"Recognised as: {response['recognised']}.")
    if not response["groups"]:
        print_note("No result that your party may see.")
    for group in response["groups"]:
        for hit in group["found"]:
            near = "" if hit["within_bits"] is None else f" {hit['within_bits']} bits away"
            line = f"{group['kind']:9} {hit['id']}  {hit['title']}{near}"
            print_result(hit | {"kind": group["kind"]}, as_json=as_json, line=line)
        if group["more"]:
            print_note(f"More results of kind {group['kind']}: see the desk, or page 2 of the API.")


def _print_message(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one message."""
    drill = " EXERCISE" if row["exercise"] else ""
    line = (
        f"{row['number']:>5}  {row['id']}  TLP:{row['tlp'].upper()} {row['urgency']} {row['kind']}"
        f"  {row['posted_by']}: {row['text']}{drill}"
    )
    print_result(row, as_json=as_json, line=line)


def _print_line(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one public line."""
    words = " | ".join(f"{language}: {text}" for language, text in row["texts"].items())
    print_result(row, as_json=as_json, line=f"{row['id']}  {row['state']:10} {words}")


def _print_lead(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one lead, without its text."""
    where = f"{row['sent_by']} -> {row['addressed_to']}"
    print_result(
        row, as_json=as_json, line=f"{row['id']}  {row['state']:10} {row['level']:16} {where}"
    )
