# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.complaints import encryption as seals
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.complaints.reads import complaints as reads
from stemtide.hub.rooms.complaints.rules import complaints as rules
from stemtide.hub.rooms.complaints.writes import complaints as writes
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import ledger
from tests.hub.complaints.conftest import HOME, WORDS
from tests.rounds import rounds
from tests.world import NOON, hex_value


def test_a_link_leaves_no_trace_until_somebody_complains(bench):
    made = bench.link()
    assert made.link == f"{HOME}/complain/{made.token}"
    assert made.expires_at == rules.link_ends(NOON)
    assert not Complaint.objects.exists()
    assert bench.world.ledger_kinds() == ["signal.shared"]


def test_a_link_shows_what_was_done_and_nothing_of_who_shared_the_signal(bench):
    told = reads.linked(bench.link().token, now=NOON)
    assert (told.provider, told.measure, told.state) == ("Big Video", "blocked", None)
    said = told.model_dump_json()
    assert str(bench.signal.id) not in said
    assert "be-crisis-centre" not in said
    assert "Belgian" not in said


@pytest.mark.parametrize("party", ["authority", "agency", "consortium", "observer"])
def test_only_providers_make_links_and_file(bench, party):
    with pytest.raises(NotAllowedError, match="only providers"):
        bench.link(party)
    with pytest.raises(NotAllowedError, match="only providers"):
        bench.file(party)


def test_a_decision_rests_on_a_signal_that_its_provider_may_see(bench):
    secret = bench.world.share(tlp="red", audience=("small-forum",), value=hex_value(2))
    for ground in (secret.id, uuid4()):
        with pytest.raises(InvalidError, match="ground: there is no signal"):
            bench.link(ground=ground)


def test_an_uploader_complains_with_a_link_and_gets_a_code(bench):
    made = bench.link()
    code, told = writes.file_by_link(made.token, text=WORDS, language="nl", now=NOON)
    assert (told.state, told.due_at) == ("filed", NOON + timedelta(weeks=2))
    assert reads.state_of(code.lower()) == told
    assert reads.linked(made.token, now=NOON) == told
    (found,) = reads.complaints(viewer=bench.world.big_provider)
    assert (found.number, found.text, found.language) == ("CP-2026-00001", WORDS, "nl")


def test_a_provider_files_for_an_uploader(bench):
    filed = bench.file(role=None, basis="own", ground=None)
    assert filed.complaint.state == "filed"
    assert reads.state_of(filed.code).provider == "Big Video"
    assert bench.world.last_entry().actor == "party:big-video"


def test_one_link_is_one_complaint_however_often_it_is_sent(bench):
    made = bench.link()
    writes.file_by_link(made.token, text=WORDS, language="en", now=NOON)
    with pytest.raises(ConflictError, match="already"):
        writes.file_by_link(made.token, text=WORDS, language="en", now=NOON)
    with pytest.raises(ConflictError, match="already"):
        bench.file(reference=made.reference)
    assert Complaint.objects.count() == 1


def test_two_providers_may_use_the_same_reference(bench):
    one = bench.file(reference="case-1")
    other = bench.file("small_provider", reference="case-1")
    assert one.code != other.code
    assert other.complaint.number == "CP-2026-00001"


def test_a_link_that_opens_nothing_files_nothing(bench):
    made = bench.link()
    with pytest.raises(NotFoundError):
        writes.file_by_link(made.token, text=WORDS, language="en", now=made.expires_at)
    with pytest.raises(NotFoundError):
        writes.file_by_link("nonsense", text=WORDS, language="en", now=NOON)


def test_a_code_of_nobody_opens_nothing(bench):
    bench.complain()
    with pytest.raises(NotFoundError, match="check the code"):
        reads.state_of("0000-0000-0000-0000")


