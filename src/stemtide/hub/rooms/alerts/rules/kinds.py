# SPDX-License-Identifier: Apache-2.0
"""The table of alerts: the ledger kinds that raise them, addressees, urgency and channels.

To add a kind: a row here, its texts in texts/alerts.py, a row in docs/use/alerts.md.

Nothing is sent to a party that has not joined, except an invitation, and an early warning to its
addressees; reads/addressees.py enforces that for every row.
"""

from collections.abc import Mapping
from typing import Any

from stemtide.hub.rooms.alerts.rules.alerts import Urgency
from stemtide.hub.rooms.alerts.rules.rows import AT_THE_DESK, Addressees, AlertRule


def _kinds(*names: str) -> frozenset[str]:
    """Return a set of ledger kinds."""
    return frozenset(names)


_ENDED = _kinds("order.withdrawn", "order.annulled")
_ANSWERED = _kinds("order.executed", "order.suspended") | _ENDED
"""Entries after which a removal order needs no answer."""


def _order(
    *on: str,
    urgency: Urgency = Urgency.NOW,
    until: frozenset[str] = _ENDED,
    **more: Any,  # noqa: ANN401  # of AlertRule
) -> AlertRule:
    """Return a rule for alerts about removal orders, to the parties that the entry names."""
    return AlertRule(
        who=Addressees.INVITED,
        urgency=urgency,
        on=_kinds(*on),
        overtaken_by=until,
        sealed=True,
        reaches_suspended=True,
        **more,
    )


def _referral(*on: str, urgency: Urgency = Urgency.SOON, until: str = "", **more: Any) -> AlertRule:  # noqa: ANN401  # of AlertRule
    """Return a rule for alerts about referrals and holds, to the parties that the entry names."""
    ends = _kinds("referral.withdrawn", *until.split())
    return AlertRule(
        who=Addressees.INVITED,
        urgency=urgency,
        on=_kinds(*on),
        overtaken_by=ends,
        reaches_suspended=True,
        **more,
    )


_DECIDED = _kinds(
    *("approval.approved", "approval.refused", "approval.withdrawn", "approval.expired")
)
"""Entries after which an act no longer waits for a second look."""


