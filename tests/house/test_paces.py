# SPDX-License-Identifier: Apache-2.0
"""Whatever alerts people is either counted for its party, or has a reason here why it is not."""

from stemtide.hub.rooms.alerts.rules.kinds import RAISES
from stemtide.hub.rooms.ledger.rules.rate_limits import (
    GROUP_LABELS,
    HOURLY_LIMITS,
    LIMIT_GROUPS,
    LimitGroup,
)

BY_THE_CLOCK = {
    "crisis.lapsed",
    *(
        "approval.expired",
        "crisis.ended",
        "review.prompted",
        "review.required",
        "complaint.prompted",
    ),
    *("order.missed", "scrutiny.missed", "appeal.expired", "alert.exhausted", "delivery.exhausted"),
    *("recheck.contradicted", "recheck.returned", "recheck.met", "webhook.disabled"),
}
ANSWERS = {
    *("entry.confirmed", "entry.disputed"),
    *("order.executed", "order.reinstated", "scrutiny.confirmed", "referral.answered"),
    *("referral.reinstated", "redress.declined", "redress.granted"),
}
"""Of each there are as many as somebody else asked for, and the law may want it at once."""
EXERCISES = {
    "exercise.informed": "a key that plays exercises; one open alert counts what is new",
    "exercise.interrupted": "of an exercise that runs, and a person resumes it",
}
UNDOES = {
    *("signal.withdrawn", "referral.withdrawn", "order.withdrawn", "order.annulled"),
    "crisis.closed",
}
"""What was wrong must stop at any time."""
FOLLOWS = {
    "order.copied": "an order that is counted",
    "order.issued": "an order that was counted when it was submitted",
    "scrutiny.communicated": "a decision, of which there is one a scrutiny",
    "appeal.decided": "an appeal that is counted, once",
    "order.finalised": "an order that is counted, once; again only after an appeal that is counted",
    "finality.communicated": "an order that is final, once",
    "finality.corrected": "an appeal that is counted, or the outcome of one",
    "order.overlapped": "an order that is counted",
    "hold.ordered": "an order that is counted",
    "hold.met": "a referral; and one open alert a party",
    "person.locked": "wrong passwords or codes; once an hour for an account of the party itself",
    "hold.overridden": "a referral that is counted",
    "referral.overlapped": "a referral that is counted; and one open alert a party",
    "referral.freed": "a hold's end; and one open alert a party",
    "party.suspended": "a proposal that two people made, of which one waits a party",
    "party.restored": "a proposal that two people made, of which one waits a party",
}
ONE_OPEN_ALERT = {
    "approval.asked": "one open alert a party counts the acts that wait",
    "approval.refused": "once for each act that waited, to the party that asked",
    "runaway.reported": "one report an agent and signal counts, and one open alert adds them up",
    "runaway.lowered": "takes reports of several independent parties; one open alert",
    "question.sent": "one open question a party and signal, counted by the day",
    "question.answered": "once for each question that was counted",
    "opinion.given": "disputes of a party are counted by the day",
    "dispute.dismissed": "an agency decides on a dispute that was counted",
    "disputes.dismissed": "an agency decides, once, on disputes that were counted",
    "disputes.answered": "once for each decision on many disputes",
    "dispute.answered": "once for each dispute that was set aside",
    "complaint.filed": "by an uploader, with codes of a provider",
    "suspension.proposed": "by an agency, to agencies; one proposal waits a party",
    "exchange.proposed": "by an agency, to agencies; a party without people has one exchange",
    "log.restarted": "by the operator, to agencies; once a restore",
    "setting.proposed": "by an agency, to agencies; one proposal waits a setting",
    "competence.proposed": "by an agency, to agencies; one proposal waits a party",
    "redress.asked": "a provider asks the sharer on a complaint that was filed",
}


def test_every_act_that_alerts_people_has_a_pace_or_a_reason():
    reasons = BY_THE_CLOCK | ANSWERS | UNDOES | set(FOLLOWS) | set(ONE_OPEN_ALERT) | set(EXERCISES)
    assert reasons & set(LIMIT_GROUPS) == set()
    assert set(RAISES) - set(LIMIT_GROUPS) - reasons == set()
    assert reasons - set(RAISES) == set()


def test_every_pace_has_a_number_and_a_name_and_is_told_to_operators():
    from pathlib import Path

    page = Path("docs/run/hub.md").read_text("utf-8")
    assert set(HOURLY_LIMITS) == set(GROUP_LABELS) == set(LimitGroup) == set(LIMIT_GROUPS.values())
    assert [one for one in LimitGroup if f"`{one}` {HOURLY_LIMITS[one]:,}" not in page] == []
