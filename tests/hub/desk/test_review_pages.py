# SPDX-License-Identifier: Apache-2.0
"""The hub as the OpenID provider of agents' review pages: who may sign in, and by what request."""

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.idp.oidc.models import Token
from django.core.cache import cache
from django.db import connection, connections
from django.test import Client

from stemtide.hub.platform.errors import InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.models import CachedValue, Person
from stemtide.hub.rooms.parties.reads import review_pages as reads
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import review_pages as rules
from stemtide.hub.rooms.parties.writes import parties, review_pages as writes
from stemtide.protocol.enums import Role, Standing
from stemtide.protocol.sync.agents import AgentStatusIn
from tests.rounds import at_night, few

pytestmark = pytest.mark.django_db

ADDRESS = "http://127.0.0.1:8471/review/sign-in/back"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
ASKED = {
    "redirect_uri": ADDRESS,
    "response_type": "code",
    "scope": "openid",
    "state": "the state",
    "nonce": "the nonce",
    "code_challenge": CHALLENGE.decode(),
    "code_challenge_method": "S256",
}


def report_agent(name, *, by, now):
    status = AgentStatusIn(version="1", position=0, signals=0, started_at=now)
    parties.report_status(name, by=by, status=status, now=now)


@pytest.fixture
def page(world):
    """The client id of the provider's agent."""
    owner = world.party["provider"]
    report_agent("uploads", by=owner, now=world.now)
    return writes.register_review_page(
        "uploads", address=ADDRESS, by=Actor(owner, "key:abcd"), now=world.now
    )


def signed_in(world, party="provider", role=Role.ANALYST):
    client = Client()
    client.force_login(world.person(party, role), "django.contrib.auth.backends.ModelBackend")
    return client


def authorize(client, page, **changed):
    return client.get("/openid/authorize", {"client_id": page} | ASKED | changed)


def code_of(answer):
    """The code and state that a page leads the browser on with."""
    query = parse_qs(urlsplit(answer.context["target"]).query)
    assert answer.context["target"].startswith(f"{ADDRESS}?")
    assert query["state"] == ["the state"]
    return query["code"][0]


def exchange(right_code, page, **changed):
    form = {
        "grant_type": "authorization_code",
        "code": right_code,
        "client_id": page,
        "redirect_uri": ADDRESS,
        "code_verifier": VERIFIER,
    }
    return Client().post("/openid/token", form | changed)


def claims_of(answer, page):
    assert answer.status_code == 200, answer.content
    (key,) = Client().get("/openid/keys").json()["keys"]
    return jwt.decode(
        answer.json()["id_token"],
        jwt.PyJWK(key),
        algorithms=["RS256"],
        audience=page,
        issuer="http://testserver",
    )


def test_a_reviewer_gets_an_id_token_that_says_who_they_are(world, page):
    client = signed_in(world)
    answer = authorize(client, page)
    assert "uploads" in answer.content.decode()
    claims = claims_of(exchange(code_of(answer), page), page)
    person = Person.objects.get(pk=claims["sub"])
    assert (claims["nonce"], claims["name"]) == ("the nonce", person.email)
    assert (person.party.name, person.role) == ("provider", "analyst")
    assert set(claims) <= {*("iss", "aud", "sub", "exp", "iat", "nonce", "jti", "name", "at_hash")}


def test_the_configuration_names_what_there_is():
    told = Client().get("/.well-known/openid-configuration").json()
    assert told["issuer"] == "http://testserver"
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        assert Client().get(urlsplit(told[name]).path).status_code != 404


@pytest.mark.parametrize(
    ("who", "words"),
    few(
        (0, 3, 5),
        of=[
            (("provider", Role.DUTY_OFFICER), ""),
            (("provider", Role.ADMINISTRATOR), ""),
            (("provider", Role.COORDINATOR), ""),
            (("provider", Role.OBSERVER), "your role (observer) cannot review"),
            (("provider", Role.DATA_PROTECTION_OFFICER), "cannot review"),
            (("rival", Role.DUTY_OFFICER), "is of provider, and you are signed in for rival"),
            (("agency", Role.COORDINATOR), "is of provider"),
        ],
    ),
)
def test_only_people_of_its_party_who_may_act_sign_in(world, page, who, words):
    answer = authorize(signed_in(world, *who), page)
    text = answer.content.decode().lower()
    assert words in text
    assert ("code=" in text) is (words == "")
    assert answer.status_code == (403 if words else 200)


