# SPDX-License-Identifier: Apache-2.0
"""What a party is not in looks, at every endpoint, like what is not there."""

import re
from uuid import UUID, uuid4

import pytest

from stemtide.fingerprints.image import local
from stemtide.hub.api.bot_doors import check_bot_door
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.rooms.approvals.models import WaitingSignal
from stemtide.hub.rooms.exercises import writes as exercises
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.writes import parties
from stemtide.protocol.enums import Scope
from tests import scene
from tests.fingerprints.pictures import photo
from tests.hub.api.conftest import Machine
from tests.hub.api.schema import SCHEMA
from tests.hub.desk.conftest import World
from tests.rounds import at_night, some_of

LOCAL_FEATURES = local.features_of(photo("coffee.png").convert("L")).to_bytes().hex()
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")

PART_OF = {
    "approvals": "approval",
    "crises": "crisis",
    "messages": "message",
    "lines": "line",
    "leads": "lead",
    "complaints": "complaint",
    "redress": "redress",
    "reports": "report",
    "signals": "signal",
    "previews": "preview",
    "outliers": "outlier",
    "alerts": "alert",
    "rechecks": "recheck",
    "referrals": "referral",
    "holds": "hold",
    "batches": "batch",
    "orders": "order",
    "webhooks": "webhook",
    "suspensions": "suspension",
    "tasks": "task",
    "dismissals": "dismissal",
    "exercises": "exercise",
    "retention": "lead",
    "rights-requests": "rights_request",
}
"""What stands behind the first word of an address."""

PRESERVATION = {
    "basis": "e_evidence",
    "authority": "A judge",
    "reference": "EP-7",
    "since": "2026-11-24T12:00:00Z",
}