REQUESTS: Mapping[str, AlertRule] = {
    "order_information": _order("information.given", urgency=Urgency.SOON, until=frozenset()),
    "order": _order(
        "order.issued",
        until=_ANSWERED | {"order.acknowledged"},
        escalates=True,
        at_once=True,
    ),
    "order_entered": _order(
        "order.entered",
        urgency=Urgency.SOON,
        until=_ENDED | {"entry.confirmed", "entry.disputed"},
    ),
    "entry_answered": _order(
        "entry.confirmed", "entry.disputed", urgency=Urgency.SOON, until=frozenset()
    ),
    "order_copy": _order("order.copied", urgency=Urgency.SOON, until=_ENDED | {"copy.received"}),
    "order_executed": _order("order.executed", urgency=Urgency.SOON),
    "order_suspended": _order(
        "order.suspended", until=_ENDED | {"order.resumed", "order.executed"}, escalates=True
    ),
    "order_resumed": _order("order.resumed", until=_ANSWERED, escalates=True, at_once=True),
    "order_missed": _order("order.missed", until=_ANSWERED),
    "order_ended": _order(
        "order.withdrawn", "order.annulled", until=_kinds("order.reinstated"), escalates=True
    ),
    "order_prolonged": _order("order.prolonged", urgency=Urgency.SOON),
    "order_overlapped": _order("order.overlapped", urgency=Urgency.SOON),
    "order_reinstated": _order("order.reinstated", urgency=Urgency.SOON, until=frozenset()),
    "order_appealed": _order("order.appealed", urgency=Urgency.SOON),
    "appeal_decided": _order("appeal.decided", urgency=Urgency.SOON),
    "appeal_expired": _order(
        "appeal.expired", urgency=Urgency.SOON, until=_ENDED | {"order.finalised", "order.appealed"}
    ),
    "order_final": _order("order.finalised", urgency=Urgency.SOON),
    "finality_communicated": _order(
        "finality.communicated", urgency=Urgency.SOON, until=frozenset({"finality.corrected"})
    ),
    "finality_corrected": _order("finality.corrected", urgency=Urgency.SOON, until=frozenset()),
    "scrutiny": _order(
        "scrutiny.requested",
        "scrutiny.opened",
        urgency=Urgency.SOON,
        until=_kinds("scrutiny.confirmed", "scrutiny.infringed", "scrutiny.closed"),
        escalates=True,
        answered_by=_kinds("scrutiny.announced"),
    ),
    "scrutiny_announced": _order(
        "scrutiny.announced",
        until=_kinds("scrutiny.confirmed", "scrutiny.infringed", "scrutiny.closed"),
        escalates=True,
    ),
    "scrutiny_decided": _order("scrutiny.confirmed", urgency=Urgency.SOON),
    "scrutiny_communicated": _order(
        "scrutiny.communicated", urgency=Urgency.SOON, until=frozenset()
    ),
    "scrutiny_missed": _order(
        "scrutiny.missed",
        until=_kinds("scrutiny.confirmed", "scrutiny.infringed", "scrutiny.closed"),
    ),
    "referral": _referral("referral.sent", until="referral.acknowledged referral.answered"),
    "referrals": _referral("referrals.sent"),
    "referral_explained": _referral("referral.explained", until="referral.answered"),
    "referral_question": _referral(
        "referral.answered", until="referral.explained", answer="needs_context"
    ),
    "referral_answer": _referral(
        "referral.answered",
        "referral.reinstated",
        urgency=Urgency.ROUTINE,
        channels=AT_THE_DESK,
        once=("by",),
    ),
    "referral_withdrawn": _referral("referral.withdrawn"),
    "referral_freed": _referral(
        "referral.freed", until="referral.sent referral.dropped", once=("by",)
    ),
    "referral_overlap": _referral("referral.overlapped", once=("by",)),
    "hold_met": _referral("hold.met", until="hold.lifted hold.expired", once=("by",)),
    "hold_ordered": _referral(
        "hold.ordered", urgency=Urgency.NOW, until="hold.lifted hold.expired"
    ),
    "hold_overridden": _referral("hold.overridden", urgency=Urgency.NOW),
}
"""Alerts about removal orders, referrals and holds, which go to their two sides only."""

_AT_WORK = _kinds(
    *("crisis.triaged", "check.answered", "crisis.widened", "measure.considered"),
    *("proposal.opened", "proposal.declined", "proposal.withdrawn"),
    *(
        "crisis.activated",
        "crisis.confirmed",
        "crisis.deescalated",
        "crisis.resumed",
        "crisis.reviewed",
    ),
    *("crisis.linked", "crisis.unlinked", "neighbour.mirrored", "neighbour.updated"),
    *("participant.invited", "participant.uninvited", "participant.joined"),
    *("message.posted", "message.pinned", "message.unpinned", "preview.opened"),
    *("line.proposed", "line.agreed", "line.objected", "line.withdrawn"),
    *("task.given", "task.finished", "task.dropped", "task.reopened"),
    *("role.taken", "role.accepted", "role.declined", "role.given", "role.offered"),
)
"""Acts of people in a crisis. Acts of machines, such as sharing signals and reporting outcomes,
do not show that a person is there."""

_REVIEWED = _kinds("crisis.reviewed", "crisis.deescalated", "crisis.lapsed", "crisis.closed")
"""Entries that end the wait for a review."""

