# SPDX-License-Identifier: Apache-2.0
"""One of everything that has a page: a live crisis with all that its room holds, and more.

The table of who gets which page and the look at every page in a browser both stand in it.
"""

import base64
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from stemtide.hub.rooms.alerts import links
from stemtide.hub.rooms.alerts.channels.channel import PostOutcome, Result
from stemtide.hub.rooms.alerts.models import Alert, Delivery
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.writes import (
    alerts,
    deliveries as writes_deliveries,
    drills as writes_drills,
)
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.complaints.reads import complaints as complaint_reads
from stemtide.hub.rooms.complaints.writes import complaints
from stemtide.hub.rooms.exchanges.reads import pushes as reads_pushing
from stemtide.hub.rooms.exchanges.writes import (
    exchanges,
    pulls as writes_pulling,
    pushes as writes_pushing,
)
from stemtide.hub.rooms.exercises import writes as exercises
from stemtide.hub.rooms.exercises.models import RunFile
from stemtide.hub.rooms.media import writes as media
from stemtide.hub.rooms.media.keys import keys_in
from stemtide.hub.rooms.orders.writes import answers as order_answers, orders
from stemtide.hub.rooms.parties.reads import parties as party_reads
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import (
    competences,
    contacts as writes_contacts,
    parties,
    people as writes_people,
    suspensions,
)
from stemtide.hub.rooms.rechecks import reads as rechecks_reads, writes as rechecks
from stemtide.hub.rooms.referrals.writes import (
    answers as writes_answers,
    batches as writes_batches,
    holds as writes_holds,
    referrals,
)
from stemtide.hub.rooms.reports.writes import reports
from stemtide.hub.rooms.rights import writes as rights
from stemtide.hub.rooms.signals.reads import (
    dismissals as reads_dismissals,
    outliers as reads_outliers,
)
from stemtide.hub.rooms.signals.writes import allowlists, dismissals, signals
from stemtide.hub.rooms.situation.writes import leads as writes_leads, situation
from stemtide.hub.rooms.tasks import writes as tasks
from stemtide.hub.rooms.webhooks.models import Delivery as WebhookDelivery
from stemtide.hub.rooms.webhooks.writes import webhooks
from stemtide.interop.exchanges import Pull, RecordError, SourceRecord, Terms
from stemtide.protocol.enums import Direction, Duty, ExchangeKind, Role, Scope
from stemtide.protocol.enums.exercises import InstructionKind, RunAct
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.exercises import ObservationIn, ProgressIn, RunIn, RunNewsIn
from stemtide.protocol.law.rights.messages import RightsRequestIn
from stemtide.protocol.messages.batches import BatchIn, BatchRowIn, RowsIn
from stemtide.protocol.messages.complaints import (
    ComplaintIn,
    ComplaintLinkIn,
    ComplaintOutcomeIn,
    ComplaintTakeIn,
)
from stemtide.protocol.messages.holds import HoldIn
from stemtide.protocol.messages.orders import OrderIn
from stemtide.protocol.messages.previews import PreviewIn, Purpose
from stemtide.protocol.messages.referrals import AnswerIn, AssessIn, SendIn
from stemtide.protocol.messages.reports import ActionIn
from stemtide.protocol.messages.situation import LeadIn, MessageIn, PublicStatementIn, TaskIn
from stemtide.protocol.messages.webhooks import WebhookIn
from stemtide.protocol.sync.allowlists import AllowlistIn
from stemtide.protocol.trust.disputes import DismissIn
from stemtide.protocol.trust.parties import SuspensionIn
from tests.fingerprints.pictures import encoded, photo
from tests.orders import issue_order
from tests.world import add_member, signal_in

PDQ = "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2
OFFICER, COORDINATOR = Role.DUTY_OFFICER, Role.COORDINATOR