BODIES = {
    "triage_crisis": {"harm": 1, "virality": 1},
    "answer_check": {"answer": "yes", "evidence": "seen"},
    "consider_measure": {"country": "BE", "measure": "referrals", "insufficient": "abroad"},
    "propose_move": {"act": "close", "reason": "it is over"},
    "decline_proposal": {"reason": "not yet"},
    "deescalate_crisis": {"reason": "fewer"},
    "resume_crisis": {"reason": "again"},
    "review_crisis": {"reason": "still"},
    "close_crisis": {"reason": "nothing"},
    "answer_adoption": {"adopt": "none"},
    "adopt_signals": {"label": "manifesto"},
    "unadopt_signals": {"label": "manifesto"},
    "invite_parties": {"parties": ["rival"]},
    "widen_crisis": {"countries": ["DE"]},
    "uninvite_party": {"party": "rival"},
    "decline_crisis": {},
    "leave_crisis": {},
    "link_crises": {"crisis": str(uuid4()), "reason": "the same"},
    "unlink_crisis": {"reason": "another"},
    "mirror_neighbour": {
        "framework": "gifct",
        "version": "2025",
        "type": "perpetrator-content-incident",
        "started_at": "2020-01-01T10:00:00Z",
    },
    "update_neighbour": {"status": "ended", "ended_at": "2020-01-02T10:00:00Z"},
    "post_message": {"kind": "observation", "text": "Seen."},
    "propose_line": {"texts": {"en": "Stay calm."}},
    "vote_on_line": {"vote": "agree"},
    "give_role": {"to": "rival"},
    "give_task": {"title": "Call the host.", "due_at": "2030-01-01T00:00:00Z"},
    "move_task": {"state": "done"},
    "pass_on_lead": {},
    "close_lead": {"outcome": "no_threat"},
    "take_complaint": {"reviewed_by": "moderator-1"},
    "decide_complaint": {
        "is_upheld": True,
        "exemption": "news",
        "finding": "content",
        "reasons": "It is the evening news.",
        "reviewed_by": "moderator-1",
    },
    "answer_redress": {"keep": False},
    "write_section": {"text": "All of it."},
    "add_debrief_note": {"topic": "went_well", "text": "The phone."},
    "add_debrief_action": {"text": "Drill it.", "owner": "rival", "due": "2030-01-31"},
    "publish_report": {"audience": "parties"},
    "send_preview": {"excerpt": "A shot.", "expires_at": "2030-01-01T00:00:00Z"},
    "send_local_features": {"value": LOCAL_FEATURES},
    "withdraw_signal": {"reason": "mistake"},
    "give_opinion": {"opinion": "dispute", "note": "a news report"},
    "send_question": {"text": "Is the whole film meant?"},
    "answer_question": {"text": "Only from 2:10 on."},
    "set_dispute_aside": {"reason": "The attacker filmed it."},
    "answer_set_aside": {"text": "It is news."},
    "answer_dismissal": {"text": "It is news."},
    "lower_runaway": {"reason": "A sign-in form."},
    "clear_runaway": {"reason": "An attack."},
    "take_back_approval": {"note": "A mistake."},
    "decide_outlier": {"is_counted": True},
    "send_referral": {},
    "drop_referral": {"reason": "gone"},
    "record_appeal": {
        "lodged_by": "provider",
        "kind": "judicial",
        "body": "The court",
        "lodged_on": "2026-01-31",
    },
    "report_appeal": {
        "lodged_by": "provider",
        "kind": "judicial",
        "body": "The court",
        "lodged_on": "2026-01-31",
    },
    "decide_appeal": {"outcome": "closed", "decided_on": "2026-01-31", "text": "None."},
    "set_appeal_deadline": {"until": "2026-01-31"},
    "withdraw_referral": {"reason": "mistake"},
    "give_context": {"context": "From 2:10 on."},
    "acknowledge_referral": {},
    "answer_referral": {"answer": "removed"},
    "reinstate_referred": {},
    "extend_hold": {"until": "2030-01-01T00:00:00Z"},
    "add_rows": {"rows": [{"number": 1, "url": "https://video.example/1"}]},
    "change_order": {"language": "fr"},
    "execute_order": {"annex": {"measure": "removed"}},
    "suspend_order": {"annex": {"grounds": ["impossibility"]}},
    "resume_order": {"text": "It is over."},
    "clarify_order": {"text": "Message 417."},
    "withdraw_order": {"text": "A mistake."},
    "dispute_order_entry": {"text": "Not ours."},
    "void_order_entry": {"text": "A mistake."},
    "prolong_secrecy": {"until": "2030-01-01T00:00:00Z", "reason": "It goes on."},
    "ask_scrutiny": {"basis": "provider", "reasons": "It is news."},
    "open_scrutiny": {"basis": "own_initiative", "reasons": "It is news."},
    "announce_infringement": {"text": "It is news."},
    "uphold_order": {"text": "It stands."},
    "find_infringement": {"text": "It is news."},
    "extend_preservation": {
        "until": "2030-01-01T00:00:00Z",
        "proceedings": "judicial",
        "reviewed_by": "Council of State",
        "reviewed_since": "2026-11-24",
        "reference": "2026/114",
    },
    "record_preservation": PRESERVATION,
    "report_preservation": PRESERVATION,
    "extend_recorded_preservation": {"production": "EPOC-8"},
    "extend_reported_preservation": {"production": "EPOC-8"},
    "change_webhook": {"state": "paused"},
    "decline_suspension": {"reason": "They mended it."},
    "bring_exercise_news": {"to": ["big-videos"], "kind": "tip", "text": "A call.", "at_min": 3},
    "report_exercise": {"minutes": 3},
    "note_observation": {"text": "They called by phone."},
    "note_access": {"purpose": "review", "who": "A court"},
    "change_retention": {"reason": "an appeal", "legal_basis": "national"},
    "answer_rights_request": {"outcome": "granted", "answered_on": "2026-11-24"},
    "extend_rights_request": {"reason": "number", "informed_on": "2026-11-24"},
    "hold_row": {"reason": "a court asked"},
}
"""A body that would do, by operation."""

_NO_IDS = (
    *("/api/v1/agents", "/api/v1/exchanges", "/api/v1/parties", "/api/v1/snapshots"),
    "/api/v1/allowlist",  # which every party may read
    "/api/v1/segments",  # encrypted files: tests/hub/snapshots/test_segments.py
)

