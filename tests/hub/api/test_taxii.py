# SPDX-License-Identifier: Apache-2.0
"""The TAXII door by hand: media types, accounts, errors and parameters, as its standard asks."""

import base64
import json

import pytest
from django.test import Client

from tests.hub.stix.conftest import indicator
from tests.rounds import at_night, some_of
from tests.world import hex_value

pytestmark = pytest.mark.both_databases

TAXII = "application/taxii+json;version=2.1"
ROOT = "/taxii2/hub"


class Account:
    """One account at the door."""

    def __init__(self, key, *, name="be-crisis-centre", scheme="Basic"):
        self._client = Client(raise_request_exception=False)
        token = base64.b64encode(f"{name}:{key}".encode()).decode() if scheme == "Basic" else key
        self.headers = {"Authorization": f"{scheme} {token}", "Accept": TAXII}

    def __call__(self, method, path, body=None, *, kind=TAXII, **headers):
        sent = {} if body is None else {"data": body, "content_type": kind}
        if isinstance(sent.get("data"), dict):
            sent["data"] = json.dumps(body)
        return self._client.generic(method, path, headers=self.headers | headers, **sent)


@pytest.fixture
def taxii(world):
    return Account(world.key())


@pytest.fixture
def collection(taxii):
    return (
        f"{ROOT}/collections/{taxii('GET', f'{ROOT}/collections/').json()['collections'][0]['id']}"
    )


def is_error(answer, status):
    """Whether an answer is an error in TAXII's own shape."""
    said = answer.json()
    assert answer.status_code == status, said
    assert answer.headers["Content-Type"] == TAXII
    assert said["http_status"] == str(status)
    assert said["title"]
    assert said["description"]
    return True


def test_everything_is_found_from_the_discovery_on(taxii):
    found = taxii("GET", "/taxii2/")
    assert (found.status_code, found.headers["Content-Type"]) == (200, TAXII)
    assert found.json()["default"] in found.json()["api_roots"] == ["/taxii2/hub/"]
    root = taxii("GET", found.json()["default"]).json()
    assert root["versions"] == [TAXII]
    assert root["max_content_length"] > 0


@pytest.mark.parametrize("scheme", ["Basic", "Bearer", "Token"])
def test_an_account_opens_the_door_by_each_scheme(world, scheme):
    assert Account(world.key(), scheme=scheme)("GET", "/taxii2/").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !!!", "Basic Zm9v", "Bearer st_no_such", "Digest x", "Basic /w=="],
)
@pytest.mark.parametrize("path", ["/taxii2/", f"{ROOT}/", f"{ROOT}/collections/"])
def test_nobody_comes_in_without_one_and_is_told_how(db, header, path):  # noqa: ARG001  # it must come first
    answer = Client().get(path, headers={"Authorization": header})
    assert is_error(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_a_key_goes_with_its_own_party_only(world):
    assert is_error(Account(world.key(), name="big-video")("GET", "/taxii2/"), 401)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/taxii+json", 200),
        ("application/taxii+json;version=2.1", 200),
        ("application/taxii+json; version=2.1", 200),
        ('application/taxii+json; version="2.1"', 200),
        ("text/html, application/taxii+json;version=2.1;q=0.5", 200),
        ("*/*", 200),
        ("application/taxii+json;version=2.0", 406),
        ("application/json", 406),
        ("text/html", 406),
    ],
)
def test_only_what_a_client_takes_is_sent(taxii, accept, status):
    answer = taxii("GET", "/taxii2/", Accept=accept)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == TAXII


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/taxii+json", 202),
        ("application/taxii+json; version=2.1", 202),
        ("application/taxii+json;version=2.0", 415),
        ("application/json", 415),
        ("text/plain", 415),
    ],
)
def test_only_taxii_is_taken(taxii, collection, kind, status):
    answer = taxii("POST", f"{collection}/objects/", {"objects": [indicator()]}, kind=kind)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 422), (b"{}", 422), (b'{"objects":[]}', 422), (b'{"objects":1}', 422)],
)
def test_what_is_no_envelope_is_refused(taxii, collection, body, status):
    assert is_error(taxii("POST", f"{collection}/objects/", body), status)


def test_a_post_that_is_too_large_is_refused(taxii, collection):
    assert is_error(taxii("POST", f"{collection}/objects/", b" " * (16 * 1024 * 1024 + 1)), 413)


def test_what_became_of_a_post_is_told_to_its_sender_alone(world, taxii, collection):
    posted = taxii("POST", f"{collection}/objects/", {"objects": [indicator(), 7]})
    assert posted.status_code == 202
    path = f"{ROOT}/status/{posted.json()['id']}/"
    assert taxii("GET", path).json() == posted.json()
    other = Account(world.key(world.agency), name="eu-referral-unit")
    assert is_error(other("GET", path), 404)
    assert is_error(taxii("GET", f"{ROOT}/status/x/"), 404)


