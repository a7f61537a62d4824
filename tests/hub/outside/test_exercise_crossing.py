# SPDX-License-Identifier: Apache-2.0
"""An exercise and a real crisis side by side: neither crosses to the other by any door.

Each side has one of everything, with words and numbers that nothing else has. What a door shows is
searched for them.
"""

import asyncio
import gzip
import hashlib
import html
import json
import re
import warnings
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

import pypdfium2
import pytest
from django.test import Client

from stemtide.hub.desk import board
from stemtide.hub.notifier import Subscription
from stemtide.hub.rooms.alerts import enclosures, links
from stemtide.hub.rooms.alerts.channels import mail
from stemtide.hub.rooms.alerts.channels.channel import PostOutcome, Result
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.reads.deliveries import Home
from stemtide.hub.rooms.alerts.writes import alerts, deliveries as writes_deliveries
from stemtide.hub.rooms.parties.writes import contacts, exercise_parties
from stemtide.hub.rooms.reports.reads import orders as order_figures, referrals as referral_figures
from stemtide.hub.rooms.reports.writes import reports
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.snapshots import segments
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.messages.progress import ProgressQuery
from stemtide.protocol.sync.segments import SegmentManifest, read_segment
from tests.hub.alerts.test_mail import post, server
from tests.hub.api.conftest import (
    Machine,
    numbered_from_1,  # noqa: F401  # a fixture
)
from tests.hub.complaints.conftest import Bench
from tests.hub.exchanges.conftest import Desk as Exchanges, partner  # noqa: F401  # a fixture
from tests.hub.exchanges.test_pushing import Taxii
from tests.hub.orders import cast
from tests.hub.referrals.conftest import Desk as Referrals, row
from tests.hub.situation.conftest import LEAD, Room
from tests.hub.webhooks.conftest import Hub
from tests.world import NOON, add_member, hex_value, outcome, report_of, signal_in

REAL, EXERCISE = "real", "exercise"
BOTH, NEITHER = {REAL, EXERCISE}, set()
HOME = Home(address="https://hub.example", languages=frozenset({"en"}))


@dataclass
class Side:
    """One crisis with one of everything."""

    world: object
    exercise: bool
    ids: dict = field(default_factory=dict)
    words: set = field(default_factory=set)

    def play(self):
        self.number, self.name = (7, "Drillbridge") if self.exercise else (1, "Harbourtown")
        self._share()
        self._refer()
        self._order()
        self._room()
        self._complain()
        while alerts.raise_from_ledger(NOON):
            pass
        return self

    def _share(self):
        world, number = self.world, self.number
        self.crisis = world.activate(name=self.name, exercise=self.exercise)
        world.join(self.crisis, world.big_provider, world.small_provider, world.other_authority)
        facts = {"exercise": self.exercise, "tlp": "green", "crisis": self.crisis.id}
        self.signal = world.share(value=hex_value(number), **facts)
        md5 = hex_value(number + 1, digits=32)
        self.file = world.share(kind="md5", value=md5, **facts)
        rows = (outcome(self.signal.id, count=number), outcome(self.file.id, count=2))
        signals.report_outcomes(report_of(*rows), by=world.big_provider, now=NOON)
        early = world.warn(name=f"{self.name} north", exercise=self.exercise)
        self.ids |= {
            "crisis": self.crisis.id,
            "early": early.id,
            "signal": self.signal.id,
            "file": self.file.id,
        }
        listed = hashlib.md5(md5.encode(), usedforsecurity=False).hexdigest()  # MISP's list
        self.words |= {self.name, hex_value(number), md5, listed}

    def _refer(self):
        desk = Referrals(self.world)
        facts = {"exercise": self.exercise}
        url = f"https://video.example/{self.name.lower()}"
        referral = desk.refer(url=url, crisis=self.crisis.id, signals=(self.signal.id,), **facts)
        desk.answer(referral, "removed", now=NOON)
        open_one = desk.refer(url=f"{url}/open", **facts)
        hold = desk.hold(url=f"{url}/held", **facts)
        batch = desk.open(f"Day of {self.name}", **facts)
        desk.add(batch, [row(1, f"{url}/batch")])
        self.ids |= {"referral": referral.id, "open": open_one.id, "hold": hold.id}
        self.ids |= {"batch": batch.id}
        self.words.add(f"video.example/{self.name.lower()}")

    def _order(self):
        cast.inform(self.world, exercise=self.exercise)
        urls = [f"https://small-forum.example/{self.name.lower()}"]
        order = cast.issue(self.world, exercise=self.exercise, annex={"urls": urls})
        cast.receive(order.id)
        cast.execute(self.world, order.id)
        waiting = cast.issue(self.world, exercise=self.exercise, annex={"urls": [f"{urls[0]}/2"]})
        self.ids |= {"order": order.id, "waiting": waiting.id}
        self.words |= {urls[0].removeprefix("https://"), order.reference}

    def _room(self):
        room = Room(world=self.world, crisis=self.crisis)
        room.post(text=f"Seen again: {self.name}.")
        text = f"A man announces an attack on {self.name} at six."
        lead = room.lead(crisis=self.crisis.id, exercise=self.exercise, facts=text)
        by = room.actor("authority", "analyst")
        report = reports.open_report(self.crisis.id, by=by, now=NOON)
        self.ids |= {"lead": lead.id, "report": report.id}

    def _complain(self):
        bench = Bench(world=self.world, signal=self.signal)
        complaint = bench.complain(reference=f"case-{self.name}", exercise=self.exercise)
        link = bench.link(reference=f"later-{self.name}", exercise=self.exercise)
        self.ids |= {"complaint": complaint.id, "link": link.token}