def assemble(world) -> dict[str, str]:
    """Fill a hub, and return what stands in addresses, by the name of the part."""
    crisis = world.crisis(active=True, joined=("provider",))
    authority = world.actor("authority")
    looker = world.person("agency", COORDINATOR)
    signal = world.share(crisis=crisis)
    keys = keys_in(Path(settings.MEDIA_KEY_FILE))
    preview = PreviewIn(
        still=base64.b64encode(encoded(photo("coffee.png"), "PNG")).decode(),
        expires_at=world.now + timedelta(days=2),
    )
    previewed = media.add(
        signal, body=preview, by=authority, now=world.now, keys=keys, most=timedelta(days=3)
    )
    look = media.open_look(signal, purpose=Purpose.REVIEW, by=world.someone(looker), now=world.now)
    said = MessageIn(kind="observation", text="Seen on three services.", urgency="now")
    message = situation.post(crisis, body=said, by=authority, now=world.now)
    line = PublicStatementIn(texts={"en": "The police are there. Share no films."})
    proposed = situation.propose_line(crisis, body=line, by=authority, now=world.now)
    to_do = TaskIn(title="Call the forum", owner="provider", due_at=world.now + timedelta(hours=4))
    given = tasks.give(crisis, body=to_do, by=authority, now=world.now)
    written = reports.open_report(crisis, by=authority, now=world.now)
    task = ActionIn(text="Drill it.", owner="authority", due="2030-01-31")
    written = reports.add_action(written.id, body=task, by=authority, now=world.now)
    world.outcome(signal, by="provider", count=41)
    world.outcome(signal, by="provider", count=9, lookups=2)
    (outlier,) = reads_outliers.outliers(viewer=world.party["agency"])
    world.agent("provider", troubles=["disk", "stalled"])
    return {
        "crisis": str(crisis),
        "signal": str(signal),
        "outlier": str(outlier.id),
        "preview": str(previewed.id),
        "look": str(look),
        "message": str(message.id),
        "line": str(proposed.id),
        "task": str(given.id),
        "lead": str(_lead(world, crisis)),
        "report": str(written.id),
        "action": str(written.actions[0].id),
        "recheck": _recheck(world),
        **_referrals(world),
        **_orders(world),
        **_complaints(world),
        "rights_request": _rights_request(world),
        **_alerts(world),
        **_people(world),
        **_webhook(world),
        **_key(world),
        **_allow_entry(world),
        "approval": _approval(world),
        "exchange": _exchange(world),
        "suspension": _suspension(world),
        "dismissal": _dismissal(world),
        "exercise": _exercise(world),
        "exercise_file": str(RunFile.objects.get().pk),
    }


def _rights_request(world):
    """A request of a data subject to the authority, which waits for its answer."""
    body = RightsRequestIn(reference="DP-7", right="access", received_on=world.now.date())
    return str(rights.note(body, by=world.actor("authority"), now=world.now).id)


def _exercise(world):
    """An exercise of the agency that runs: people of the authority and the provider play."""
    by, now = world.actor("agency"), world.now
    people = {"first-authority": "authority", "big-videos": "provider"}
    people = {member: world.party[party].name for member, party in people.items()}
    body = RunIn(scenario="livestream-in-two-states", people=people)
    run = exercises.prepare(body, by=by, now=now).id
    exercises.act(run, RunAct.START, by=by, now=now)
    news = RunNewsIn(to=("big-videos",), kind="tip", text="EXERCISE. A call.", at_min=3)
    exercises.bring_news(run, body=news, by=by, now=now)
    file = {"name": "stream-untouched.txt", "content": "RVhFUkNJU0U="}
    news = {"to": ["big-videos"], "kind": "copies", "text": "EXERCISE. Upload it.", "at_min": 6}
    news = RunNewsIn.model_validate(news | {"files": [file]}, strict=False)
    exercises.bring_news(run, body=news, by=by, now=now)
    note = ObservationIn(text="They called by phone.", member="big-videos")
    exercises.observe(run, body=note, by=by, now=now)
    progress = {
        "minutes": 14,
        "steps": [
            {"name": "stream-seen", "act": "tell", "state": "done", "at_min": 0, "note": "Seen."},
            {"name": "warn", "by": "first-authority", "act": "warn", "state": "people"},
            {"name": "press-call", "act": "tell", "state": "due", "at_min": 50},
        ],
        "objectives": [
            {"text": "Warn.", "value": "", "bounds": "at most 15 min", "is_met": None},
            {"text": "Join.", "value": "9 min", "bounds": "at most 10 min", "is_met": True},
        ],
        "spread": [
            {"at_min": 6, "copies": 2, "matched": 0},
            {"at_min": 9, "copies": 6, "matched": 3},
        ],
    }
    exercises.report(run, body=ProgressIn.model_validate(progress), by=by, now=now)
    exercises.instruct(run, InstructionKind.SKIP, step="press-call", by=by, now=now)
    return str(run)