@pytest.mark.parametrize(
    "path",
    [
        "/taxii2/other/",
        f"{ROOT}/collections/none/",
        f"{ROOT}/collections/none/objects/",
        f"{ROOT}/x",
    ],
)
def test_what_is_not_there_is_said_in_taxiis_shape(taxii, path):
    assert is_error(taxii("GET", path), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/taxii2/"), ("PUT", f"{ROOT}/collections/"), ("DELETE", f"{ROOT}/collections/")],
)
def test_another_method_is_refused_with_those_that_work(taxii, method, path):
    answer = taxii(method, path)
    assert is_error(answer, 405)
    assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    "query",
    some_of(
        5,
        [
            *("limit=0", "limit=-1", "limit=x", "limit=", "limit=1&limit=2", "limit=\u0661"),
            *("next=x", "next=r", "next=r1x", "next=r9999999999999999999", "next=r99999999"),
            *(
                "added_after=yesterday",
                "added_after=2026-01-01",
                "added_after=2026-13-01T00:00:00Z",
            ),
            *("match[version]=newest", "match[version]=all,last", "match[id]=a&match[id]=b"),
        ],
    ),
)
def test_a_malformed_parameter_is_named(taxii, collection, query):
    for path in ("objects/", "manifest/"):
        answer = taxii("GET", f"{collection}/{path}?{query}")
        expected = 422 if query == "next=r99999999" else 400
        assert is_error(answer, expected)
        assert query.partition("=")[0] in answer.json()["description"]


@pytest.mark.parametrize(
    ("query", "count"),
    some_of(
        4,
        [
            ("limit=99999999", 10),
            ("match[type]=indicator", 3),
            ("match[type]=indicator,identity", 4),
            ("match[type]=malware", 0),
            ("match[type]=indicator&match[id]=indicator--0", 0),
            ("match[spec_version]=2.0", 0),
            ("match[spec_version]=2.1,2.0&match[type]=indicator", 3),
            ("match[version]=first&match[type]=indicator", 3),
            ("match[version]=all&match[type]=indicator", 3),
            ("match[version]=2001-01-01T00:00:00Z", 0),
            ("added_after=", 10),
            ("added_after=2026-11-24T11:59:59.123Z", 3),
            ("added_after=2999-01-01T00:00:00Z", 0),
            ("unknown=1", 10),
        ],
    ),
)
def test_filters_say_what_is_told(world, taxii, collection, query, count):
    for number in range(3):
        world.share(value=hex_value(number))
    answer = taxii("GET", f"{collection}/objects/?{query}")
    said = answer.json()
    assert len(said.get("objects", [])) == count
    assert ("objects" in said) is bool(count)
    assert ("X-TAXII-Date-Added-First" in answer.headers) is bool(count)
    manifest = taxii("GET", f"{collection}/manifest/?{query}").json()
    assert [one["id"] for one in manifest.get("objects", [])] == [
        one["id"] for one in said.get("objects", [])
    ]


@at_night
def test_a_version_is_found_by_the_moment_that_the_manifest_names(world, taxii, collection):
    for number in range(3):
        world.share(value=hex_value(number))
    for row in taxii("GET", f"{collection}/manifest/").json()["objects"]:
        version, name = row["version"], row["id"]
        path = f"{collection}/objects/{name}/?match[version]={version}"
        assert [one["id"] for one in taxii("GET", path).json()["objects"]] == [name]
        told = taxii("GET", f"{collection}/objects/{name}/versions/").json()
        assert told["versions"] == [version]


def test_an_object_that_is_not_there_is_404_and_a_filter_of_it_empty(taxii, collection):
    name = indicator()["id"]
    assert is_error(taxii("GET", f"{collection}/objects/{name}/"), 404)
    assert is_error(taxii("GET", f"{collection}/objects/{name}/versions/"), 404)
    assert is_error(taxii("DELETE", f"{collection}/objects/{name}/"), 404)
    assert taxii("GET", f"{collection}/objects/?match[id]={name}").json() == {"more": False}


@at_night
def test_a_page_with_more_says_where(world, taxii, collection):
    world.share()
    first = taxii("GET", f"{collection}/objects/?limit=5").json()
    assert first["more"] is True
    second = taxii("GET", f"{collection}/objects/?limit=9&next={first['next']}").json()
    assert second["more"] is False
    assert "next" not in second
    assert len(first["objects"]) + len(second["objects"]) == 8


def test_rights_hold_for_each_collection(world):
    reads_only = Account(world.key(scopes=["feed:read"]))
    feedback = f"{ROOT}/collections/feedback"
    signals = f"{ROOT}/collections/signals"
    assert is_error(reads_only("POST", f"{signals}/objects/", {"objects": [indicator()]}), 403)
    assert is_error(reads_only("GET", f"{feedback}/objects/"), 403)
    assert is_error(reads_only("DELETE", f"{feedback}/objects/{indicator()['id']}/"), 404)
    assert reads_only("GET", f"{signals}/").json()["can_write"] is False


@at_night
def test_a_delete_is_answered_with_nothing(taxii, collection):
    sent = indicator() | {"type": "identity", "name": "MISP"}
    sent["id"] = sent["id"].replace("indicator", "identity")
    assert taxii("POST", f"{collection}/objects/", {"objects": [sent]}).json()["success_count"] == 1
    path = f"{collection}/objects/{sent['id']}/"
    gone = taxii("DELETE", path)
    assert (gone.status_code, gone.content) == (200, b"")
    assert is_error(taxii("GET", path), 404)
    kept = indicator()
    taxii("POST", f"{collection}/objects/", {"objects": [kept]})
    assert is_error(taxii("DELETE", f"{collection}/objects/{kept['id']}/"), 403)