@dataclass
class Stage:
    """Both sides, and who asks at the doors."""

    world: object
    sides: dict = field(default_factory=dict)
    keys: dict = field(default_factory=dict)
    people: dict = field(default_factory=dict)

    def play(self, which):
        self.sides[which] = Side(self.world, exercise=which == EXERCISE).play()

    def paper(self, path, *, by, method="GET"):
        """The words of each page of a PDF."""
        self.api("/api/v1/whoami", by=by)
        return pages_of(self.keys[by](method, path).content)

    def api(self, path, *, by="agency", method="GET", body=None, **headers):
        party = getattr(self.world, by)
        if by not in self.keys:
            self.keys[by] = Machine(self.world.key(party))
            key = self.keys[by]._headers["Authorization"].removeprefix("Bearer ")
            names = ("x-functions-key", "Ocp-Apim-Subscription-Key")
            self.keys[by]._headers |= dict.fromkeys(names, key)
        answer = self.keys[by](method, path, body, headers=headers)
        assert answer.status_code == 200, (path, answer.content)
        return text_of(answer)

    def desk(self, path, *, by="agency", role="duty_officer"):
        if (by, role) not in self.people:
            client = self.people[by, role] = Client()
            person = self.world.person(getattr(self.world, by), role=role)
            client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        answer = self.people[by, role].get(path)
        assert answer.status_code == 200, path
        return text_of(answer)

    def signals(self):
        return [side.ids[name] for side in self.sides.values() for name in ("signal", "file")]

    def shown_in(self, text):
        """The sides of which a text has a word or an id."""
        text = html.unescape(text).lower()
        return {name for name, side in self.sides.items() if names(side, text)}


def names(side, text):
    """What a text has of a side; RO-1 is not in XRO-1."""
    sought = (*side.words, *map(str, side.ids.values()))
    return {one for one in sought if re.search(rf"(?<![a-z0-9]){re.escape(one.lower())}", text)}


def text_of(answer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Django reads what is asynchronous to its end at once
        content = b"".join(answer) if answer.streaming else answer.content
    return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()


def pages_of(pdf):
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]


