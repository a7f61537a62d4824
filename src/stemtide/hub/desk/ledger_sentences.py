# SPDX-License-Identifier: Apache-2.0
"""Ledger entries as sentences for people."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from uuid import UUID

from django.utils.translation import gettext as _, gettext_lazy

from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.rooms.complaints.reads.complaints import COMPLAINANT
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK, READ_KINDS
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Viewer
from stemtide.hub.rooms.parties.writes.locks import HUB
from stemtide.hub.rooms.reports.reads import timeline

TAIL = 12
"""Lines of a short list of entries."""

LATEST = 120
"""Entries at the end of the ledger that the board reads."""

ENTRY_PHRASES = {
    "party.added": gettext_lazy("took a party in"),
    "standing.granted": gettext_lazy("changed the standing of a party"),
    "standing.vetted": gettext_lazy("made a new party a member"),
    "party.renamed": gettext_lazy("changed the name of a party"),
    "party.grouped": gettext_lazy("changed the group of a party"),
    "party.appointed": gettext_lazy("changed the mechanism that a party speaks for"),
    "party.entrusted": gettext_lazy("changed whether a party speaks alone for digests"),
    "party.suspended": gettext_lazy("suspended a party"),
    "party.restored": gettext_lazy("lifted the suspension of a party"),
    "suspension.proposed": gettext_lazy("proposed to suspend a party, or to lift it"),
    "suspension.declined": gettext_lazy("declined a proposal on a suspension"),
    "suspension.withdrawn": gettext_lazy("withdrew a proposal on a suspension"),
    "suspension.expired": gettext_lazy("let a proposal on a suspension expire"),
    "competence.proposed": gettext_lazy("proposed to change an authority's competence"),
    "competence.declined": gettext_lazy("dropped a proposal about an authority's competence"),
    "competence.named": gettext_lazy("named an authority competent"),
    "competence.ended": gettext_lazy("ended an authority's competence"),
    "person.added": gettext_lazy("added a person"),
    "person.invited": gettext_lazy("invited a person"),
    "person.joined": gettext_lazy("joined the desk"),
    "person.reassigned": gettext_lazy("gave a person another role"),
    "person.confirmed": gettext_lazy("confirmed a person as a separate person"),
    "person.deactivated": gettext_lazy("shut a person out"),
    "person.reactivated": gettext_lazy("let a person in again"),
    "person.locked": gettext_lazy("locked an account after wrong passwords or codes"),
    "person.unlocked": gettext_lazy("lifted the lock of an account"),
    "person.erased": gettext_lazy("erased what was kept of a person"),
    "sittings.ended": gettext_lazy("signed a person out everywhere"),
    "factors.changed": gettext_lazy("changed their second factor"),
    "factors.removed": gettext_lazy("took a person's second factors away"),
    "password.changed": gettext_lazy("changed their password"),
    "account.joined": gettext_lazy("came in through their organisation"),
    "contact_point.added": gettext_lazy("added a contact point"),
    "contact_point.changed": gettext_lazy("changed a contact point"),
    "contact_point.removed": gettext_lazy("removed a contact point"),
    "contact_point.verified": gettext_lazy("found a contact point to answer"),
    "ladder.changed": gettext_lazy("changed its escalation ladder"),
    "hub_key.recorded": gettext_lazy("recorded a key of the hub"),
    "hub_key.replaced": gettext_lazy("replaced a key of the hub"),
    "hub_key.accepted": gettext_lazy("accepted another key for the hub"),
    "backup.created": gettext_lazy("backed up the hub"),
    "backup.restored": gettext_lazy("restored the hub from a backup"),
    "log.restarted": gettext_lazy("began a new transparency log after a restore"),
    "log.halted": gettext_lazy("noticed that the database lacks signed entries"),
    "witness.added": gettext_lazy("added a witness of the transparency log"),
    "witness.removed": gettext_lazy("removed a witness of the transparency log"),
    "rows.purged": gettext_lazy("erased data at the end of their retention"),
    "legal_hold.placed": gettext_lazy("placed a legal hold"),
    "legal_hold.lifted": gettext_lazy("lifted a legal hold"),
    "retention.changed": gettext_lazy("changed how long data are kept"),
    "log.confirmed": gettext_lazy("confirmed a restore of the hub"),
    "key.issued": gettext_lazy("issued a key"),
    "key.replaced": gettext_lazy("replaced a key"),
    "key.revoked": gettext_lazy("revoked a key"),
    "signing_key.added": gettext_lazy("added a key to sign signals"),
    "signing_key.revoked": gettext_lazy("revoked a key to sign signals"),
    "agent.appeared": gettext_lazy("connected an agent"),
    "agent.returned": gettext_lazy("reconnected an agent"),
    "agent.updated": gettext_lazy("updated an agent"),
    "review_page.registered": gettext_lazy("opened the review page of an agent to its people"),
    "allow_entry.added": gettext_lazy("added to the allow-list"),
    "allow_entry.removed": gettext_lazy("removed an entry of the allow-list"),
    "allow_entry.restored": gettext_lazy("put an entry of the allow-list back"),
    "allow_matches.reported": gettext_lazy("reported matches with the allow-list"),
    "crisis.warned": gettext_lazy("raised an early warning"),
    "crisis.activated": gettext_lazy("activated the protocol"),
    "crisis.confirmed": gettext_lazy("confirmed an emergency activation"),
    "crisis.lapsed": gettext_lazy("ended an emergency activation that nobody confirmed"),
    "crisis.closed": gettext_lazy("closed a crisis"),
    "crisis.triaged": gettext_lazy("rated an early warning"),
    "crisis.deescalated": gettext_lazy("de-escalated a crisis"),
    "crisis.resumed": gettext_lazy("made a crisis live again"),
    "crisis.reviewed": gettext_lazy("reviewed a crisis and kept it"),
    "crisis.ended": gettext_lazy("ended a crisis' tail"),
    "crisis.widened": gettext_lazy("added countries to a crisis"),
    "crisis.linked": gettext_lazy("linked two crises of one event"),
    "crisis.unlinked": gettext_lazy("set a crisis apart from another"),
    "measure.considered": gettext_lazy("recorded a national measure"),
    "proposal.opened": gettext_lazy("proposed a step of the crisis"),
    "proposal.declined": gettext_lazy("declined what was proposed"),
    "proposal.withdrawn": gettext_lazy("withdrew a proposal"),
    "proposal.expired": gettext_lazy("let a proposal run out"),
    "review.prompted": gettext_lazy("asked whether a crisis can be de-escalated"),
    "review.required": gettext_lazy("found a review overdue"),
    "participant.invited": gettext_lazy("invited parties to a crisis"),
    "participant.uninvited": gettext_lazy("withdrew an invitation"),
    "participant.joined": gettext_lazy("joined a crisis"),
    "participant.declined": gettext_lazy("declined an invitation"),
    "participant.left": gettext_lazy("left a crisis"),
    "neighbour.mirrored": gettext_lazy("noted another mechanism's activation"),
    "neighbour.updated": gettext_lazy("updated another mechanism's activation"),
    "check.answered": gettext_lazy("answered the checklist"),
    "signal.shared": gettext_lazy("shared a signal"),
    "signals.shared": gettext_lazy("shared signals in bulk"),
    "signals.refused": gettext_lazy("sent values that are on a list of child abuse material"),
    "signal.withdrawn": gettext_lazy("withdrew a signal"),
    "signals.expired": gettext_lazy("let signals expire"),
    "signals.adopted": gettext_lazy("adopted signals of a crisis"),
    "signals.limited": gettext_lazy("let signals end with their crisis"),
    "adoption.answered": gettext_lazy("answered which signals stay after a crisis"),
    "adoptions.reverted": gettext_lazy("undid adoptions of signals"),
    "signals.unconfirmed": gettext_lazy("ended signals that nobody confirmed"),
    "approval.asked": gettext_lazy("asked for a second look"),
    "approval.approved": gettext_lazy("approved what waited for a second look"),
    "approval.refused": gettext_lazy("refused what waited for a second look"),
    "approval.withdrawn": gettext_lazy("withdrew what waited for a second look"),
    "approval.expired": gettext_lazy("let expire what waited for a second look"),
    "preview.added": gettext_lazy("sent a preview of a signal"),
    "preview.opened": gettext_lazy("opened a preview, behind its veil"),
    "preview.revealed": gettext_lazy("looked at a preview without its veil"),
    "preview.destroyed": gettext_lazy("destroyed a preview"),
    "previews.resealed": gettext_lazy("sealed the previews with a new key"),
    "local_features.sent": gettext_lazy("sent local features of a signal's picture"),
    "local_features.removed": gettext_lazy("removed the local features of a signal"),
    "match_epoch.opened": gettext_lazy("began an epoch of private matching with a new key"),
    "match_epoch.ended": gettext_lazy("ended an epoch of private matching and dropped its key"),
    "opinion.given": gettext_lazy("gave an opinion on a signal"),
    "question.sent": gettext_lazy("sent the sharer a question about a signal"),
    "question.answered": gettext_lazy("answered a question about its signal"),
    "dispute.dismissed": gettext_lazy("set a dispute aside"),
    "dispute.restored": gettext_lazy("let a dispute count again"),
    "dispute.answered": gettext_lazy("answered that its dispute was set aside"),
    "disputes.dismissed": gettext_lazy("set all disputes of a party aside"),
    "disputes.restored": gettext_lazy("let all these disputes count again"),
    "disputes.answered": gettext_lazy("answered that its disputes were set aside"),
    "disputes.weighed": gettext_lazy("weighed a party's disputes anew"),
    "runaway.reported": gettext_lazy("reported that a signal matches too much"),
    "runaway.lifted": gettext_lazy("lifted its own lowering of a signal"),
    "runaway.lowered": gettext_lazy("lowered a signal to hold, because it matches too much"),
    "runaway.ended": gettext_lazy("ended the lowering of a signal"),
    "runaway.decided": gettext_lazy("decided about a signal that matches too much"),
    "outcomes.reported": gettext_lazy("reported outcomes"),
    "outlier.decided": gettext_lazy("decided whether reported uploads count"),
    "message.posted": gettext_lazy("wrote into a situation log"),
    "message.mentioned": gettext_lazy("mentioned somebody in a situation log"),
    "message.pinned": gettext_lazy("pinned a message"),
    "message.unpinned": gettext_lazy("unpinned a message"),
    "task.given": gettext_lazy("added a task"),
    "task.finished": gettext_lazy("finished a task"),
    "task.dropped": gettext_lazy("dropped a task"),
    "task.reopened": gettext_lazy("reopened a task"),
    "role.taken": gettext_lazy("took a role in the response"),
    "role.offered": gettext_lazy("offered a role in the response"),
    "role.accepted": gettext_lazy("accepted a role in the response"),
    "role.declined": gettext_lazy("declined a role in the response"),
    "role.given": gettext_lazy("handed a role to a colleague"),
    "role.opened": gettext_lazy("left a role in the response open"),
    "exercise.prepared": gettext_lazy("prepared an exercise"),
    "exercise.started": gettext_lazy("started an exercise"),
    "exercise.paused": gettext_lazy("paused an exercise"),
    "exercise.interrupted": gettext_lazy("paused an exercise for a real crisis"),
    "exercise.resumed": gettext_lazy("resumed an exercise"),
    "exercise.ended": gettext_lazy("ended an exercise"),
    "exercise.instructed": gettext_lazy("gave the player of an exercise an instruction"),
    "exercise.informed": gettext_lazy("brought news in an exercise"),
    "observation.noted": gettext_lazy("noted an observation of an exercise"),
    "party.left": gettext_lazy("ended a party of an exercise"),
    "line.proposed": gettext_lazy("proposed a public line"),
    "line.agreed": gettext_lazy("agreed to a public line"),
    "line.objected": gettext_lazy("objected to a public line"),
    "line.withdrawn": gettext_lazy("withdrew a public line"),
    "timeline.exported": gettext_lazy("exported a crisis' timeline"),
    "report.opened": gettext_lazy("opened a post-crisis report"),
    "report.drafted": gettext_lazy("drafted the post-crisis report again"),
    "report.written": gettext_lazy("wrote into a post-crisis report"),
    "report.noted": gettext_lazy("added a debrief note"),
    "action.added": gettext_lazy("gave out an action of the debrief"),
    "action.completed": gettext_lazy("completed an action of the debrief"),
    "report.agreed": gettext_lazy("agreed to a post-crisis report"),
    "report.published": gettext_lazy("published a post-crisis report"),
    "yearly.finished": gettext_lazy("finished a version of its yearly report"),
    "yearly.written": gettext_lazy("wrote into its yearly report"),
    "figures.published": gettext_lazy("published the public figures of a quarter"),
    "dsa.written": gettext_lazy("wrote into its transparency report"),
    "dsa.finished": gettext_lazy("finished a version of its transparency report"),
    "lead.reported": gettext_lazy("reported a lead to a threat to life"),
    "lead.read": gettext_lazy("read leads to a threat to life"),
    "complaint.read": gettext_lazy("read complaints"),
    "people.searched": gettext_lazy("searched, and found rows about people"),
    "signals.exported": gettext_lazy("exported signals"),
    "ledger.exported": gettext_lazy("exported its ledger"),
    "lead.received": gettext_lazy("received a lead to a threat to life"),
    "lead.forwarded": gettext_lazy("passed on a lead to a threat to life"),
    "lead.closed": gettext_lazy("closed a lead to a threat to life"),
    "lead.erased": gettext_lazy("erased the words of a lead"),
    "referral.assessed": gettext_lazy("assessed content, to be referred or not"),
    "referral.held": gettext_lazy("let a referral wait for a hold"),
    "referral.freed": gettext_lazy("freed a referral, as the hold is over"),
    "referral.dropped": gettext_lazy("decided not to refer content"),
    "referral.sent": gettext_lazy("sent a referral"),
    "referral.overlapped": gettext_lazy("acts on the same content as a referral"),
    "referral.received": gettext_lazy("received a referral"),
    "referral.acknowledged": gettext_lazy("acknowledged a referral"),
    "referral.answered": gettext_lazy("answered a referral"),
    "referral.explained": gettext_lazy("gave context to a referral"),
    "referral.withdrawn": gettext_lazy("withdrew a referral"),
    "referral.reinstated": gettext_lazy("reinstated referred content"),
    "referrals.sent": gettext_lazy("sent referrals of a batch"),
    "referrals.held": gettext_lazy("let referrals of a batch wait for holds"),
    "referrals.received": gettext_lazy("received referrals"),
    "batch.opened": gettext_lazy("opened a batch of referrals"),
    "hold.placed": gettext_lazy("asked for a hold"),
    "hold.extended": gettext_lazy("extended a hold"),
    "hold.lifted": gettext_lazy("lifted a hold"),
    "hold.expired": gettext_lazy("let a hold run out"),
    "hold.ordered": gettext_lazy("issued an order for content under a hold"),
    "hold.met": gettext_lazy("met a hold"),
    "hold.overridden": gettext_lazy("sent a referral over a hold, in an emergency"),
    "complaint.filed": gettext_lazy("complained of a provider's decision"),
    "complaint.taken": gettext_lazy("took up a complaint"),
    "complaint.decided": gettext_lazy("decided a complaint"),
    "complaint.withdrawn": gettext_lazy("withdrew a complaint"),
    "complaint.prompted": gettext_lazy("found a complaint overdue"),
    "complaint.erased": gettext_lazy("erased the words of a complaint"),
    "rights_request.noted": gettext_lazy("noted a request of a data subject"),
    "rights_request.extended": gettext_lazy("took more time for a request of a data subject"),
    "rights_request.answered": gettext_lazy("answered a request of a data subject"),
    "rights_request.withdrawn": gettext_lazy("noted that a data subject withdrew a request"),
    "rights_request.missed": gettext_lazy("found a request of a data subject overdue"),
    "rights_request.erased": gettext_lazy("erased the reference of a request of a data subject"),
    "redress.asked": gettext_lazy("asked for redress after a complaint"),
    "redress.declined": gettext_lazy("kept what a complaint was about"),
    "redress.granted": gettext_lazy("withdrew what a complaint was about"),
    "redress.accepted": gettext_lazy("accepted why it was kept"),
    "redress.lapsed": gettext_lazy("found that nothing is left to answer"),
    "information.given": gettext_lazy("informed a provider before its first order"),
    "order.drafted": gettext_lazy("drafted a removal order"),
    "order.changed": gettext_lazy("changed a draft order"),
    "order.discarded": gettext_lazy("discarded a draft order"),
    "order.submitted": gettext_lazy("submitted a removal order to a second person"),
    "order.confirmed": gettext_lazy("confirmed a removal order that was issued at once"),
    "order.recalled": gettext_lazy("made a removal order that waited a draft again"),
    "order.issued": gettext_lazy("issued a removal order"),
    "order.entered": gettext_lazy("entered a removal order that was made elsewhere"),
    "entry.confirmed": gettext_lazy("confirmed a removal order that was entered by hand"),
    "entry.disputed": gettext_lazy("disputed a removal order that was entered by hand"),
    "entry.voided": gettext_lazy("took back a removal order that was entered by hand"),
    "order.copied": gettext_lazy("sent a copy of a removal order"),
    "order.communicated": gettext_lazy("sent a copy of a removal order to the agencies"),
    "order.doubted": gettext_lazy("issued a removal order despite warnings"),
    "copy.received": gettext_lazy("received a copy of a removal order"),
    "order.received": gettext_lazy("received a removal order"),
    "order.acknowledged": gettext_lazy("acknowledged a removal order"),
    "order.executed": gettext_lazy("executed a removal order"),
    "order.suspended": gettext_lazy("said that a removal order cannot be executed"),
    "order.resumed": gettext_lazy("started the hour of a removal order anew"),
    "order.missed": gettext_lazy("noted that the hour of a removal order passed"),
    "order.overlapped": gettext_lazy("issued a removal order for content that another order names"),
    "order.prolonged": gettext_lazy("extended the secrecy of a removal order"),
    "order.withdrawn": gettext_lazy("withdrew a removal order"),
    "order.annulled": gettext_lazy("took the effect from a removal order"),
    "order.reinstated": gettext_lazy("reinstated content"),
    "order.appealed": gettext_lazy("recorded an appeal against a removal order"),
    "appeal.dated": gettext_lazy("entered the last day for appeal against a removal order"),
    "appeal.decided": gettext_lazy("recorded the outcome of an appeal"),
    "appeal.expired": gettext_lazy("noted that the deadline for appeal passed"),
    "order.finalised": gettext_lazy("recorded that a removal order is final"),
    "finality.communicated": gettext_lazy(
        "informed the authorities of the provider's Member State of a final removal order"
    ),
    "finality.corrected": gettext_lazy("recorded that a removal order is not final after all"),
    "scrutiny.requested": gettext_lazy("asked for scrutiny of a removal order"),
    "scrutiny.opened": gettext_lazy("opened scrutiny of a removal order"),
    "scrutiny.announced": gettext_lazy("announced that it intends to find an infringement"),
    "scrutiny.communicated": gettext_lazy("sent a decision of scrutiny to the agencies"),
    "scrutiny.confirmed": gettext_lazy("found no infringement in a removal order"),
    "scrutiny.infringed": gettext_lazy("found an infringement in a removal order"),
    "scrutiny.closed": gettext_lazy("closed scrutiny of an order without a decision"),
    "scrutiny.missed": gettext_lazy("noted that scrutiny is overdue"),
    "preservation.started": gettext_lazy("began to preserve removed content"),
    "preservation.recorded": gettext_lazy("recorded a preservation by another law"),
    "preservation.ended": gettext_lazy("ended a preservation by another law"),
    "preservation.extended": gettext_lazy("asked to preserve removed content longer"),
    "preservation.accessed": gettext_lazy("noted an access to preserved content"),
    "preservation.destroyed": gettext_lazy("destroyed preserved content"),
    "recheck.requested": gettext_lazy("asked for a re-check"),
    "recheck.confirmed": gettext_lazy("found removed content gone"),
    "recheck.contradicted": gettext_lazy("found removed content still there"),
    "recheck.returned": gettext_lazy("found removed content there again"),
    "recheck.met": gettext_lazy("learnt that removed content was uploaded again"),
    "alerts.raised": gettext_lazy("alerted parties"),
    "alerts.settled": gettext_lazy("closed alerts that are no longer needed"),
    "alert.acknowledged": gettext_lazy("acknowledged an alert"),
    "alert.assigned": gettext_lazy("assigned an alert to a person"),
    "alert.snoozed": gettext_lazy("set an alert aside for some hours"),
    "alert.escalated": gettext_lazy("asked the next step of a ladder"),
    "link.renewed": gettext_lazy("asked for a new link in place of one that had expired"),
    "alert.exhausted": gettext_lazy("came to the end of a ladder without an answer"),
    "delivery.arrived": gettext_lazy("delivered an alert"),
    "delivery.exhausted": gettext_lazy("gave up delivering an alert"),
    "delivery.retried": gettext_lazy("tried a dead delivery again"),
    "delivery.dropped": gettext_lazy("dropped a dead delivery"),
    "signing_key.rotated": gettext_lazy("gave a contact point a new signing secret"),
    "drill.started": gettext_lazy("started a contact drill"),
    "drill.ended": gettext_lazy("ended a contact drill"),
    "drill.demanded": gettext_lazy("reminded agencies of a contact drill"),
    "signal.joined": gettext_lazy("brought a signal into the crisis"),
    "signal.named": gettext_lazy("gave a signal a title"),
    "signal.extended": gettext_lazy("had a signal expire later"),
    "signal.repeated": gettext_lazy("described a signal anew"),
    "objects.posted": gettext_lazy("posted objects to a collection"),
    "objects.deleted": gettext_lazy("deleted an object of a collection"),
    "setting.proposed": gettext_lazy("proposed to change a setting of the hub"),
    "setting.changed": gettext_lazy("changed a setting of the hub"),
    "setting.declined": gettext_lazy("dropped the proposal to change a setting"),
    "setting.restored": gettext_lazy("put a setting of the hub back to its default"),
    "exchange.proposed": gettext_lazy("proposed an exchange with another hub"),
    "exchange.declined": gettext_lazy("dropped the proposal of an exchange"),
    "exchange.expired": gettext_lazy("let the proposal of an exchange expire"),
    "exchange.tested": gettext_lazy("tested the connection to another hub"),
    "exchange.added": gettext_lazy("added an exchange with another hub"),
    "exchange.changed": gettext_lazy("changed which party an organisation of a MISP is"),
    "exchange.paused": gettext_lazy("paused an exchange with another hub"),
    "exchange.resumed": gettext_lazy("resumed an exchange with another hub"),
    "exchange.removed": gettext_lazy("ended an exchange with another hub"),
    "exchange.withdrawn": gettext_lazy("began to withdraw all signals of an exchange"),
    "exchange.restored": gettext_lazy("began to share the signals of an exchange again"),
    "exchange.pulled": gettext_lazy("took in what another hub told"),
    "exchange.pushed": gettext_lazy("told another hub what is shared"),
    "exchange.failed": gettext_lazy("found that an exchange fails"),
    "exchange.recovered": gettext_lazy("found that an exchange works again"),
    "webhook.added": gettext_lazy("registered a webhook"),
    "webhook.changed": gettext_lazy("changed a webhook"),
    "webhook.paused": gettext_lazy("paused a webhook"),
    "webhook.resumed": gettext_lazy("resumed a webhook"),
    "webhook.renewed": gettext_lazy("renewed a webhook's secret"),
    "webhook.tested": gettext_lazy("tested a webhook"),
    "webhook.retried": gettext_lazy("sent an event to a webhook again"),
    "webhook.removed": gettext_lazy("ended a webhook"),
    "webhook.exhausted": gettext_lazy("gave up delivering an event to a webhook"),
    "webhook.disabled": gettext_lazy("disabled a webhook"),
}
"""Verb phrases by kind of ledger entry; a kind that is not listed is shown unchanged."""


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One ledger entry as a sentence: actor and action. times: how often, if it repeats."""

    number: int
    who: str
    act: str
    kind: str
    exercise: bool
    recorded_at: datetime
    times: int = 1


