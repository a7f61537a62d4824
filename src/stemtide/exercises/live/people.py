# SPDX-License-Identifier: Apache-2.0
"""Recognise in the ledger that a member of the cast did a step, and the material it needs."""

from base64 import b64encode
from uuid import UUID

from stemtide.exercises import fingerprints
from stemtide.exercises.play.context import Context
from stemtide.protocol.exercises import RunEntryOut, RunFileIn
from stemtide.scenarios import acts
from stemtide.scenarios.schema import BotRule

_SHARED = frozenset({"signal.shared", "signals.shared"})

SHOWN_BY: dict[type[acts.BaseAct], frozenset[str]] = {
    acts.Warn: frozenset({"crisis.warned"}),
    acts.RateCrisis: frozenset({"crisis.triaged"}),
    acts.AnswerChecks: frozenset({"check.answered"}),
    acts.ConsiderMeasure: frozenset({"measure.considered"}),
    acts.Propose: frozenset({"proposal.opened"}),
    acts.Confirm: frozenset({"crisis.activated", "crisis.confirmed", "crisis.closed"}),
    acts.DeclineProposal: frozenset({"proposal.declined"}),
    acts.Close: frozenset({"crisis.closed"}),
    acts.Deescalate: frozenset({"crisis.deescalated"}),
    acts.Invite: frozenset({"participant.invited"}),
    acts.Join: frozenset({"participant.joined"}),
    acts.Post: frozenset({"message.posted"}),
    acts.ShareContent: _SHARED,
    acts.Opine: frozenset({"opinion.given"}),
    acts.Withdraw: frozenset({"signal.withdrawn"}),
    acts.ReportLead: frozenset({"lead.reported"}),
    acts.ReceiveLead: frozenset({"lead.received"}),
    acts.PassOnLead: frozenset({"lead.forwarded"}),
    acts.PlaceHold: frozenset({"hold.placed"}),
    acts.Refer: frozenset({"referral.sent", "referrals.sent"}),
    acts.AnswerReferrals: frozenset({"referral.answered"}),
    acts.IssueOrder: frozenset({"order.issued"}),
    acts.ConfirmOrder: frozenset({"order.confirmed"}),
    acts.ExecuteOrder: frozenset({"order.executed"}),
    acts.SuspendOrder: frozenset({"order.suspended"}),
    acts.WithdrawOrder: frozenset({"order.withdrawn"}),
}
"""The kinds of ledger entries with which each act of a party shows."""

_WITH_CONTENT = (acts.ShareContent, acts.PlaceHold, acts.Refer, acts.IssueOrder)


def is_shown(rule: BotRule, entry: RunEntryOut) -> bool:
    """Whether an entry shows that the member of a rule did its act."""
    return entry.actor == rule.by and entry.kind in SHOWN_BY[type(rule.do)]


def ids_of(entry: RunEntryOut, context: Context) -> list[UUID]:
    """Return the ids of what an entry made, as later steps name it."""
    if entry.kind == "proposal.opened":
        return _open_proposals(context)
    thing, _, name = entry.subject.partition(":")
    return [UUID(name)] if thing in {"signal", "lead", "order", "referral"} else []


def materials(context: Context, people: frozenset[str]) -> dict[str, list[str]]:
    """Return the content that people need, as a text for each member that they play."""
    texts: dict[str, list[str]] = {}
    contents = {
        (rule.by, rule.do.content)
        for rule in context.scenario.rules
        if rule.by in people and isinstance(rule.do, _WITH_CONTENT)
    }
    for member, content in sorted(contents):
        texts.setdefault(member, []).append(_material(context, content))
    return texts


def copies_to_upload(context: Context, act: acts.UploadCopies) -> tuple[str, tuple[RunFileIn, ...]]:
    """Return what people of a provider are to upload: a text, and a file of each variant."""
    times = f"{act.copies} times each" if act.copies > 1 else "once each"
    if context.content.is_address(act.content):
        links = [context.content.address(act.content, variant=name) for name in act.variants]
        return f"EXERCISE. Users post these links at your service, {times}: {' '.join(links)}", ()
    files = [
        _file(f"{act.content}-{variant}", context.content.file(act.content, variant=variant))
        for variant in act.variants
    ]
    text = (
        "EXERCISE. Users upload these files at your service. Send them through your own upload"
        f" path, {times}. Your agent must be in exercise mode."
    )
    return text, tuple(files)


def _file(name: str, content: bytes) -> RunFileIn:
    """Return a file with the suffix of its kind."""
    kinds = {b"\x89PNG": "png", b"\xff\xd8\xff\xe0": "jpg"}
    suffix = "mp4" if content[4:8] == b"ftyp" else kinds.get(content[:4], "txt")
    return RunFileIn(name=f"{name}.{suffix}", content=b64encode(content).decode())


def _material(context: Context, content: str) -> str:
    """Return an address, or the fingerprints of content as the page Share takes them."""
    if context.content.is_address(content):
        return f"EXERCISE. Material “{content}”: {context.content.address(content)}"
    fields = fingerprints.shareable_fields(context.content.file(content), sandbox=context.sandbox)
    lines = "\n".join(
        f"{row['kind']}:{row['value']}"
        for row in fields
        if len(str(row["value"])) <= 128  # noqa: PLR2004  # long ones cannot be pasted
    )
    return f"EXERCISE. Material “{content}”. Its fingerprints, for the page Share:\n{lines}"


def _open_proposals(context: Context) -> list[UUID]:
    """Return the open proposals of the crisis, the latest one, as a bot in its room reads them."""
    crisis = context.crisis
    for hub in context.world.hubs.values() if crisis is not None else ():
        if crisis in {row.id for row in hub.list_crises()}:
            proposals = hub.read_crisis(uid=crisis).proposals
            return [proposal.id for proposal in proposals if proposal.state == "open"][-1:]
    return []