@pytest.mark.parametrize(
    "changed",
    few(
        (1, 3, 4, 5, 7),
        of=[
            {"redirect_uri": "http://127.0.0.1:8472/review/sign-in/back"},
            {"redirect_uri": "https://evil.example/review/sign-in/back"},
            {"redirect_uri": f"{ADDRESS}?then=https://evil.example"},
            {"response_type": "token"},
            {"code_challenge_method": "plain"},
            {"code_challenge": ""},
            {"nonce": ""},
            {"state": ""},
            {"prompt": "none"},
            {"resource": "https://evil.example"},
            {"scope": ["openid", "email"]},
            {"scope": "openid email"},
        ],
    ),
)
def test_a_request_that_is_not_the_agents_own_leads_nowhere(world, page, changed):
    answer = authorize(signed_in(world), page, **changed)
    assert answer.status_code == 403
    assert "open the review page" in answer.content.decode()
    assert "evil" not in answer.content.decode()
    assert not Token.objects.exists()


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    "client", few((2, 3), of=["", "agent-", "agent-9999", "9999", "agent-٣", "x" * 300])
)
def test_an_unknown_client_is_not_found(world, client):
    assert authorize(signed_in(world), client).status_code == 404


def test_who_is_signed_out_signs_in_first_and_goes_on(page):
    away = authorize(Client(), page)
    assert away.status_code == 302
    assert parse_qs(urlsplit(away.headers["Location"]).query)["next"][0].startswith(
        f"/openid/authorize?client_id={page}&"
    )


def test_a_role_that_needs_a_second_factor_sets_it_up_first(world, page, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    answer = authorize(signed_in(world, role=Role.DUTY_OFFICER), page)
    assert answer.headers["Location"] == "/you"


def test_a_code_works_once(world, page):
    code = code_of(authorize(signed_in(world), page))
    claims_of(exchange(code, page), page)
    again = exchange(code, page)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changed",
    few(
        (0, 1, 2, 4),
        of=[
            {"code_verifier": "w" * 64},
            {"redirect_uri": "http://127.0.0.1:8472/review/sign-in/back"},
            {"client_id": "agent-9999"},
            {"code": "another"},
            {"grant_type": "refresh_token"},
            {"grant_type": "client_credentials"},
            {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"},
        ],
    ),
)
def test_a_code_is_worth_nothing_without_what_the_agent_keeps(world, page, changed):
    code = code_of(authorize(signed_in(world), page))
    answer = exchange(code, page, **changed)
    assert answer.status_code in {400, 401}
    assert "id_token" not in answer.json()


def test_another_agents_code_is_worth_nothing(world, page):
    rival = world.party["rival"]
    report_agent("other", by=rival, now=world.now)
    other = writes.register_review_page(
        "other", address=ADDRESS, by=Actor(rival, "key:x"), now=world.now
    )
    code = code_of(authorize(signed_in(world), page))
    assert exchange(code, other).status_code == 400


@pytest.mark.parametrize(
    "change",
    few(
        (0, 2),
        of=[
            {"is_active": False},
            {"role": Role.OBSERVER},
            {"party": "rival"},
            {"party": "suspended"},
        ],
    ),
)
def test_who_loses_the_right_gets_no_token_for_an_open_code(world, page, change):
    code = code_of(authorize(signed_in(world), page))
    reviewers = reads.reviewers(world.party["provider"])
    if change.get("party") == "suspended":
        world.party["provider"].standing = Standing.SUSPENDED
        world.party["provider"].save()
        change = {}
    if "party" in change:
        change = {"party": world.party[change["party"]]}
    Person.objects.filter(pk=reviewers[-1]).update(**change)
    assert exchange(code, page).json()["error"] == "invalid_grant"
    assert reviewers[-1] not in reads.reviewers(world.party["provider"])


@at_night
def test_the_tokens_that_come_with_it_open_nothing(world, page):
    answer = exchange(code_of(authorize(signed_in(world), page)), page).json()
    for token in (answer["access_token"], answer["id_token"]):
        headers = {"Authorization": f"Bearer {token}"}
        assert Client().get("/api/v1/whoami", headers=headers).status_code == 401
    refreshed = exchange(
        "", page, grant_type="refresh_token", refresh_token=answer["refresh_token"]
    )
    assert refreshed.status_code in {400, 401}


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1:8471/review/sign-in/back",
        "http://localhost:8471/review/sign-in/back",
        "http://10.0.0.1:8471/review/sign-in/back",
        "http://127.0.0.1/review/sign-in/back",
        "http://127.0.0.1:8471/review/sign-in/back?x",
        "http://127.0.0.1:8471/elsewhere",
        "http://127.0.0.1:8471@evil.example/review/sign-in/back",
        "http://127.0.0.1:8471/review/sign-in/back\nhttps://evil.example/",
        "http://*:8471/review/sign-in/back",
    ],
)
def test_an_agent_registers_no_address_on_another_machine(address):
    with pytest.raises(InvalidError, match="on its own machine"):
        rules.check_address(address)