def _dismissal(world):
    """A decision of the agency that sets all open disputes of the provider aside."""
    name, agency = world.party["provider"].name, world.actor("agency")
    count = reads_dismissals.counted_disputes(name, viewer=agency.party).count
    body = DismissIn(count=count, reason="It is not.")
    return str(dismissals.dismiss(name, body=body, by=agency, now=world.now).id)


def _suspension(world):
    """A proposal of an agency to suspend a party, which waits for a second person."""
    body = SuspensionIn(reason="It shares newspapers.")
    by = Actor(world.party["agency"], "person:9001", COORDINATOR)
    proposal = suspensions.propose(world.party["rival"].name, body=body, by=by, now=world.now)
    return str(proposal.id)


def _recheck(world):
    """The re-check of a referral that the provider says it removed."""
    body = AssessIn(
        provider=world.party["provider"].name,
        url="https://video.example/watch/12",
        labels=["perpetrator-content"],
        reason="It praises the attack.",
    )
    sent = referrals.refer(body, assessment=SendIn(), by=world.actor("authority"), now=world.now)
    said = AnswerIn(answer="removed")
    writes_answers.answer(sent.id, body=said, by=world.actor("provider"), now=world.now)
    while rechecks.follow_requests(world.now):
        pass
    (one,) = rechecks_reads.rechecks(viewer=world.party["provider"], referral=sent.id)
    return str(one.id)


def _lead(world, crisis):
    """A lead of the provider to the authority of its country."""
    body = LeadIn(
        level="high_specific",
        bases=("tco_14_5", "dsa_18"),
        country="BE",
        facts="Somebody announces an attack on the market at six.",
        reasons="He shows a rifle.",
        callback="+32 2 555 0199",
        crisis=crisis,
    )
    return writes_leads.report_lead(body, by=world.actor("provider"), now=world.now).id


def _referrals(world):
    """A referral of the authority that awaits its answer, and a batch: one row waits for a hold."""
    by = world.actor("authority")
    facts = {"provider": "provider", "labels": ("incitement",), "reason": "It calls for murder."}
    sent = referrals.refer(
        AssessIn(url="https://video.example/watch?v=1", **facts),
        assessment=SendIn(),
        by=by,
        now=world.now,
    )
    held = HoldIn(
        url="https://video.example/watch?v=2",
        until=world.now + timedelta(days=1),
        reason="investigation",
        contact="+32 2 555 0100, duty desk",
        case_reference="BR 26-17",
    )
    hold = writes_holds.place(held, by=by, now=world.now)
    body = BatchIn(name="Action day")
    batch = writes_batches.open_batch(body, by=by, now=world.now)
    rows = tuple(
        BatchRowIn(
            number=number,
            url=f"https://video.example/watch?v={name}",
            provider="provider",
            labels="incitement",
            reason="It calls for murder.",
        )
        for number, name in enumerate((2, "day"), start=1)
    )
    writes_batches.add_rows(batch.id, body=RowsIn(rows=rows), by=by, now=world.now)
    return {"referral": str(sent.id), "hold": str(hold.id), "batch": str(batch.id)}


