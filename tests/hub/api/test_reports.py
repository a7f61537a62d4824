# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from stemtide.protocol.messages.reports import sections_of
from tests.rounds import at_night


@pytest.fixture
def room(world, machine):
    """The id of a crisis, and the machines of those in its room."""
    crisis = world.activate()
    world.join(crisis, world.other_authority, world.big_provider)
    uid = crisis.id
    names = ("authority", "other_authority", "agency", "big_provider", "observer")
    return uid, {name: machine(getattr(world, name)) for name in names}


def written(uid, machines):
    report = machines["authority"]("POST", f"/api/v1/crises/{uid}/report").json()
    for one in sections_of(report["framework"]):
        path = f"/api/v1/reports/{report['id']}/sections/{one.name}"
        machines["authority"]("PUT", path, {"text": "Words."})
    return report["id"]


def test_a_timeline_is_read_and_exported(room):
    uid, machines = room
    page = machines["agency"]("GET", f"/api/v1/crises/{uid}/timeline?limit=2&thing=check").json()
    assert [one["kind"] for one in page["entries"]] == ["check.answered"] * 2
    assert page["more"]
    cut = "since=2030-01-01T00:00:00Z&until=2031-01-01T00:00:00Z"
    assert not machines["agency"]("GET", f"/api/v1/crises/{uid}/timeline?{cut}").json()["entries"]
    whole = machines["agency"]("POST", f"/api/v1/crises/{uid}/timeline/export").json()
    assert whole["entries"][-1]["kind"] == "timeline.exported"
    paper = machines["agency"]("POST", f"/api/v1/crises/{uid}/timeline/export?form=pdf")
    assert paper.content.startswith(b"%PDF-")
    assert paper.headers["Content-Type"] == "application/pdf"


@at_night
def test_a_report_is_written_agreed_and_printed(room):
    uid, machines = room
    assert machines["agency"]("GET", f"/api/v1/crises/{uid}/report").status_code == 404
    report = written(uid, machines)
    path = f"/api/v1/reports/{report}"
    note = {"topic": "idea", "text": "Call earlier."}
    assert machines["big_provider"]("POST", f"{path}/notes", note).status_code == 201
    action = {"text": "Drill it.", "owner": "big-video", "due": "2027-01-31"}
    made = machines["authority"]("POST", f"{path}/actions", action).json()["actions"][0]["id"]
    done = machines["big_provider"]("POST", f"{path}/actions/{made}/done").json()
    assert done["actions"][0]["done_at"]
    assert machines["authority"]("POST", f"{path}/agree").status_code == 403
    assert machines["agency"]("POST", f"{path}/agree").json()["state"] == "agreed"
    early = machines["agency"]("POST", f"{path}/publish", {"audience": "parties"})
    assert early.status_code == 409
    assert machines["agency"]("GET", f"{path}/pdf").content.startswith(b"%PDF-")
    assert machines["agency"]("GET", f"/api/v1/crises/{uid}/report").json()["id"] == report
    assert machines["agency"]("GET", "/api/v1/reports").json() == []


OF_THE_ROOM = [
    ("GET", "crises/{crisis}/timeline", None),
    ("POST", "crises/{crisis}/timeline/export", None),
    ("POST", "crises/{crisis}/report", None),
    ("GET", "crises/{crisis}/report", None),
    ("GET", "reports/{report}", None),
    ("GET", "reports/{report}/pdf", None),
    ("PUT", "reports/{report}/sections/lessons", {"text": "x"}),
    ("POST", "reports/{report}/notes", {"topic": "idea", "text": "xyz"}),
    ("POST", "reports/{report}/actions", {"text": "xyz", "owner": "x", "due": "2027-01-31"}),
    ("POST", "reports/{report}/agree", None),
    ("POST", "reports/{report}/publish", {"audience": "room"}),
]
"""What is for those in the room alone: method, path, body."""


@at_night
def test_who_is_not_in_the_room_finds_nothing(room):
    uid, machines = room
    report = written(uid, machines)
    for method, path, body in OF_THE_ROOM:
        there = path.format(crisis=uid, report=report)
        nowhere = path.format(crisis=uuid4(), report=uuid4())
        answers = [machines["observer"](method, f"/api/v1/{one}", body) for one in (there, nowhere)]
        assert [one.status_code for one in answers] == [404, 404], (method, path)