def test_a_new_address_replaces_the_old_one_and_is_recorded_once(world, page):
    owner = world.party["provider"]
    moved = "http://[::1]:9000/review/sign-in/back"
    for _ in range(2):
        writes.register_review_page(
            "uploads", address=moved, by=Actor(owner, "key:x"), now=world.now
        )
    assert reads.review_page(page).address == moved
    assert Entry.objects.filter(kind="review_page.registered").count() == 2
    assert authorize(signed_in(world), page).status_code == 403


@pytest.mark.usefixtures("page")
def test_the_agent_of_another_party_is_not_found(world):
    with pytest.raises(NotFoundError):
        writes.register_review_page(
            "uploads", address=ADDRESS, by=Actor(world.party["rival"], "key:x"), now=world.now
        )


def test_roles_that_review():
    may = {
        role
        for role in Role
        if allows(rules.check_may_review, role, party="provider", owner="provider")
    }
    assert may == {Role.DUTY_OFFICER, Role.ANALYST, Role.COORDINATOR, Role.ADMINISTRATOR}
    with pytest.raises(NotAllowedError):
        rules.check_may_review(Role.ANALYST, party="rival", owner="provider")


def test_the_cache_is_json_under_digests_and_forgets_in_time():
    cache.set("a code", {"sub": "1"}, 60)
    (row,) = CachedValue.objects.all()
    assert (len(row.pk), json.loads(row.value)) == (64, {"sub": "1"})
    assert cache.get("a code") == {"sub": "1"}
    assert not cache.add("a code", "other", 60)
    cache.set("another", 1, -1)
    assert cache.get("another", "gone") == "gone"
    assert cache.add("another", 2, 60)
    assert cache.delete("a code")
    assert cache.get("a code") is None


@at_night
def test_the_signing_key_is_stored_encrypted_and_made_anew_for_another_secret(settings):
    before = Client().get("/openid/keys").json()["keys"]
    assert Client().get("/openid/keys").json()["keys"] == before
    (row,) = CachedValue.objects.all()
    assert "PRIVATE KEY" not in row.value
    settings.SECRET_KEY = "another secret"
    assert Client().get("/openid/keys").json()["keys"] != before


@pytest.mark.django_db(transaction=True)
def test_of_two_exchanges_at_once_one_gets_the_token(world, page):
    code = code_of(authorize(signed_in(world), page))

    def status(_):
        try:
            return exchange(code, page).status_code
        finally:
            connections.close_all()

    connection.close()
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(status, range(4)))
    assert statuses == [200, 400, 400, 400]
