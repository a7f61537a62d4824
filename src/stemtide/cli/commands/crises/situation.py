# SPDX-License-Identifier: Apache-2.0
"""stemtide situation, lead and search: the log of a crisis, public lines, and leads."""

from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.hub_command import Request, hub_command, read_pages
from stemtide.cli.output import AsJson, fail, print_note, print_result
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

CrisisId = Annotated[str, typer.Argument(help="The crisis id, from: stemtide crisis list.")]
LeadId = Annotated[str, typer.Argument(help="The lead's id, from: stemtide lead list.")]


def _message_line(row: dict[str, Any]) -> str:
    """Describe a message on one line."""
    drill = " EXERCISE" if row["exercise"] else ""
    linked = "".join(
        f" [{reference['token']} = {reference['id']} {reference['name']}]"
        for reference in row["references"]
        if reference["id"]
    )
    return (
        f"{row['number']:>5}  {row['id']}  TLP:{row['tlp'].upper()} {row['urgency']} {row['kind']}"
        f"  {row['posted_by']}: {row['text']}{linked}{drill}"
    )


def _public_line(row: dict[str, Any]) -> str:
    """Describe a public line on one line."""
    words = " | ".join(f"{language}: {text}" for language, text in row["texts"].items())
    return f"{row['id']}  {row['state']:10} {words}"


def _lead_line(row: dict[str, Any]) -> str:
    """Describe a lead on one line, without its text."""
    where = f"{row['sent_by']} -> {row['addressed_to']}"
    return f"{row['id']}  {row['state']:10} {row['level']:16} {where}"


@hub_command(situation, "log", line=_message_line)
def read_log(
    crisis_id: CrisisId,
    after: Annotated[int, typer.Option(min=0, help="Only messages after this number.")] = 0,
) -> Request:
    """Show the situation log, oldest first."""
    return lambda client: read_pages(
        client.read_log, "messages", uid=crisis_id, after=after, limit=500
    )


@hub_command(situation, "post", line=_message_line)
def post(
    crisis_id: CrisisId,
    text: Annotated[
        str,
        typer.Argument(help="The text; no personal data. It may have @role:lead or #signal:ID."),
    ],
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
) -> Request:
    """Post to the situation log. A message is never edited: correct it with another."""
    from stemtide.protocol.messages.situation import MessageIn

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
    return lambda client: client.post_message(MessageIn.model_validate(body), uid=crisis_id)


@hub_command(situation, "lines", line=_public_line)
def lines(crisis_id: CrisisId) -> Request:
    """List the public lines; only agreed ones may be used."""
    return lambda client: client.list_lines(uid=crisis_id)


@hub_command(situation, "propose", line=_public_line)
def propose(
    crisis_id: CrisisId,
    text: Annotated[list[str], typer.Argument(metavar="LANGUAGE=TEXT…", help="Such as en=…")],
    replaces: Annotated[str, typer.Option(help="Id of the line that it replaces.")] = "",
) -> Request:
    """Propose a public line, in one or more languages."""
    from stemtide.protocol.messages.situation import PublicStatementIn

    texts = dict(wording.partition("=")[::2] for wording in text)
    if not all(texts.values()):
        fail("write each wording as LANGUAGE=TEXT, such as 'en=Do not share the video.'", code=2)
    return lambda client: client.propose_line(
        PublicStatementIn.model_validate({"texts": texts, "replaces": replaces or None}),
        uid=crisis_id,
    )


@hub_command(situation, "vote", line=_public_line)
def vote(
    line_id: Annotated[str, typer.Argument(help="The line's id.")],
    word: Annotated[Vote, typer.Argument(metavar="agree|object")],
    note: Annotated[str, typer.Option(help="Reason.")] = "",
) -> Request:
    """Agree to a public line, or object to it."""
    from stemtide.protocol.messages.situation import VoteIn

    return lambda client: client.vote_on_line(VoteIn(vote=word, note=note), uid=line_id)


@hub_command(lead, "report", line=_lead_line)
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
) -> Request:
    """Report a lead to a threat to life. If a life is in danger now, call the police first."""
    from stemtide.protocol.messages.situation import LeadIn

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
    return lambda client: client.report_lead(LeadIn.model_validate(body))


@hub_command(lead, "list", line=_lead_line, empty="No lead that your party may see.")
def list_leads() -> Request:
    """List the leads that your party may see, gravest open ones first."""
    return lambda client: client.list_leads()


@hub_command(lead, "receive", line=_lead_line)
def receive(lead_id: LeadId) -> Request:
    """Confirm that your party received a lead."""
    return lambda client: client.receive_lead(uid=lead_id)


@hub_command(lead, "pass", line=_lead_line)
def pass_on(
    lead_id: LeadId,
    to: Annotated[str, typer.Option(help="A party here. Default: your own investigators.")] = "",
) -> Request:
    """Pass a lead on to those who can act."""
    from stemtide.protocol.messages.situation import LeadPassIn

    return lambda client: client.pass_on_lead(LeadPassIn(to=to), uid=lead_id)


@hub_command(lead, "close", line=_lead_line)
def close(
    lead_id: LeadId, outcome: Annotated[LeadOutcome, typer.Option(help="Outcome.")]
) -> Request:
    """Close a lead with its outcome. Its text is erased within 30 days."""
    from stemtide.protocol.messages.situation import LeadCloseIn

    return lambda client: client.close_lead(LeadCloseIn(outcome=outcome), uid=lead_id)


def search(
    query: Annotated[str, typer.Argument(help="An id, a hash, an address, a label or words.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Search crises, signals and messages.

    Finds only what your party may see.
    """
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
