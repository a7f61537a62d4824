# SPDX-License-Identifier: Apache-2.0
"""Removal orders at the door for machines."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from stemtide.hub.rooms.orders.models import Information
from stemtide.hub.rooms.parties.writes import competences
from stemtide.protocol.enums import Duty
from tests.hub.orders import cast
from tests.orders import confirm_order
from tests.rounds import at_night, some_of
from tests.world import NOON

NOTICE = "Orders come by webhook and mail; you have one hour from receipt."


@pytest.fixture
def named(world):
    cast.name_competent(world)
    return world


@pytest.fixture
def issuer(machine, named):
    return machine(named.authority)


@pytest.fixture
def provider(machine, named):
    return machine(named.small_provider)


@pytest.fixture
def home(machine, named):
    return machine(named.other_authority)


def test_a_provider_checks_in_one_step_that_an_order_is_authentic(issuer, provider, machine, named):
    uid = issue(issuer)
    found = provider("GET", f"/api/v1/orders/{uid}/authenticity").json()
    assert found["issuer"] == named.authority.name
    assert (found["listing"]["answer"], found["listing"]["point"]) == ("no", "a")
    assert "Federal prosecution service" in found["listing"]["others"]
    assert (found["own_key"], found["own_seal"], found["stamp"]) == ("none", None, "off")
    assert found["hub_seal"]["fingerprint"]
    assert found["competent_since"]
    assert provider("GET", f"/api/v1/orders/{uid}").json()["receipts"] != []  # only now
    stranger = machine(named.big_provider)
    assert stranger("GET", f"/api/v1/orders/{uid}/authenticity").status_code == 404


def today(**annex):
    day = datetime.now(UTC).date().isoformat()
    return cast.ANNEX_1 | {"signed_on": day} | annex


def draft(issuer, **facts):
    body = {"to": "small-forum", "annex": today(), "emergency": "An attack is under way."}
    body |= {"emergency_ground": "ongoing_events"}
    made = issuer("POST", "/api/v1/orders", body | facts)
    assert made.status_code == 201, made.content
    return made.json()["id"]


def issue(issuer, **facts):
    uid = draft(issuer, **facts)
    made = issuer("POST", f"/api/v1/orders/{uid}/issue")
    assert made.status_code == 200, made.content
    confirm_order(UUID(uid), now=datetime.now(UTC))
    return uid


def now_text():
    return datetime.now(UTC).isoformat()


def test_a_provider_is_informed_and_reads_it(issuer, provider):
    made = issuer("POST", "/api/v1/order-information", {"to": "small-forum", "text": NOTICE})
    assert made.status_code == 201
    assert provider("GET", "/api/v1/order-information").json()[0]["text"] == NOTICE


def test_the_lint_says_what_is_missing_and_issue_refuses_with_the_same(issuer):
    uid = draft(issuer, annex={"urls": ["https://a.example/1"]}, emergency="")
    found = issuer("GET", f"/api/v1/orders/{uid}/lint").json()
    errors = {one["field"] for one in found if one["is_error"]}
    assert {"grounds", "reasons", "emergency", "authority_type"} <= errors
    refused = issuer("POST", f"/api/v1/orders/{uid}/issue")
    assert refused.status_code == 422
    assert {one["field"] for one in refused.json()["errors"]} == errors


@at_night
def test_a_draft_is_changed_and_discarded(issuer):
    uid = draft(issuer)
    changed = issuer("PATCH", f"/api/v1/orders/{uid}", {"annex": {"location": "message 417"}})
    assert changed.json()["annex"]["location"] == "message 417"
    gone = issuer("POST", f"/api/v1/orders/{uid}/discard")
    assert gone.json()["state"] == "discarded"
    assert issuer("GET", f"/api/v1/orders/{uid}").json()["moves"] == []


def test_an_order_without_an_emergency_waits_and_no_key_confirms_it(issuer, provider, named):
    cast.inform(named)
    Information.objects.update(sent_at=datetime.now(UTC) - timedelta(days=1))
    uid = draft(issuer, emergency="", emergency_ground=None)
    waits = issuer("POST", f"/api/v1/orders/{uid}/issue").json()
    assert (waits["state"], waits["moves"]) == ("submitted", ["recall"])
    assert waits["second_look"]["expires_at"] == waits["confirm_due_at"]
    assert provider("GET", f"/api/v1/orders/{uid}").status_code == 404
    again = issuer("POST", f"/api/v1/orders/{uid}/issue")
    assert again.status_code == 409
    back = issuer("POST", f"/api/v1/orders/{uid}/withdraw", {"text": "A mistake."})
    assert back.json()["state"] == "drafted"


@at_night
def test_a_list_is_no_receipt_and_reading_one_is(issuer, provider):
    uid = issue(issuer)
    listed = provider("GET", "/api/v1/orders?side=addressee&open=1").json()
    assert [one["state"] for one in listed] == ["issued"]
    assert "annex" not in listed[0]
    read = provider("GET", f"/api/v1/orders/{uid}").json()
    assert (read["state"], [one["via"] for one in read["receipts"]]) == ("received", ["api"])
    again = provider("GET", f"/api/v1/orders/{uid}/annex-1").json()
    assert again["values"]["reference"] == read["reference"]
    assert provider("GET", f"/api/v1/orders/{uid}").json()["due_at"] == read["due_at"]


@at_night
def test_annex_1_fetched_as_data_is_a_receipt(issuer, provider):
    uid = issue(issuer)
    assert provider("GET", f"/api/v1/orders/{uid}/annex-1").json()["form"] == "tco-annex-1"
    assert issuer("GET", f"/api/v1/orders/{uid}").json()["state"] == "received"


def test_an_order_goes_from_acknowledgement_to_annex_ii(issuer, provider):
    uid = issue(issuer)
    seen = provider("POST", f"/api/v1/orders/{uid}/acknowledge").json()
    assert seen["acknowledged_at"]
    body = {"annex": cast.ANNEX_2 | {"measure_at": now_text()}}
    done = provider("POST", f"/api/v1/orders/{uid}/execute", body).json()
    assert (done["state"], done["measure"]) == ("executed", "removed")
    refused = provider("POST", f"/api/v1/orders/{uid}/execute", body)
    assert refused.status_code == 409
    kinds = [one["kind"] for one in issuer("GET", f"/api/v1/orders/{uid}/history").json()]
    assert kinds == [
        *("order.drafted", "order.issued", "order.copied", "order.submitted"),
        *("order.confirmed", "order.received"),
        *("order.acknowledged", "order.executed", "preservation.started"),
    ]
    theirs = provider("GET", f"/api/v1/orders/{uid}/history").json()
    assert theirs[0]["kind"] == "order.issued"
    assert "through" not in theirs[0]["detail"]
    assert "through" in theirs[-1]["detail"]


@at_night
def test_annex_iii_stops_the_clock_until_the_issuer_clarifies(issuer, provider):
    uid = issue(issuer)
    provider("GET", f"/api/v1/orders/{uid}")
    told = provider("POST", f"/api/v1/orders/{uid}/suspend", {"annex": cast.ANNEX_3}).json()
    assert (told["state"], told["due_at"]) == ("suspended", None)
    told = issuer("POST", f"/api/v1/orders/{uid}/clarify", {"text": "Message 417."}).json()
    assert told["state"] == "received"
    provider("POST", f"/api/v1/orders/{uid}/suspend", {"annex": cast.ANNEX_3})
    told = provider("POST", f"/api/v1/orders/{uid}/resume", {"text": "Found it."}).json()
    assert told["due_at"]


@at_night
def test_a_key_that_may_only_answer_does_nothing_that_takes_the_scope_of_orders(
    issuer, provider, home
):
    uid = issue(issuer)
    provider("POST", f"/api/v1/orders/{uid}/suspend", {"annex": cast.ANNEX_3})
    refused = issuer("POST", f"/api/v1/orders/{uid}/resume", {"text": "Message 417."})
    assert refused.status_code == 403
    refused = provider("POST", f"/api/v1/orders/{uid}/clarify", {"text": "Found it."})
    assert refused.status_code == 403
    own = {"basis": "own_initiative", "reasons": "It may be news."}
    assert home("POST", f"/api/v1/orders/{uid}/ask-scrutiny", own).status_code == 422
    ask = {"basis": "provider", "reasons": "It is news."}
    assert provider("POST", f"/api/v1/orders/{uid}/scrutiny", ask).status_code == 422
    seen = issuer("GET", f"/api/v1/orders/{uid}").json()
    assert (seen["state"], seen["scrutinies"]) == ("suspended", [])


@at_night
def test_scrutiny_ends_an_order_and_the_content_is_reinstated(issuer, provider, home):
    uid = issue(issuer)
    body = {"annex": cast.ANNEX_2 | {"measure_at": now_text()}}
    provider("POST", f"/api/v1/orders/{uid}/execute", body)
    ask = {"basis": "provider", "reasons": "It is a news report."}
    asked = provider("POST", f"/api/v1/orders/{uid}/ask-scrutiny", ask)
    assert asked.status_code == 200, asked.content
    assert home("GET", f"/api/v1/orders/{uid}").json()["copies"][0]["received_at"]
    words = {"text": "It is a news report: Art. 1(3)."}
    refused = home("POST", f"/api/v1/orders/{uid}/scrutiny/infringe", words)
    assert refused.status_code == 409
    assert home("POST", f"/api/v1/orders/{uid}/scrutiny/announce", words).status_code == 200
    ended = home("POST", f"/api/v1/orders/{uid}/scrutiny/infringe", words).json()
    assert ended["state"] == "undone"
    done = provider("POST", f"/api/v1/orders/{uid}/reinstate").json()
    assert done["state"] == "reinstated"


@at_night
def test_an_authority_examines_by_itself_and_finds_nothing(issuer, home):
    uid = issue(issuer)
    body = {"basis": "own_initiative", "reasons": "It may be news."}
    assert home("POST", f"/api/v1/orders/{uid}/scrutiny", body).status_code == 200
    found = home("POST", f"/api/v1/orders/{uid}/scrutiny/uphold", {"text": "It stands."}).json()
    assert found["scrutinies"][0]["state"] == "upheld"
    assert found["state"] == "issued"


@at_night
def test_an_order_is_withdrawn_and_its_secrecy_prolonged(issuer):
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    annex = today(
        non_disclosure=True,
        non_disclosure_until=(now + timedelta(weeks=5)).isoformat(),
    )
    uid = issue(issuer, annex=annex)
    until = (now + timedelta(weeks=10)).isoformat()
    body = {"until": until, "reason": "It goes on."}
    assert issuer("POST", f"/api/v1/orders/{uid}/prolong", body).json()["secret_until"]
    gone = issuer("POST", f"/api/v1/orders/{uid}/withdraw", {"text": "The wrong thread."})
    assert gone.json()["state"] == "withdrawn"


@at_night
def test_what_is_preserved_is_kept_in_a_record(issuer, provider):
    from datetime import UTC, datetime, timedelta

    uid = issue(issuer)
    body = {"annex": cast.ANNEX_2 | {"measure_at": now_text()}}
    provider("POST", f"/api/v1/orders/{uid}/execute", body)
    until = (datetime.now(UTC) + timedelta(days=300)).isoformat()
    longer = {
        "until": until,
        "proceedings": "judicial",
        "reviewed_by": "Council of State",
        "reviewed_since": datetime.now(UTC).date().isoformat(),
        "reference": "2026/114",
    }
    told = issuer("POST", f"/api/v1/orders/{uid}/preservation", longer).json()
    assert told["preservations"][0]["reviewed_by"] == "Council of State"
    access = {"purpose": "review", "who": "Court of Brussels"}
    told = provider("POST", f"/api/v1/orders/{uid}/preservation/access", access).json()
    assert told["preservations"][0]["accesses"][0]["who"] == "Court of Brussels"
    refused = provider("POST", f"/api/v1/orders/{uid}/preservation/destroyed")
    assert refused.status_code == 409


@at_night
def test_an_agency_reads_the_copies_that_were_sent_to_it(issuer, machine, named):
    plain = issue(issuer)
    agency = machine(named.agency)
    assert agency("GET", "/api/v1/order-copies").json() == []
    uid = issue(issuer, copy_to_europol=True)
    [copy] = agency("GET", "/api/v1/order-copies").json()
    assert (copy["id"], copy["annex"]["urls"]) == (uid, [cast.URL])
    assert agency("GET", f"/api/v1/orders/{uid}").status_code == 404
    assert issuer("GET", f"/api/v1/orders/{plain}").json()["agency_copies"] == []


@at_night
def test_a_preservation_by_another_law_is_recorded_extended_and_ended(issuer, provider, home):
    from datetime import UTC, datetime

    uid = issue(issuer)
    body = {"annex": cast.ANNEX_2 | {"measure_at": now_text()}}
    provider("POST", f"/api/v1/orders/{uid}/execute", body)
    since = datetime.now(UTC).isoformat()
    epoc = {"basis": "e_evidence", "authority": "A judge", "reference": "EP-7", "since": since}
    told = provider("POST", f"/api/v1/orders/{uid}/report-preservation", epoc).json()
    kept = told["preservations"][1]["id"]
    assert len(issuer("GET", f"/api/v1/orders/{uid}").json()["preservations"]) == 1
    path = f"/api/v1/orders/{uid}/report-preservation/{kept}"
    assert provider("POST", f"{path}/extend", {}).status_code == 200
    refused = provider("POST", f"{path}/extend", {})
    assert refused.status_code == 409
    assert "Art. 11(1)" in refused.json()["detail"]
    ended = provider("POST", f"{path}/end").json()["preservations"][1]
    assert ended["ended_at"]
    own = issuer("POST", f"/api/v1/orders/{uid}/preservations", epoc).json()["preservations"][1]
    assert own["entered_by"] == "be-crisis-centre"
    assert home("POST", f"/api/v1/orders/{uid}/preservations/{own['id']}/end").status_code == 404
    path = f"/api/v1/orders/{uid}/preservations/{own['id']}"
    done = issuer("POST", f"{path}/extend", {"production": "EPOC-8"}).json()["preservations"][1]
    assert done["until"] is None
    assert issuer("POST", f"{path}/end").status_code == 200


@at_night
@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"reference": "7", "reason": "An inquiry."}, "reason", "was replaced by proceedings"),
        ({"reference": "7", "proceedings": "police"}, "proceedings", "Art. 6(1)(b)"),
    ],
)
def test_other_reasons_to_preserve_longer_are_refused_by_article_6_2(issuer, body, field, words):
    sent = {"until": "2030-01-01T00:00:00Z"} | body
    refused = issuer("POST", f"/api/v1/orders/{issue(issuer)}/preservation", sent)
    assert refused.status_code == 422
    found = {one["field"]: one["message"] for one in refused.json()["errors"]}
    assert words in found[field]


@at_night
def test_who_coordinates_learns_that_an_address_is_ordered_and_no_more(
    issuer, provider, machine, named
):
    issue(issuer)
    path = "/api/v1/order-standing?url=http%3A%2F%2Fwww.small-forum.example%2Fthread%2F7%2F"
    found = machine(named.agency)("GET", path)
    assert found.json() == {"parties": ["be-crisis-centre"], "is_received": False}
    assert provider("GET", path).status_code == 403
    nothing = machine(named.agency)("GET", "/api/v1/order-standing?url=ftp%3A%2F%2Fx")
    assert nothing.json() == {"parties": [], "is_received": False}


@pytest.mark.parametrize("who", some_of(1, ["agency", "big_provider", "consortium", "observer"]))
def test_an_order_does_not_exist_for_strangers(issuer, machine, named, who):
    uid = issue(issuer)
    stranger = machine(getattr(named, who))
    assert stranger("GET", f"/api/v1/orders/{uid}").status_code == 404
    assert stranger("GET", "/api/v1/orders").json() == []


@at_night
def test_a_key_without_the_scope_does_nothing(issuer, machine, named):
    uid = issue(issuer)
    reader = machine(named.authority, scopes=["requests:read"])
    assert reader("GET", f"/api/v1/orders/{uid}").status_code == 200
    assert reader("POST", f"/api/v1/orders/{uid}/withdraw", {"text": "No."}).status_code == 403


@at_night
def test_who_lost_its_competence_examines_no_more(issuer, home, named):
    uid = issue(issuer)
    competences.end_competence(
        named.other_authority, Duty.SCRUTINISE, actor="operator", now=named.noon
    )
    body = {"basis": "own_initiative", "reasons": "It may be news."}
    refused = home("POST", f"/api/v1/orders/{uid}/scrutiny", body)
    assert refused.status_code == 403
    assert "Art. 12(1)(b)" in refused.json()["detail"]


def appeal_today(**facts):
    plain = {"lodged_by": "provider", "kind": "judicial", "body": "Council of State"}
    return plain | {"lodged_on": datetime.now(UTC).date().isoformat()} | facts


@at_night
def test_an_appeal_is_recorded_decided_and_the_order_is_final(named, issuer, provider, home):
    competences.name_competent(named.other_authority, Duty.MEASURES, actor="operator", now=NOON)
    uid = issue(issuer)
    provider("GET", f"/api/v1/orders/{uid}")
    made = provider("POST", f"/api/v1/orders/{uid}/report-appeal", appeal_today())
    (appeal,) = made.json()["finality"]["appeals"]
    assert (appeal["entered_by"], appeal["outcome"]) == ("small-forum", "pending")
    assert issuer("POST", f"/api/v1/orders/{uid}/final").status_code == 409
    decision = {"outcome": "confirmed", "text": "It stands.", "decided_on": appeal["lodged_on"]}
    path = f"/api/v1/orders/{uid}/appeals/{appeal['id']}/decide"
    assert provider("POST", path, decision).status_code == 403
    assert issuer("POST", path, decision).status_code == 200
    final = issuer("POST", f"/api/v1/orders/{uid}/final").json()["finality"]
    assert (final["ground"], final["final_on"]) == ("confirmed", appeal["lodged_on"])
    (seen,) = home("GET", "/api/v1/final-orders").json()
    assert (seen["provider"], seen["in_twelve_months"]) == ("small-forum", 1)
    assert "annex" not in str(seen)
    assert issuer("GET", "/api/v1/final-orders").json() == []


@at_night
def test_each_side_records_appeals_at_its_own_address(issuer, provider, home):
    uid = issue(issuer)
    assert provider("POST", f"/api/v1/orders/{uid}/appeals", appeal_today()).status_code == 403
    assert issuer("POST", f"/api/v1/orders/{uid}/report-appeal", appeal_today()).status_code == 403
    assert home("POST", f"/api/v1/orders/{uid}/appeals", appeal_today()).status_code == 403
    refused = issuer("POST", f"/api/v1/orders/{uid}/appeals", appeal_today(lodged_on="2020-01-01"))
    assert refused.json()["errors"][0]["field"] == "lodged_on"
    last = {"until": (datetime.now(UTC) + timedelta(days=3)).date().isoformat()}
    provider("GET", f"/api/v1/orders/{uid}")
    made = issuer("POST", f"/api/v1/orders/{uid}/appeal-deadline", last)
    assert made.json()["finality"]["appeal_until"] == last["until"]