ANNEX_1 = {
    "contact_point": "tco@provider.example",
    "urls": ["https://provider.example/thread/7"],
    "grounds": ["a"],
    "reasons": "It praises the attack of this morning and calls on others to repeat it.",
    "authority_type": "law_enforcement",
    "representative": "Head of unit",
    "file_number": "2026/114",
    "authority_address": "Rue Ducale 53, 1000 Brussels",
    "authority_phone": "+32 2 555 01 23",
    "authority_mail": "duty@authority.example",
    "signature": "Head of unit",
    "feedback_contact": "duty@authority.example",
    "home_contact": "tco@home.example",
    "redress_authority": "Reconsideration by the authority",
    "redress_body": "Council of State, Brussels",
    "redress_deadline": "60 days from receipt",
    "redress_link": "https://law.example/tco",
}
"""What the authority writes into Annex I; the hub knows the rest."""


def _orders(world):
    """A removal order of the authority that the provider has received, and a draft."""
    party, by = world.party["authority"], world.actor("authority")
    for duty in (Duty.ISSUE, Duty.SCRUTINISE):
        competences.name_competent(party, duty, actor="operator", now=world.now)
    body = OrderIn(
        to="provider",
        annex=ANNEX_1,
        emergency="An attack is under way.",
        emergency_ground="ongoing_events",
    )
    order = orders.draft(body, by=by, now=world.now).id
    issue_order(order, by=by, now=world.now)
    order_answers.record_receipt(order, via=ReceiptVia.WEBHOOK, at=world.now, now=world.now)
    draft = orders.draft(OrderIn(to="provider"), by=by, now=world.now).id
    return {"order": str(order), "draft": str(draft), "order_token": _link(world, order)}


def _link(world, order):
    """The link in the mail that brought an order to the provider."""
    party = world.party["provider"]
    writes_contacts.add_contact_point(
        party, channel="mail", address="tco@provider.example", actor="operator", now=world.now
    )
    told = {"by": "The authority", "reference": "RO-2026-00001"}
    draft = alerts.AlertDraft(kind="order", party=party, subject=f"order:{order}", parameters=told)
    with transaction.atomic():
        alert = alerts.create_alert(draft, now=world.now)
    letter = alert.deliveries.get(channel="mail")
    return links.make_token(letter.uid, until=world.now + timedelta(days=7))


def _complaints(world):
    """The provider's complaints: one that waits, one that asks the authority, an unused link."""
    by, now = world.actor("provider"), world.now
    signal = world.share(value=PDQ[::-1])

    def decision(reference):
        facts = {"reference": reference, "basis": "signal", "ground": signal, "acted_at": now}
        return {**facts, "measure": "blocked"}

    filed = [
        complaints.file_for(
            ComplaintIn(**decision(name), text="It is the evening news."), by=by, now=now
        )
        for name in ("waits", "asks")
    ]
    for one in filed:
        taken = ComplaintTakeIn(reviewed_by="moderator-1")
        complaints.take(one.complaint.id, body=taken, by=by, now=now)
    found = ComplaintOutcomeIn(
        is_upheld=True,
        exemption="news",
        finding="ground",
        reasons="It is the evening news.",
        note="It is the opening of a news programme.",
        reviewed_by="moderator-1",
    )
    complaints.decide(filed[1].complaint.id, body=found, by=by, now=now)
    link = complaint_reads.link(ComplaintLinkIn(**decision("unused")), by=by, home="", now=now)
    return {
        "complaint": str(filed[0].complaint.id),
        "redress": str(filed[1].complaint.id),
        "ticket": link.token,
    }


def _alerts(world):
    """A drill of the authority, its alert, a link to it, and a delivery that was given up."""
    party = world.party["authority"]
    writes_contacts.add_contact_point(
        party, channel="mail", address="duty@desk.example", actor="operator", now=world.now
    )
    drill = writes_drills.start([party.name], by=None, now=world.now)
    for one in writes_deliveries.claim_due(world.now, limit=99, home=Home()):
        refused = Result(PostOutcome.REFUSED, "no such user")
        result = refused if one.channel == "mail" else Result(PostOutcome.SENT)
        writes_deliveries.note(one, result=result, jitter=0, now=world.now)
    alert = Alert.objects.get(kind="drill", party=party)
    dead = Delivery.objects.filter(channel="mail", alert=alert)[0]
    return {
        "drill": str(drill),
        "alert": str(alert.uid),
        "delivery": str(dead.uid),
    }