NOISE = ("alerts.raised", "alerts.settled", "delivery.arrived", *READ_KINDS)
"""Kinds that short lists leave out: what follows every act, and who read what."""


def latest(*, viewer: Viewer) -> list[EntryLine]:
    """Return what happened last, newest first, without NOISE and with repetitions counted."""
    head = ledger.heads().entries
    rows = ledger.entries(viewer=viewer, after=max(0, head - LATEST), limit=LATEST)
    lines: dict[tuple[str, str, bool], EntryLine] = {}
    for line in as_sentences([row for row in rows[::-1] if row.kind not in NOISE]):
        first = lines.setdefault((line.who, line.kind, line.exercise), line)
        if first is not line:
            lines[line.who, line.kind, line.exercise] = replace(first, times=first.times + 1)
    return list(lines.values())[:TAIL]


def of_crisis(crisis: UUID, *, viewer: Viewer, limit: int = TAIL) -> list[EntryLine]:
    """Return the last entries of a crisis that the viewer may see, newest first."""
    try:
        rows = timeline.tail(crisis, viewer=viewer, limit=limit, without=NOISE)
    except (
        NotAllowedError,
        NotFoundError,
    ):  # not in the room: names are shown by the rules of the ledger alone
        rows = ledger.timeline_tail(crisis, viewer=viewer, limit=limit, without=NOISE)
    return as_sentences(rows)