RULES: Mapping[str, AlertRule] = {
    "early_warning": AlertRule(
        who=Addressees.WARNED,
        urgency=Urgency.NOW,
        on=_kinds("crisis.warned"),
        escalates=True,
        overtaken_by=_kinds("crisis.activated", "crisis.closed"),
        answered_by=_AT_WORK,
    ),
    "concerned": AlertRule(
        who=Addressees.CONCERNED,
        urgency=Urgency.NOW,
        on=_kinds("crisis.widened"),
        escalates=True,
        overtaken_by=_kinds("crisis.closed"),
        answered_by=_AT_WORK,
    ),
    "invitation": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.NOW,
        on=_kinds("participant.invited"),
        escalates=True,
        overtaken_by=_kinds(
            "participant.joined",
            "participant.declined",
            "participant.left",
            "participant.uninvited",
        ),
        of_self=True,
    ),
    "proposal": AlertRule(
        who=Addressees.CONFIRMERS,
        urgency=Urgency.NOW,
        on=_kinds("proposal.opened"),
        escalates=True,
        overtaken_by=_kinds(
            *("proposal.declined", "proposal.withdrawn", "proposal.expired"),
            *("crisis.activated", "crisis.confirmed", "crisis.lapsed", "crisis.closed"),
        ),
    ),
    "activated": AlertRule(
        who=Addressees.ROOM,
        urgency=Urgency.NOW,
        on=_kinds("crisis.activated", "crisis.resumed"),
        escalates=True,
        overtaken_by=_kinds("crisis.lapsed", "crisis.closed"),
        answered_by=_AT_WORK,
    ),
    "lapsed": AlertRule(who=Addressees.ROOM, urgency=Urgency.SOON, on=_kinds("crisis.lapsed")),
    "review_due": AlertRule(
        who=Addressees.LEADERS,
        urgency=Urgency.SOON,
        on=_kinds("review.prompted"),
        escalates=True,
        overtaken_by=_REVIEWED,
    ),
    "review_overdue": AlertRule(
        who=Addressees.LEADERS,
        urgency=Urgency.NOW,
        on=_kinds("review.required"),
        escalates=True,
        overtaken_by=_REVIEWED,
    ),
    "deescalated": AlertRule(
        who=Addressees.ROOM, urgency=Urgency.SOON, on=_kinds("crisis.deescalated")
    ),
    "closed": AlertRule(who=Addressees.ROOM, urgency=Urgency.SOON, on=_kinds("crisis.closed")),
    "ended": AlertRule(
        who=Addressees.ROOM,
        urgency=Urgency.ROUTINE,
        on=_kinds("crisis.ended"),
        channels=AT_THE_DESK,
    ),
    "lead": AlertRule(
        who=Addressees.ADDRESSED,
        urgency=Urgency.NOW,
        on=_kinds("lead.reported", "lead.forwarded"),
        escalates=True,
        overtaken_by=_kinds("lead.received", "lead.closed"),
        answered_by=_kinds("lead.forwarded"),
    ),
    "line_proposed": AlertRule(
        who=Addressees.ROOM,
        urgency=Urgency.SOON,
        on=_kinds("line.proposed"),
        overtaken_by=_kinds("line.agreed", "line.withdrawn"),
        once=("by", "crisis"),
    ),
    "role_offered": AlertRule(
        who=Addressees.COLLEAGUES,
        urgency=Urgency.SOON,
        on=_kinds("role.offered", "role.given"),
        overtaken_by=_kinds("role.accepted", "role.declined", "role.opened"),
        of_self=True,
        for_person=True,
    ),
    "task_given": AlertRule(
        who=Addressees.COLLEAGUES,
        urgency=Urgency.SOON,
        on=_kinds("task.given", "task.reopened"),
        overtaken_by=_kinds("task.finished", "task.dropped"),
        of_subject=True,
        for_person=True,
    ),
    "mentioned": AlertRule(
        who=Addressees.COLLEAGUES,
        urgency=Urgency.SOON,
        on=_kinds("message.mentioned"),
        overtaken_by=_kinds("crisis.closed"),
        for_person=True,
    ),
    "signal_disputed": AlertRule(
        who=Addressees.SHARER,
        urgency=Urgency.SOON,
        on=_kinds("opinion.given"),
        opinion="dispute",
        sums=True,
    ),
    "signal_question": AlertRule(
        who=Addressees.SHARER,
        urgency=Urgency.SOON,
        on=_kinds("question.sent"),
        sums=True,
    ),
    "question_answered": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.ROUTINE,
        on=_kinds("question.answered"),
        channels=AT_THE_DESK,
        sums=True,
    ),
    "signal_runs_away": AlertRule(
        who=Addressees.RESPONSIBLE,
        urgency=Urgency.SOON,
        on=_kinds("runaway.reported"),
        sums=True,
    ),
    "signal_lowered": AlertRule(
        who=Addressees.RESPONSIBLE,
        urgency=Urgency.NOW,
        on=_kinds("runaway.lowered"),
        sums=True,
    ),
    "dispute_set_aside": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.SOON,
        on=_kinds("dispute.dismissed"),
        sums=True,
    ),
    "dispute_answered": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.ROUTINE,
        on=_kinds("dispute.answered"),
        channels=AT_THE_DESK,
        sums=True,
    ),
    "disputes_set_aside": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.SOON,
        on=_kinds("disputes.dismissed"),
    ),
    "disputes_answered": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.ROUTINE,
        on=_kinds("disputes.answered"),
        channels=AT_THE_DESK,
    ),
    "signal_withdrawn": AlertRule(
        who=Addressees.READERS,
        urgency=Urgency.ROUTINE,
        on=_kinds("signal.withdrawn"),
        channels=AT_THE_DESK,
    ),
    "complaint": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.SOON,
        on=_kinds("complaint.filed"),
        overtaken_by=_kinds("complaint.taken", "complaint.withdrawn"),
        once=("party",),
        reaches_suspended=True,
    ),
    "complaint_overdue": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.SOON,
        on=_kinds("complaint.prompted"),
        overtaken_by=_kinds("complaint.decided", "complaint.withdrawn"),
        once=("party",),
    ),
    "redress_asked": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.SOON,
        on=_kinds("redress.asked"),
        overtaken_by=_kinds("redress.declined", "redress.granted", "redress.lapsed"),
        once=("by",),
    ),
    "redress_declined": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.ROUTINE,
        on=_kinds("redress.declined"),
        overtaken_by=_kinds("redress.accepted", "redress.granted", "redress.lapsed"),
        once=("by",),
    ),
    "redress_granted": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.ROUTINE,
        on=_kinds("redress.granted"),
        channels=AT_THE_DESK,
    ),
    "still_there": AlertRule(
        who=Addressees.SIDES,
        urgency=Urgency.SOON,
        on=_kinds("recheck.contradicted"),
        overtaken_by=_kinds("recheck.confirmed"),
    ),
    "came_back": AlertRule(
        who=Addressees.SIDES,
        urgency=Urgency.SOON,
        on=_kinds("recheck.returned"),
        overtaken_by=_kinds("recheck.confirmed"),
    ),
    "uploaded_again": AlertRule(
        who=Addressees.SIDES,
        urgency=Urgency.ROUTINE,
        on=_kinds("recheck.met"),
        channels=AT_THE_DESK,
    ),
    "exercise_prepared": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.SOON,
        on=_kinds("exercise.prepared"),
        overtaken_by=_kinds("exercise.ended"),
    ),
    "exercise_news": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.SOON,
        on=_kinds("exercise.informed"),
        overtaken_by=_kinds("exercise.ended"),
        sums=True,
    ),
    "exercise_interrupted": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.NOW,
        on=_kinds("exercise.interrupted"),
        overtaken_by=_kinds("exercise.resumed", "exercise.ended"),
    ),
    **REQUESTS,
    "order_waits": AlertRule(
        who=Addressees.COLLEAGUES,
        urgency=Urgency.NOW,
        on=_kinds("order.submitted"),
        escalates=True,
        overtaken_by=_ENDED | {"order.issued", "order.recalled", "order.confirmed"},
        sealed=True,
    ),
    "second_look_waits": AlertRule(
        who=Addressees.LOOKERS,
        urgency=Urgency.SOON,
        on=_kinds("approval.asked"),
        overtaken_by=_DECIDED,
        look="before",
        sums=True,
    ),
    "second_look_due": AlertRule(
        who=Addressees.LOOKERS,
        urgency=Urgency.NOW,
        on=_kinds("approval.asked"),
        overtaken_by=_DECIDED,
        look="after",
        escalates=True,
        sums=True,
    ),
    "second_look_ended": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.SOON,
        on=_kinds("approval.refused", "approval.expired"),
        sealed=True,
        sums=True,
    ),
    "suspension_waits": AlertRule(
        who=Addressees.AGENCIES,
        urgency=Urgency.NOW,
        on=_kinds("suspension.proposed"),
        escalates=True,
        overtaken_by=_kinds(
            *("suspension.declined", "suspension.withdrawn", "suspension.expired"),
            *("party.suspended", "party.restored"),
        ),
    ),
    "proposal_waits": AlertRule(
        who=Addressees.AGENCIES,
        urgency=Urgency.SOON,
        on=_kinds("competence.proposed", "exchange.proposed", "setting.proposed"),
        overtaken_by=_kinds(
            *("competence.declined", "competence.named", "competence.ended"),
            *("exchange.declined", "exchange.expired", "exchange.added"),
            *("setting.declined", "setting.changed", "setting.restored"),
        ),
    ),
    "restore_waits": AlertRule(
        who=Addressees.AGENCIES,
        urgency=Urgency.SOON,
        on=_kinds("log.restarted"),
        overtaken_by=_kinds("log.confirmed"),
    ),
    "suspended": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.NOW,
        on=_kinds("party.suspended"),
        overtaken_by=_kinds("party.restored"),
        reaches_suspended=True,
    ),
    "restored": AlertRule(
        who=Addressees.INVITED, urgency=Urgency.SOON, on=_kinds("party.restored")
    ),
    "unanswered": AlertRule(
        who=Addressees.COUNTERPARTS,
        urgency=Urgency.SOON,
        on=_kinds("alert.exhausted"),
        once=("party", "reference"),
    ),
    "dead_letter": AlertRule(
        who=Addressees.OWNER,
        urgency=Urgency.SOON,
        on=_kinds("delivery.exhausted"),
        channels=AT_THE_DESK,
        once=("party", "reference"),
    ),
    "webhook_disabled": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.SOON,
        on=_kinds("webhook.disabled"),
        overtaken_by=_kinds("webhook.resumed", "webhook.removed"),
    ),
    "account_locked": AlertRule(
        who=Addressees.INVITED,
        urgency=Urgency.SOON,
        on=_kinds("person.locked"),
        channels=AT_THE_DESK,
        overtaken_by=_kinds("person.locked", "person.unlocked", "person.erased"),
        sealed=True,
        mails_person=True,
    ),
}
"""Rules by kind of alert. A ledger kind may raise several, and several may raise the same."""

