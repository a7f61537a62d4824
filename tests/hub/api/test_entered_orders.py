# SPDX-License-Identifier: Apache-2.0
"""Orders that were made elsewhere, at the door for machines."""

from datetime import UTC, datetime, timedelta

import pytest

from stemtide.hub.platform.documents import hub_seal
from stemtide.protocol.messages.documents import MAX_DOCUMENT_BYTES
from tests.hub.orders import cast
from tests.hub.orders.elsewhere import OUTSIDE
from tests.hub.papers.papers import plain
from tests.rounds import at_night, some_of

PDF = "application/pdf"
DOCUMENTS = "/api/v1/order-documents"
ENTERED = "/api/v1/entered-orders"
WRONG = {"text": "We have no such file."}


@pytest.fixture
def named(world, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    cast.name_competent(world)
    return world


@pytest.fixture
def provider(machine, named):
    return machine(named.small_provider, scopes=["requests:read", "answers:write"])


@pytest.fixture
def issuer(machine, named):
    return machine(named.authority, scopes=["requests:read", "orders:write"])


def ago(minutes):
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def keep(caller, pdf=None):
    kept = caller("POST", f"{DOCUMENTS}?name=order.pdf", pdf or plain(), content_type=PDF)
    assert kept.status_code == 201, kept.content
    return kept.json()


def body(caller, **facts):
    return {
        "document": keep(caller)["id"],
        "reference": "BE/2026/7",
        "issuer": "be-crisis-centre",
        "channel": "perci",
        "issued_at": ago(30),
        "received_at": ago(20),
        "annex": {"urls": [cast.URL]},
    } | facts


def enter(caller, **facts):
    entered = caller("POST", ENTERED, body(caller, **facts))
    assert entered.status_code == 201, entered.content
    return entered.json()


def test_a_provider_enters_an_order_and_its_issuer_reads_and_confirms_it(provider, issuer):
    entered = enter(provider)
    assert (entered["state"], entered["entry"]["waits_for"]) == ("received", "be-crisis-centre")
    left = datetime.fromisoformat(entered["due_at"]) - datetime.now(UTC)
    assert timedelta(minutes=38) < left <= timedelta(minutes=40)
    (listed,) = issuer("GET", "/api/v1/orders").json()
    assert listed["entry"]["entered_by"] == "small-forum"
    annex = issuer("GET", f"/api/v1/orders/{entered['id']}/annex-1").json()
    assert annex["entry"]["channel"] == "perci"
    document = issuer("GET", f"/api/v1/orders/{entered['id']}/document")
    assert document.content == plain()
    assert document.headers["Content-Disposition"] == 'attachment; filename="order.pdf"'
    confirmed = issuer("POST", f"/api/v1/orders/{entered['id']}/confirm-entry").json()
    assert confirmed["entry"]["state"] == "confirmed"


def test_a_seal_is_looked_at_and_a_broken_one_is_no_refusal(provider):
    sealed = hub_seal.sealed(plain(), reason="Order", now=datetime.now(UTC))
    assert keep(provider, sealed)["verdict"] == "genuine"
    kept = keep(provider, sealed.replace(b"/Seal", b"/Sea1", 1) + b"\n%more")
    assert kept["verdict"] in {"changed", "unreadable"}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    some_of(
        1,
        [
            (b"no pdf", PDF, 422),
            (b"%PDF-1.7\n" + bytes(2000), PDF, 422),
            (b"%PDF-" + bytes(MAX_DOCUMENT_BYTES), PDF, 413),
            (b"{}", "application/json", 415),
        ],
    ),
)
def test_a_file_that_is_no_pdf_is_refused(provider, content, kind, status):
    refused = provider("POST", DOCUMENTS, content, content_type=kind)
    assert refused.status_code == status, refused.content


@at_night
def test_the_same_order_is_refused_with_the_one_that_is_here(provider):
    entered = enter(provider)
    refused = provider("POST", ENTERED, body(provider))
    assert refused.status_code == 409
    assert entered["id"] in refused.json()["detail"]


@at_night
def test_a_time_that_lies_ahead_is_refused_by_its_field(provider):
    refused = provider("POST", ENTERED, body(provider, received_at=ago(-60)))
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["field"] == "received_at"


@at_night
def test_an_issuer_elsewhere_is_named_with_its_state(provider):
    entered = enter(provider, issuer="", outside_issuer=OUTSIDE)
    assert entered["issued_by"] == OUTSIDE["name"]
    assert entered["entry"]["outside_issuer"] == OUTSIDE
    refused = provider(
        "POST", ENTERED, body(provider, issuer="", outside_issuer=OUTSIDE | {"state": "Germany"})
    )
    assert refused.status_code == 422


@at_night
def test_an_order_is_disputed_and_taken_back(provider, issuer):
    first = enter(provider)["id"]
    ended = issuer("POST", f"/api/v1/orders/{first}/dispute-entry", WRONG).json()
    assert (ended["state"], ended["entry"]["note"]) == ("withdrawn", WRONG["text"])
    second = enter(provider, issuer="", outside_issuer=OUTSIDE, document=other(provider))["id"]
    voided = provider("POST", f"/api/v1/orders/{second}/void-entry", WRONG).json()
    assert (voided["state"], voided["entry"]["state"]) == ("withdrawn", "voided")


def other(caller):
    """Another document than the plain one."""
    return keep(caller, plain("Other words."))["id"]


def test_a_key_needs_the_scope_of_its_side(machine, named):
    reader = machine(named.small_provider, scopes=["requests:read"])
    refused = reader("POST", DOCUMENTS, plain(), content_type=PDF)
    assert refused.status_code == 403
    assert "orders:write or answers:write" in refused.json()["detail"]


def test_strangers_do_not_find_the_document(provider, machine, named):
    entered = enter(provider)
    stranger = machine(named.big_provider)
    assert stranger("GET", f"/api/v1/orders/{entered['id']}/document").status_code == 404


@at_night
def test_an_order_made_here_has_no_such_document(named, provider):
    cast.inform(named)
    made = cast.issue(named)
    refused = provider("GET", f"/api/v1/orders/{made.id}/document")
    assert refused.status_code == 404


def test_a_key_acts_for_a_side_with_the_scope_of_that_side_alone(machine, named, provider):
    entered = enter(provider)
    narrow = machine(named.authority, scopes=["requests:read", "answers:write"])
    for act in ("dispute-entry", "void-entry", "confirm-entry"):
        refused = narrow("POST", f"/api/v1/orders/{entered['id']}/{act}", WRONG)
        assert refused.status_code == 403, act
        assert "lacks the scope orders:write:" in refused.json()["detail"]
    assert narrow("POST", f"{DOCUMENTS}?name=x", plain(), content_type=PDF).status_code == 403
    assert provider("GET", f"/api/v1/orders/{entered['id']}").json()["state"] == "received"