def about(subject: str, *, viewer: Viewer) -> list[EntryLine]:
    """Return the entries about one subject that the viewer may see, oldest first."""
    return of_request(ledger.entries(viewer=viewer, subject=subject))


def of_request(rows: list[ledger.EntryRow]) -> list[EntryLine]:
    """Return the entries of one request as sentences, without those about its alerts."""
    return grouped(as_sentences([row for row in rows if row.kind not in NOISE]))


def grouped(lines: Iterable[EntryLine]) -> list[EntryLine]:
    """Return lines with each run of the same act by the same party as one line."""
    runs = [list(run) for _key, run in groupby(lines, key=lambda row: (row.who, row.kind))]
    return [replace(run[0], times=len(run)) for run in runs]


def as_sentences(rows: list[ledger.EntryRow]) -> list[EntryLine]:
    """Return entries as sentences."""
    titles = {party.ref: party.title for party in parties.parties()}
    return [_line(row, titles=titles) for row in rows]


HUB_KINDS = frozenset(
    {
        *("alert.escalated", "alert.exhausted", "alerts.raised", "alerts.settled"),
        *(
            "appeal.expired",
            "approval.expired",
            "complaint.erased",
            "complaint.prompted",
            "crisis.ended",
        ),
        *("crisis.lapsed", "delivery.arrived", "delivery.exhausted", "disputes.weighed"),
        *("drill.demanded", "drill.ended", "exchange.expired", "exchange.failed"),
        *("exchange.pulled", "exchange.pushed", "exchange.recovered", "hold.expired"),
        "figures.published",
        *("lead.erased", "match_epoch.ended", "match_epoch.opened", "order.missed"),
        *("proposal.expired", "recheck.confirmed", "recheck.contradicted", "recheck.met"),
        *("recheck.returned", "redress.lapsed", "review.prompted", "review.required"),
        *("rights_request.missed", "runaway.ended", "runaway.lowered", "scrutiny.missed"),
        *(
            "signals.expired",
            "signals.limited",
            "signals.unconfirmed",
            "standing.vetted",
            "suspension.expired",
        ),
        *("webhook.disabled", "webhook.exhausted"),
    }
)
"""Kinds that the hub's scheduler alone records (docs/understand/ledger.md).

Who recorded them is no secret, even where names are withheld.
"""


def _line(row: ledger.EntryRow, *, titles: dict[str, str]) -> EntryLine:
    """Return an entry as a sentence. titles: titles of parties by their ledger reference."""
    if row.actor in {CLOCK, HUB} or row.kind in HUB_KINDS:
        who = _("The hub")
    elif row.actor == ledger.WITHHELD:
        who = _("Someone else")
    elif row.actor == COMPLAINANT:
        who = _("An uploader")
    else:
        who = titles.get(row.actor, _("The hub's operator"))
    return EntryLine(
        number=row.number,
        who=who,
        act=str(ENTRY_PHRASES.get(row.kind, row.kind)),
        kind=row.kind,
        exercise=row.exercise,
        recorded_at=row.recorded_at,
    )
