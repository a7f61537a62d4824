# SPDX-License-Identifier: Apache-2.0
"""Compute the delays of each party from the ledger: how long it took to answer. Pure."""

from dataclasses import dataclass

from stemtide.exercises.results.record import RecordedEntry, RunRecord


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction that parties owe. begins, ends: kinds of ledger entries about one subject.

    is_addressed: the first entry names who has to answer; otherwise any party's answer counts.
    """

    title: str
    begins: frozenset[str]
    ends: frozenset[str]
    is_addressed: bool = True


REACTIONS = (
    Reaction(
        "from an invitation to joining",
        frozenset({"participant.invited"}),
        frozenset({"participant.joined", "participant.declined"}),
    ),
    Reaction(
        "from a proposal to its answer",
        frozenset({"proposal.opened"}),
        frozenset({"crisis.activated", "crisis.closed", "proposal.declined"}),
        is_addressed=False,
    ),
    Reaction(
        "from a referral to its answer",
        frozenset({"referral.sent"}),
        frozenset({"referral.answered"}),
    ),
    Reaction(
        "from a removal order to its answer",
        frozenset({"order.issued"}),
        frozenset({"order.executed", "order.suspended"}),
    ),
    Reaction(
        "from a lead until it was read",
        frozenset({"lead.reported"}),
        frozenset({"lead.received"}),
        is_addressed=False,
    ),
    Reaction(
        "from a lead until it was passed on",
        frozenset({"lead.reported"}),
        frozenset({"lead.forwarded"}),
        is_addressed=False,
    ),
)
"""Reactions with a delay, in the order of a crisis."""


@dataclass(frozen=True, slots=True)
class Delay:
    """A party's delay. minutes: None if it did not answer. entries: the first and the last."""

    party: str
    reaction: str
    began_min: float
    minutes: float | None
    entries: tuple[int, ...]


def compute_delays(record: RunRecord) -> list[Delay]:
    """Return the delays of all parties, in the order of the first entries."""
    delays = [
        delay
        for reaction in REACTIONS
        for begin in record.of_kinds(reaction.begins)
        for delay in _delays_after(record, begin, reaction=reaction)
    ]
    return sorted(delays, key=lambda delay: (delay.began_min, delay.entries))


def _delays_after(record: RunRecord, begin: RecordedEntry, *, reaction: Reaction) -> list[Delay]:
    """Return the delays that an entry began: of each addressee, or of the party that answered."""
    answers = [
        entry
        for entry in record.of_kinds(reaction.ends)
        if entry.subject == begin.subject and entry.number > begin.number
    ]
    if not reaction.is_addressed:
        return (
            [_delay(begin, answers[0], party=answers[0].actor, reaction=reaction)]
            if answers
            else []
        )
    return [
        _delay(
            begin,
            next((answer for answer in answers if answer.actor == party), None),
            party=party,
            reaction=reaction,
        )
        for party in begin.addressees
    ]


def _delay(
    begin: RecordedEntry, end: RecordedEntry | None, *, party: str, reaction: Reaction
) -> Delay:
    minutes = None if end is None else round(end.at_min - begin.at_min, 2)
    numbers = (begin.number,) if end is None else (begin.number, end.number)
    return Delay(party, reaction.title, begin.at_min, minutes, numbers)