def test_whoever_complained_takes_it_back_until_it_is_decided(bench):
    filed = bench.file()
    told = writes.withdraw(filed.code, now=NOON)
    assert told.state == "withdrawn"
    assert bench.world.ledger_kinds()[-1] == "complaint.withdrawn"
    with pytest.raises(ConflictError, match="withdrawn"):
        writes.withdraw(filed.code, now=NOON)
    with pytest.raises(ConflictError):
        bench.take(filed.complaint)


@pytest.mark.parametrize(
    ("party", "sees"),
    [
        ("big_provider", True),
        ("small_provider", False),
        ("authority", False),
        ("other_authority", False),
        ("agency", False),
        ("consortium", False),
        ("observer", False),
    ][:: rounds(2, nightly=1)],
)
def test_a_complaint_is_seen_by_its_provider_alone(bench, party, sees):
    complaint = bench.complain()
    viewer = getattr(bench.world, party)
    assert bool(reads.complaints(viewer=viewer)) is sees
    assert bool(reads.of_ground(bench.signal.id, viewer=viewer)) is sees
    if not sees:
        with pytest.raises(NotFoundError):
            reads.complaint(complaint.id, viewer=viewer)


def test_the_ledger_and_the_database_hold_no_word_of_a_complaint(bench):
    bench.complain()
    row, entry = Complaint.objects.get(), bench.world.last_entry()
    assert "evening news" not in row.text
    assert seals.unseal(row.text) == WORDS
    assert "evening" not in str((entry.kind, entry.actor, entry.subject, entry.detail))
    assert entry.actor == "complainant"
    assert entry.detail["party"] == "party:big-video"
    others = ledger.entries(viewer=bench.world.authority, after=entry.number - 1)
    assert (others[0].actor, others[0].subject) == (ledger.WITHHELD, ledger.WITHHELD)


def test_the_ledger_proves_what_was_complained_of(bench):
    found = bench.complain()
    digest = Entry.objects.get(kind="complaint.filed").detail["digest"]
    assert rules.seal_digest(found.text, salt=found.seal) == digest
    assert rules.seal_digest(found.text + "!", salt=found.seal) != digest


def test_what_is_due_soonest_stands_first_and_what_is_over_last(bench):
    late = bench.complain(now=NOON + timedelta(days=1))
    soon = bench.complain()
    over = bench.complain()
    bench.reject(over)
    viewer = bench.world.big_provider
    assert [one.id for one in reads.complaints(viewer=viewer)] == [soon.id, late.id, over.id]
    assert [one.id for one in reads.complaints(viewer=viewer, is_open=True)] == [soon.id, late.id]
    assert [one.id for one in reads.complaints(viewer=viewer, is_open=False)] == [over.id]


def test_the_clock_notes_once_that_two_weeks_are_over(bench):
    bench.complain()
    bench.reject(bench.complain())
    due = NOON + timedelta(weeks=2)
    assert writes.note_overdue(due - timedelta(seconds=1)) == 0
    assert writes.note_overdue(due) == 1
    assert writes.note_overdue(due) == 0
    entry = bench.world.last_entry()
    assert (entry.kind, entry.actor) == ("complaint.prompted", "clock")
    assert entry.detail == {"party": "party:big-video"}


def test_the_clock_erases_the_words_and_keeps_outcome_and_proof(bench):
    complaint = bench.complain()
    bench.reject(complaint)
    due = rules.erase_due(NOON, decided_at=NOON)
    assert writes.erase_due_words(due - timedelta(seconds=1)) == 0
    assert writes.erase_due_words(due) == 1
    assert writes.erase_due_words(due) == 0
    found = reads.complaint(complaint.id, viewer=bench.world.big_provider)
    assert (found.text, found.reasons, found.seal) == ("", "", "")
    assert (found.state, found.exemption, found.erased_at) == ("rejected", "none", due)


def test_words_of_a_complaint_that_nobody_decides_are_erased_after_a_year(bench):
    complaint = bench.complain()
    assert complaint.erase_due == rules.erase_due(NOON)
    assert writes.erase_due_words(complaint.erase_due) == 1