def _allow_entry(world):
    """An entry of the allow-list, added by the agency."""
    body = {"kind": "sha256", "value": "ab" * 32, "source": "Newsroom", "reason": "a logo"}
    added = allowlists.add(
        AllowlistIn.model_validate({"entries": [body]}),
        by=party_reads.Actor(party=world.party["agency"], ref="key:scene"),
        now=world.now,
    )
    return {"allow_entry": str(added.ids[0])}


def _approval(world):
    """A folder that the authority shares, which waits for a second look."""
    facts = {"kind": "url", "value": "https://bad.example/video/12/", "reach": "folder"}
    body = signal_in(**facts, quality=None, tlp="amber")
    signals.share(body, by=world.party["authority"], now=world.now, actor_ref="key:scene")
    page = approvals.approvals(viewer=world.party["authority"])
    return str(next(waiting.id for waiting in page.approvals if waiting.act == "share"))


def _key(world):
    """A key of the authority that only reads."""
    key, _ = parties.new_key(
        "agent-1",
        party=world.party["authority"],
        scopes=[Scope.FEED_READ],
        actor="operator",
        now=world.now,
    )
    return {"key": key.prefix}


def _webhook(world):
    """A webhook of the authority, a dead letter, and a test that waits for its receiver."""
    _, text = parties.new_key(
        "webhooks",
        party=world.party["authority"],
        scopes=list(Scope),
        actor="operator",
        now=world.now,
    )
    by = party_reads.caller(text, now=world.now)
    body = WebhookIn(url="http://127.0.0.1:9/hook")
    made = webhooks.add(body, by=by, now=world.now, loopback=True)
    dead = webhooks.send_test(made.id, by=by, now=world.now)
    said = {"attempts": 12, "status": 503, "said": "answered with status 503"}
    WebhookDelivery.objects.filter(uid=dead.id).update(state="dead", **said)
    test = webhooks.send_test(made.id, by=by, now=world.now)
    return {"webhook": str(made.id), "sent_event": str(test.id)}


def _exchange(world):
    """An exchange that brought a signal and a fault, had one refused there, and now fails."""
    now = world.now
    party = add_member("partner", title="The partner", kind="consortium", now=now)
    asked = exchanges.NewExchange(
        name="partner",
        kind=ExchangeKind.TAXII,
        address="https://partner.example/root/collections/c1/",
        direction=Direction.BOTH,
        inside=True,
        secret="hush hush",
    )
    exchanges.add(asked, terms=Terms(), party=party, actor="operator", now=now)
    (errand,) = exchanges.claim_due(now, limit=1, name="partner")
    told = SourceRecord(
        "record-1", "1", facts={"kind": "sha256", "value": "5e" * 32, "tlp": "green"}
    )
    writes_pulling.import_page(
        errand, Pull([told], [RecordError("record-2", "is no hash")]), now=now
    )
    while writes_pushing.note_waiting(errand, now=now):
        pass
    parcels = reads_pushing.outgoing_signals(errand, viewer=party, now=now, limit=9)
    said = {one.pk: "the collection is full" if at == 0 else "" for at, one in enumerate(parcels)}
    writes_pushing.note_sent(errand, said, remotes={}, now=now)
    words = "partner.example answers 503"
    exchanges.note_trouble(errand, words=words, jitter=0.5, now=now, retry_after_s=20_000)
    return "partner"


def _people(world):
    """A colleague who is invited, and a contact point, of the authority."""
    manager = world.someone(world.person("authority", Role.ADMINISTRATOR))
    person, secret = writes_people.add_colleague(
        "new@authority.example", role=Role.ANALYST, by=manager, now=world.now
    )
    point = writes_contacts.add_own_contact_point(
        by=manager,
        now=world.now,
        channel="phone",
        address="+32 2 555 01 00",
        title="duty desk",
        languages=["nl", "fr"],
        time_zone="Europe/Brussels",
        is_24_7=True,
    )
    return {"person": str(person.pk), "secret": secret, "contact": str(point.pk)}