DRILL = AlertRule(who=Addressees.INVITED, urgency=Urgency.NOW, on=frozenset(), escalates=True)
"""The alert of a contact drill, raised by the drill and not from the ledger."""

DRILL_DUE = AlertRule(
    who=Addressees.COUNTERPARTS,
    urgency=Urgency.ROUTINE,
    on=frozenset(),
    channels=AT_THE_DESK,
    once=("party",),
)
"""The reminder that no drill was held for a quarter, raised by the scheduler."""

EVERY_KIND: Mapping[str, AlertRule] = {**RULES, "drill": DRILL, "drill_due": DRILL_DUE}
"""All kinds of alert."""

REACHES_SUSPENDED = frozenset(name for name, rule in EVERY_KIND.items() if rule.reaches_suspended)
"""The kinds of alert that a suspended party gets all the same."""

RAISES: Mapping[str, tuple[str, ...]] = {
    on: tuple(name for name, rule in RULES.items() if on in rule.on)
    for on in {kind for rule in RULES.values() for kind in rule.on}
}
"""The alerts that an entry of a ledger kind raises."""

OVERTAKES: Mapping[str, tuple[str, ...]] = {
    by: tuple(name for name, rule in RULES.items() if by in rule.overtaken_by)
    for by in {kind for rule in RULES.values() for kind in rule.overtaken_by}
}
"""The open alerts that an entry of a ledger kind ends."""

ANSWERS: Mapping[str, tuple[str, ...]] = {
    by: tuple(name for name, rule in RULES.items() if by in rule.answered_by)
    for by in {kind for rule in RULES.values() for kind in rule.answered_by}
}
"""The open alerts of its own that a party answers by an act."""

LEAVES = _kinds("participant.left", "participant.declined", "participant.uninvited")
"""Entries after which a party has left a crisis: its open alerts about the crisis end."""