@pytest.fixture
def stage(world, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.SEGMENTS_FOLDER = tmp_path / "segments"
    board.totals_at.cache_clear()
    cast.name_competent(world)
    return Stage(world)


@pytest.fixture
def both(stage):
    stage.play(REAL)
    stage.play(EXERCISE)
    return stage


def feed(stage, more=""):
    return stage.api(f"/api/v1/feed?limit=1000{more}")


def woken(stage, *, exercise):
    """What wakes a stream: signals that changed."""
    changes, party = reads.changes(0), stage.world.big_provider
    ids = {reads.find(uid, viewer=stage.world.authority).position: uid for uid in stage.signals()}

    async def concerned():
        one = Subscription(party, after=0, exercise=exercise, all_changes=False)
        return [str(ids[change.position]) for change in changes if one.concerns(change)]

    return " ".join(asyncio.run(concerned()))


def segment_lines(stage, *, exercise, by="big_provider"):
    """The lines of a party's segments."""
    viewer = getattr(stage.world, by)
    signed = segments.manifest(viewer=viewer, exercise=exercise, now=NOON)
    manifest = SegmentManifest.model_validate_json(signed.manifest)
    files = ((segments.file_of(one.name), one) for one in manifest.segments)
    return b"".join(read_segment(path, segment) for path, segment in files).decode()


def misp_events(stage):
    manifest = json.loads(stage.api("/misp/feed/manifest.json"))
    return " ".join(stage.api(f"/misp/feed/{uuid}.json") for uuid in manifest)


def taxii(stage, collection):
    path = f"/taxii2/hub/collections/{collection}/objects/"
    return stage.api(path, Accept="application/taxii+json")


MACHINES = {
    "feed": (feed, {REAL}),
    "feed with exercises": (lambda stage: feed(stage, "&exercise=1"), BOTH),
    "stream": (lambda stage: woken(stage, exercise=False), {REAL}),
    "stream with exercises": (lambda stage: woken(stage, exercise=True), BOTH),
    "snapshot": (lambda stage: stage.api("/api/v1/snapshot"), {REAL}),
    "snapshot with exercises": (lambda stage: stage.api("/api/v1/snapshot?exercise=1"), BOTH),
    "signed snapshot": (lambda stage: stage.api("/api/v1/snapshots/latest"), {REAL}),
    "signed snapshot with exercises": (
        lambda stage: stage.api("/api/v1/snapshots/latest?exercise=1"),
        BOTH,
    ),
    "segments": (lambda stage: segment_lines(stage, exercise=False), {REAL}),
    "segments with exercises": (lambda stage: segment_lines(stage, exercise=True), BOTH),
    "export": (lambda stage: stage.api("/api/v1/signals/export?ended=1"), {REAL}),
    "export with exercises": (lambda stage: stage.api("/api/v1/signals/export?exercise=1"), BOTH),
    "export as a table": (lambda stage: stage.api("/api/v1/signals/export?format=csv"), {REAL}),
    "MISP feed": (misp_events, {REAL}),
    "MISP hashes": (lambda stage: stage.api("/misp/feed/hashes.csv"), {REAL}),
    "MISP events": (
        lambda stage: stage.api("/misp/events/restSearch", method="POST", body={}),
        {REAL},
    ),
    "MISP attributes": (
        lambda stage: stage.api("/misp/attributes/restSearch", method="POST", body={}),
        {REAL},
    ),
    "StopNCII, tx and HMA": (
        lambda stage: stage.api("/stopncii/v1/FetchHashes?startTimestamp=10"),
        {REAL},
    ),
    "TAXII": (lambda stage: taxii(stage, "signals"), {REAL}),
    "TAXII of exercises": (lambda stage: taxii(stage, "exercises"), {EXERCISE}),
    "orders of an address": (
        lambda stage: stage.api(
            "/api/v1/order-standing?url=https://small-forum.example/drillbridge/2", by="authority"
        ),
        NEITHER,
    ),
}
"""Doors of machines, and the sides that they show. Nobody asks for exercises by accident."""


@pytest.mark.usefixtures("numbered_from_1")
def test_machines_get_exercises_only_where_they_ask_for_them(both, partner):  # noqa: F811
    got = {name: both.shown_in(door(both)) for name, (door, _) in MACHINES.items()}
    assert got == {name: sides for name, (_, sides) in MACHINES.items()}
    assert_each_row_says_which_it_is(both)
    assert_papers_say_which_they_are(both)
    assert_no_exercise_leaves_but_by_an_exchange_of_exercises(both, partner)


@pytest.mark.nightly
def test_an_agency_that_a_bot_plays_sees_the_exercise_alone(both):
    world = both.world
    by = world.actor(world.agency, role="coordinator")
    how = {"title": "Unit", "kind": PartyKind.AGENCY, "country": "NL", "duties": ()}
    world.bot = exercise_parties.add_bot_party("unit", run=1, by=by, now=NOON, **how)
    both.keys["bot"] = Machine(exercise_parties.renew_bot_key(world.bot, by=by, now=NOON))
    for path in ("feed?exercise=1&limit=1000", "crises"):
        assert both.shown_in(both.api(f"/api/v1/{path}", by="bot")) == {EXERCISE}, path
    assert both.shown_in(segment_lines(both, exercise=True, by="bot")) == {EXERCISE}
    for thing in ("crisis", "early", "signal", "file", "referral", "lead"):
        path = {"crisis": "crises", "early": "crises", "file": "signals"}.get(thing, f"{thing}s")
        for name, side in both.sides.items():
            answer = both.keys["bot"]("GET", f"/api/v1/{path}/{side.ids[thing]}")
            assert (answer.status_code == 200) is (name == EXERCISE), (thing, name)
    for path in ("alerts", "search?q=Harbourtown", "ledger", "orders", "leads", "holds"):
        answer = both.keys["bot"]("GET", f"/api/v1/{path}")
        assert answer.status_code in {403, 404}, path
        assert both.shown_in(text_of(answer)) == NEITHER


LISTS = """
agency        feed?exercise=1 crises alerts referrals batches holds orders order-copies leads
agency        reports approvals crises/{crisis}/messages crises/{crisis}/timeline
authority     orders orders/{order} order-information referrals/{referral} leads/{lead} alerts
big_provider  referrals complaints complaints/{complaint} leads signals/{signal} crises/{crisis}
other_authority order-copies holds holds/{hold} alerts
small_provider orders alerts
"""


def assert_each_row_says_which_it_is(both):
    count = 0
    for by, path in each(LISTS):
        for side in both.sides.values():
            answer = json.loads(both.api(f"/api/v1/{path.format(**side.ids)}", by=by))
            for row_ in marked(answer):
                shown = both.shown_in(json.dumps(row_))
                assert shown <= {EXERCISE if row_["exercise"] else REAL}, (by, path, row_)
                count += bool(shown)
    assert count > 80


def marked(told):
    """The innermost objects of an answer that say whether they are an exercise."""
    if isinstance(told, list):
        for one in told:
            yield from marked(one)
    if isinstance(told, dict):
        inner = [one for value in told.values() for one in marked(value)]
        yield from inner
        if isinstance(told.get("exercise"), bool) and not inner:
            yield told


FIGURES = """
agency         /metrics
agency         /api/v1/parties/be-crisis-centre
agency         /api/v1/parties/big-video
agency         /progress?
agency         /progress/orders?
authority      /metrics
authority      /api/v1/progress/referrals?from=2026-11-24&to=2026-11-24
authority      /api/v1/progress/orders?from=2026-11-24&to=2026-11-24
authority      /api/v1/yearly/tco?year=2026
authority      /progress?first=2026-11-24&last=2026-11-24
authority      /progress/orders?first=2026-11-24&last=2026-11-24
authority      /progress/yearly?year=2026
big_provider   /metrics
big_provider   /api/v1/progress/referrals?from=2026-11-24&to=2026-11-24
big_provider   /api/v1/yearly/tco?year=2026
big_provider   /api/v1/yearly/dsa?year=2026
big_provider   /progress/dsa
small_provider /api/v1/progress/orders?from=2026-11-24&to=2026-11-24
small_provider /api/v1/yearly/tco?year=2026
small_provider /progress/yearly?year=2026
"""
COUNTED = r"^stemtide_(?:signals|outcomes|alerts)\S+ .*"
"""Metrics of real things. The others are of the ledger, the feed, processes and the post."""
MOVING = r'"head":\d+|"csrfmiddlewaretoken" value="\w+"|\d{4}-\d\d-\d\dT[\d:.]+|\d\d:\d\d:\d\d'
"""What is another in each answer: where the ledger stood, times, and the tokens of forms."""


def figures(stage, *, which):
    """What each door of figures says of real things, or of exercises."""
    quarter = ProgressQuery(
        first=date(2026, 10, 1), last=date(2026, 12, 31), of="all", exercise=which == EXERCISE
    )
    after = {"viewer": stage.world.agency, "now": NOON + timedelta(days=60)}
    of_all = [
        referral_figures.referrals(quarter, **after),
        order_figures.orders(quarter, **after),
    ]
    told = {
        of: one.model_dump_json() for of, one in zip(("referrals", "orders"), of_all, strict=True)
    }
    if which == REAL:
        shown = re.findall(r'id="figure-\w+">\s*(\S+)', stage.desk("/", by="authority"))
        told["board"] = " ".join(shown)
    for line in FIGURES.strip().splitlines():
        by, path = line.split()
        if which == EXERCISE and ("?" not in path or "dsa" in path):
            continue  # of real things alone
        path += {REAL: "", EXERCISE: "&exercise=1" if "api" in path else "&exercise=on"}[which]
        text = stage.api(path, by=by) if path[:4] in {"/api", "/met"} else stage.desk(path, by=by)
        wanted = {"/met": COUNTED, "/pro": "(?s)<main.*</main>"}.get(path[:4], "(?s).*")
        told[line] = " ".join(re.findall(wanted, text, re.MULTILINE))
    return {line: re.sub(MOVING, "", text) for line, text in told.items()}


STILL = {"/progress", "/progress/orders", "/api/v1/parties", "/api/v1/parties/big-video"}
"""Doors whose figures do not move by this either: of a quarter that is over, and of parties."""


@pytest.mark.nightly
@pytest.mark.parametrize(("which", "other"), [(REAL, EXERCISE), (EXERCISE, REAL)])
def test_no_figure_of_one_moves_by_the_other(stage, which, other):
    nothing = figures(stage, which=which)
    stage.play(which)
    before = figures(stage, which=which)
    stage.play(other)
    after = figures(stage, which=which)
    assert {line for line in before if before[line] != after[line]} == set()
    still = {line for line in before if before[line] == nothing[line]}
    assert {line.split()[-1].rstrip("?").partition("/be-")[0] for line in still} <= STILL


LISTS_AT_THE_DESK = """
agency           / crises referrals referrals/batches referrals/holds orders leads alerts
agency           reports deliveries search?q=Drillbridge search?q=Harbourtown approvals
authority        / crises referrals orders leads alerts to-do signals
authority        search?q=Drillbridge search?q=Harbourtown
big_provider     / crises leads complaints alerts to-do inbox
small_provider   inbox orders alerts to-do
other_authority  orders referrals/holds alerts to-do
"""
PAGES = """
agency           crises/{crisis} crises/{crisis}/log crises/{crisis}/lines crises/{crisis}/tasks
agency           crises/{crisis}/content crises/{crisis}/timeline reports/{report}
agency           signals/{signal} referrals/{referral} leads/{lead} referrals/batches/{batch}
authority        crises/{crisis} crises/{crisis}/hand-over signals/{signal} referrals/{referral}
authority        leads/{lead} orders/{order} orders/{waiting} crises/{early}/activation
big_provider     crises/{crisis} complaints/{complaint} inbox/referrals/{open} signals/{signal}
big_provider     inbox/batches/{batch} complain/{link} crises/{crisis}/content/{signal}
small_provider   orders/{order} orders/{waiting}
other_authority  orders/{order}
"""
WORD = re.compile(r"\bexercise\b|\[exercise\]", re.IGNORECASE)


def each(table):
    """Who asks, and for which page."""
    for line in table.strip().splitlines():
        by, *paths = line.split()
        yield from ((by, path) for path in paths)


def plain(page):
    """The words of a page without those of its forms: what one may tick is not what is said."""
    (main,) = re.findall(r"<main.*</main>", page, re.DOTALL)
    main = re.sub(r"<(label|select|datalist|legend)\b.*?</\1>", " ", main, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


@pytest.mark.nightly
def test_every_page_of_an_exercise_says_so_and_none_of_what_is_real(both):
    got = {}
    for by, path in each(PAGES):
        for name, side in both.sides.items():
            words = plain(both.desk("/" + path.format(**side.ids), by=by))
            got[by, path, name] = bool(WORD.search(words))
    assert [key for key, says in got.items() if says is not (key[2] == EXERCISE)] == []
    assert_each_row_at_the_desk_says_which_it_is(both)


def rows_of(page):
    """The rows of a page's lists and tables, each without those within it; no head of the page."""
    (main,) = re.findall(r"<main.*</main>", page, re.DOTALL)
    return re.split(r'<(?=li\b|tr\b|article\b|section\b|dt\b|table\b|div class="parcel)', main)[1:]


def assert_each_row_at_the_desk_says_which_it_is(both):
    wrong, asked = [], 0
    for by, path in each(LISTS_AT_THE_DESK):
        for row_ in rows_of(both.desk("/" + path.strip("/"), by=by)):
            shown = both.shown_in(row_)
            asked += bool(shown)
            words = plain(f"<main>{row_}</main>")
            if not shown <= {EXERCISE if WORD.search(words) else REAL}:
                wrong.append((by, path, words))
    assert wrong == []
    assert asked > 150


def assert_each_is_told_of_both():
    """Check that an exercise keeps no alert of something real back, nor the other way round."""
    raised = {True: Counter(), False: Counter()}
    alerts_sent = Alert.objects.exclude(kind="early_warning")  # an exercise warns its room alone
    for alert in alerts_sent.select_related("party"):
        raised[alert.exercise][alert.kind, alert.party.name] += 1
    assert raised[True] == raised[False]


def assert_link_says_what_it_is_of(outgoing):
    """Check the page of a mail's link, and what it says when it has expired."""
    expired = links.make_token(outgoing.delivery, until=NOON)
    for path in (urlsplit(outgoing.link).path, f"/acknowledge/{expired}"):
        words = plain(text_of(Client().get(path)))
        assert bool(WORD.search(words)) is outgoing.exercise, words


@pytest.mark.nightly
def test_mails_and_webhooks_say_which_they_are_of(world, stage):
    for party in world.everyone:
        contacts.add_contact_point(
            party,
            channel="mail",
            address=f"duty@{party.name}.example",
            is_24_7=True,
            actor="operator",
            now=NOON,
        )
    with ExitStack() as stack:
        hub = Hub(world, stack)
        real, rehearsing = (
            hub.listen(party=world.big_provider, exercise=exercise) for exercise in (False, True)
        )
        stage.play(EXERCISE)
        stage.play(REAL)
        hub.tick(minutes=1)
    assert_webhooks_tell_exercises_to_those_who_asked(stage, real, rehearsing)
    assert_each_is_told_of_both()
    assert_mails_say_which_they_are_of(stage)


def assert_mails_say_which_they_are_of(stage):
    """Check subject, text, papers and links: those of an exercise say so, and no others."""
    now = datetime.now(UTC)  # links work for a day
    with server() as inbox:
        while claimed := writes_deliveries.claim_due(now, limit=100, home=HOME):
            for outgoing in claimed:
                if outgoing.channel == "mail":
                    assert_link_says_what_it_is_of(outgoing)
                    mail.send(enclosures.attach(outgoing), post=post(inbox))
                result = Result(PostOutcome.SENT)
                writes_deliveries.note(outgoing, result=result, jitter=0.5, now=now)
    seen = set()
    for message in inbox.messages:
        text = message.get_body().get_content()
        facts = json.loads(message.get_payload()[1].get_content())["data"]
        is_exercise, which = facts["exercise"], EXERCISE if facts["exercise"] else REAL
        assert message["subject"].startswith("[EXERCISE] ") is is_exercise
        assert text.startswith("This is an EXERCISE.") is is_exercise
        assert bool(WORD.search(text)) is is_exercise
        assert stage.shown_in(f"{message['subject']} {text} {facts}") <= {which}
        seen.add((which, "mail"))
        for part in message.iter_attachments():
            if part.get_content_type() == "application/pdf":
                pages = pages_of(part.get_content())
                assert {bool(WORD.search(page)) for page in pages} == {is_exercise}
                seen.add((which, "paper"))
    assert seen == {(which, post) for which in BOTH for post in ("mail", "paper")}


def assert_webhooks_tell_exercises_to_those_who_asked(stage, real, rehearsing):
    heard = [json.dumps(event) for event in real.heard]
    assert stage.shown_in(" ".join(heard)) == {REAL}
    assert '"exercise": true' not in " ".join(heard)
    sides = Counter()
    for event in rehearsing.heard:
        which = EXERCISE if event["data"]["exercise"] else REAL
        assert stage.shown_in(json.dumps(event)) <= {which}
        sides[which] += 1
    assert sides[REAL] == len(heard)
    assert sides[EXERCISE] > 5


def assert_no_exercise_leaves_but_by_an_exchange_of_exercises(both, partner):  # noqa: F811
    hubs = Exchanges(both.world)
    more = {"address": partner.address, "direction": "push", "secret": "key"}
    hubs.add(**more)
    other = add_member("rehearsing-hub", title="Rehearsing hub", kind="authority")
    hubs.add(name="rehearsal", party=other, terms={"exercise": True}, **more)
    for name, sides in (("partner", {REAL}), ("rehearsal", {EXERCISE})):
        server_there = Taxii(partner)
        hubs.run(name)
        assert both.shown_in(json.dumps(server_there.posts)) == sides


def assert_papers_say_which_they_are(both):
    """Check every page of the PDF of a report, a timeline and the figures of a year."""
    for name, side in both.sides.items():
        timeline = f"/api/v1/crises/{side.ids['crisis']}/timeline/export?form=pdf"
        year = "/api/v1/yearly/tco/pdf?year=2026" + ("&exercise=1" if name == EXERCISE else "")
        pages = [
            *both.paper(f"/api/v1/reports/{side.ids['report']}/pdf", by="agency"),
            *both.paper(timeline, by="agency", method="POST"),
            *both.paper(year, by="authority"),
        ]
        assert {bool(WORD.search(page)) for page in pages} == {name == EXERCISE}


def crossing(side, other):
    """What would have one side rest on the other: who writes where, and the body."""
    own, ids = {"exercise": side.exercise}, {name: str(uid) for name, uid in other.ids.items()}
    signal = signal_in(value=hex_value(99), crisis=ids["crisis"], **own)
    yield "authority", "signals", signal.model_dump(mode="json", exclude_none=True)
    referral = Referrals(side.world).body(**own).model_dump(mode="json", exclude_none=True)
    yield "authority", "referrals", referral | {"crisis": ids["crisis"]}
    yield "authority", "referrals", referral | {"signals": [ids["signal"]]}
    yield "authority", "batches", {"name": "Another day", "crisis": ids["crisis"], **own}
    order = {"to": "small-forum", "annex": cast.ANNEX_1, **own}
    yield "authority", "orders", order | {"crisis": ids["crisis"]}
    yield "authority", "orders", order | {"signals": [ids["signal"]]}
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    hold = {"until": tomorrow, "reason": "investigation", "contact": "duty desk"}
    yield "other_authority", "holds", hold | {"signal": ids["signal"], **own}
    yield "big_provider", "leads", LEAD | {"crisis": ids["crisis"], **own}
    complaint = {"reference": "case-9", "basis": "signal", "ground": ids["signal"], **own}
    complaint |= {"measure": "blocked", "acted_at": "2026-11-24T11:00:00Z", "text": "It is news."}
    yield "big_provider", "complaints", complaint
    room = f"crises/{side.ids['crisis']}"
    yield "authority", f"{room}/link", {"crisis": ids["crisis"], "reason": "One event."}
    message = {"kind": "observation", "text": "Look.", "signal": ids["signal"]}
    yield "authority", f"{room}/messages", message
    task = {"title": "Look", "due_at": tomorrow}
    for kind in ("signal", "referral", "order"):
        yield "authority", f"{room}/tasks", task | {"link": {"kind": kind, "id": ids[kind]}}


@pytest.mark.nightly
def test_nothing_of_one_rests_on_the_other(both):
    real, rehearsed = both.sides[REAL], both.sides[EXERCISE]
    for by, path, body in (*crossing(real, rehearsed), *crossing(rehearsed, real)):
        machine = Machine(both.world.key(getattr(both.world, by)))
        answer = machine("POST", f"/api/v1/{path}", body)
        assert (path, answer.status_code) == (path, 422)
        (error,) = answer.json()["errors"]
        assert error["field"] in {"exercise", "crisis", "signal", "signals", "link"}, error
