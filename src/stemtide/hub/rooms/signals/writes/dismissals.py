# SPDX-License-Identifier: Apache-2.0
"""Write decisions on many disputes at once: set aside, take back, answer. Decision 0109.

A decision only marks the disputes. The clock weighs them anew, in steps, so that thousands of them
keep no other write waiting, and a stopped hub goes on where it was.
"""

from collections import Counter
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import Dismissal, DismissedParty, DisputeTally, OpinionRow
from stemtide.hub.rooms.signals.reads import dismissals as reads
from stemtide.hub.rooms.signals.rules import disputes as rules
from stemtide.hub.rooms.signals.writes.opinions import follow_standing
from stemtide.protocol.trust.disputes import DismissalAnswerIn, DismissalOut, DismissIn


@transaction.atomic
def dismiss(name: str, *, body: DismissIn, by: Actor, now: datetime) -> DismissalOut:
    """Decide that all open disputes of a party and its group do not count elsewhere.

    Each of these parties is notified once, and may answer once. Their own agents still obey them.

    raises: NotFoundError, NotAllowedError for all but an agency, ConflictError if there are none,
            or another number than the agency saw.
    """
    ledger.lock_ledger()
    party = parties.party(name)
    disputes = list(reads.open_rows(party, viewer=by.party).values_list("pk", "party"))
    facts = reads.facts(party, count=len(disputes))
    rules.check_dismiss(facts, shown=body.count, kind=by.kind, name=by.name, role=by.role)
    row = Dismissal.objects.create(
        uid=uuid4(), party=party, by=by.party, reason=body.reason, count=len(disputes),
        decided_at=now,
    )  # fmt: skip
    counts = Counter(disputing for _, disputing in disputes)
    DismissedParty.objects.bulk_create(
        DismissedParty(dismissal=row, party_id=disputing, count=count)
        for disputing, count in counts.items()
    )
    for batch in batches(pk for pk, _ in disputes):
        OpinionRow.objects.filter(pk__in=batch).update(
            set_aside_at=now, set_aside_by=by.party, set_aside_reason=body.reason,
            answer="", answered_at=None, dismissal=row,
        )  # fmt: skip
    follow_standing(by.party)
    return _record("disputes.dismissed", row, by=by, now=now)


@transaction.atomic
def restore(uid: UUID, *, by: Actor, now: datetime) -> DismissalOut:
    """Take a decision on many disputes back: those that it still sets aside count again.

    raises: NotFoundError, NotAllowedError for all but an agency, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = rules.DismissalFacts.of(reads.describe(row, viewer=by.party))
    rules.check_restore_many(facts, kind=by.kind, role=by.role)
    row.restored_at, row.restored_by = now, by.party
    row.save(update_fields=["restored_at", "restored_by"])
    row.disputes.update(
        set_aside_at=None, set_aside_by=None, set_aside_reason="", dismissal=None
    )  # fmt: skip
    return _record("disputes.restored", row, by=by, now=now)


@transaction.atomic
def answer(uid: UUID, *, body: DismissalAnswerIn, by: Actor, now: datetime) -> DismissalOut:
    """Answer, once, the agency that set the party's disputes aside.

    raises: NotFoundError, NotAllowedError for roles that only read, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = rules.DismissalFacts.of(reads.describe(row, viewer=by.party))
    rules.check_answer_many(facts, name=by.name, role=by.role)
    row.parties.filter(party=by.party).update(answer=body.text, answered_at=now)
    detail: dict[str, object] = {"party": row.by.ref}
    ledger.append_by("disputes.answered", by=by, subject=row.ref, now=now, detail=detail)
    return reads.describe(row, viewer=by.party)


def _record(kind: str, row: Dismissal, *, by: Actor, now: datetime) -> DismissalOut:
    """Have the clock weigh the disputes anew, and append to the ledger, once for each party."""
    for part in row.parties.select_related("party"):
        DisputeTally.objects.filter(party=part.party).update(weighed=-1)
        detail: dict[str, object] = {"party": part.party.ref, "count": part.count}
        ledger.append_by(kind, by=by, subject=row.ref, now=now, detail=detail)
    return reads.describe(row, viewer=by.party)