_NO_KEYS = {"confirm_order"}
"""What keys are refused before anything is looked for."""

OPERATIONS = [
    (method, path, facts["operationId"])
    for path, methods in SCHEMA["paths"].items()
    for method, facts in methods.items()
    if "{" in path and not path.startswith(_NO_IDS)
]
"""Every operation with an id in its address, out of the schema itself.

Exchanges refuse strangers whatever is asked for: tests/hub/exchanges/test_doors.py. Parties are no
secret.
"""


@pytest.fixture
def desk_world(db):  # noqa: ARG001  # it must come first
    """The scene's own cast."""
    return World()


@pytest.fixture
def stage(desk_world, settings, tmp_path):
    settings.MEDIA_KEY_FILE = tmp_path / "media.key"
    return scene.assemble(desk_world)


def _address(path, given):
    """An address of the scene; what has no part there gets an id of its own."""
    named = PART_OF[path.split("/")[3]]
    return path.format(
        uid=given[named],
        test="cross-border",
        name="parameters",
        role="liaison",
        verb="start",
        party="provider",
        proposal=uuid4(),
        neighbour=uuid4(),
        action=given["action"],
        appeal=uuid4(),
        preservation=uuid4(),
        delivery=given["sent_event"],
        row_class="lead",
    )


def _machine(world, party):
    _, text = parties.new_key(
        f"key {party}",
        party=world.party[party],
        scopes=list(Scope),
        actor="operator",
        now=world.now,
    )
    return Machine(text)


def _bare(answer):
    return UID.sub("", answer.content.decode())


@pytest.mark.parametrize("party", some_of(1, ["rival", "observer"]))
def test_a_stranger_cannot_tell_what_is_there_from_what_is_not(desk_world, stage, party):
    machine = _machine(desk_world, party)
    nothing = {name: str(uuid4()) if UID.fullmatch(one) else one for name, one in stage.items()}
    before = Entry.objects.count()
    for method, path, operation in OPERATIONS:
        if party == "rival" and PART_OF[path.split("/")[3]] == "signal":
            continue  # a signal that is shared with all providers is no secret to one of them
        seen, unseen = (
            machine(method.upper(), _address(path, given), BODIES.get(operation))
            for given in (stage, nothing)
        )
        wanted = 403 if operation in _NO_KEYS else 404
        assert {seen.status_code, unseen.status_code} == {wanted}, (operation, _bare(seen))
        assert _bare(seen) == _bare(unseen), operation
    assert Entry.objects.count() == before


@at_night
@pytest.mark.parametrize("member", ["referral-unit", "second-authority", "small-pictures"])
def test_to_a_bot_nothing_real_is_there_at_any_of_its_doors(desk_world, stage, member):
    run, by = UUID(stage["exercise"]), desk_world.actor("agency")
    keys = exercises.renew_keys(run, by=by, now=desk_world.now)
    machine = Machine(next(row.key for row in keys if row.member == member))
    waiting = stage | {"signal": str(WaitingSignal.objects.get().uid)}
    before = Entry.objects.count()
    for method, path, operation in OPERATIONS:
        for given in (stage, waiting):
            if _is_door(method.upper(), _address(path, given)):
                answer = machine(method.upper(), _address(path, given), BODIES.get(operation))
                assert answer.status_code == 404, (operation, _bare(answer))
    for path in ("crises", "feed?exercise=1&limit=1000"):
        text = machine("GET", f"/api/v1/{path}").content.decode()
        assert not [name for name, value in waiting.items() if value in UID.findall(text)]
    assert Entry.objects.count() == before


def _is_door(method, path):
    try:
        check_bot_door(method, path)
    except ProblemError:
        return False
    return True


def test_every_operation_that_takes_a_body_has_one_here():
    wanted = {
        facts["operationId"]
        for path, methods in SCHEMA["paths"].items()
        for facts in methods.values()
        if "{" in path and "requestBody" in facts and not path.startswith(_NO_IDS)
    }
    assert wanted == set(BODIES)
