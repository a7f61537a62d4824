# SPDX-License-Identifier: Apache-2.0
"""What was written for HMA asks an agent, and gets HMA's answers."""

import base64
import http.server
import threading
from contextlib import contextmanager

import pytest

from stemtide.fingerprints.url.canonical import fingerprint_url
from tests.agent.test_match import CAT, ROCKET, pdq_of, smaller
from tests.agent.world import agent_of, config_of, sha256


@pytest.fixture
def known(hub, agent, sandbox):
    """An agent with a signal of one photograph that is to be blocked."""
    hub.share(pdq_of(sandbox, CAT), kind="pdq")
    agent.wait(position=1)
    return agent.http


def photo(blob, *, field="photo"):
    return {"files": {field: ("upload.png", blob)}}


def test_an_altered_copy_is_in_the_bank_that_the_policy_says(known):
    answer = known.post("/m/lookup", **photo(smaller(CAT)))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found.keys() == {"pdq", "md5", "sha256"}
    ((bank, (match,)),) = found["pdq"].items()
    assert bank == "STEMTIDE_BLOCK"
    assert match["bank_content_id"] >= 1
    assert 0 <= int(match["distance"]) <= 31
    assert found["md5"] == found["sha256"] == {}


def test_hash_then_look_up_as_coop_does(known):
    made = known.post("/h/hash", **photo(smaller(CAT))).json()
    assert made.keys() == {"pdq"}
    for name, value in made.items():
        found = known.get("/m/lookup", params={"signal": value, "signal_type": name}).json()
        assert [*found] == ["STEMTIDE_BLOCK"]
    made = known.post("/h/hash", **photo(ROCKET)).json()
    assert known.get("/m/lookup", params={"signal": made["pdq"], "signal_type": "pdq"}).json() == {}


def test_raw_lookup_gives_ids_and_on_demand_distances(known, sandbox):
    asked = {"signal": pdq_of(sandbox, CAT), "signal_type": "pdq"}
    (number,) = known.get("/m/raw_lookup", params=asked).json()["matches"]
    told = known.get("/m/raw_lookup", params=asked | {"include_distance": "true"}).json()
    assert told == {"matches": [{"bank_content_id": number, "distance": "0"}]}
    none = known.get("/m/raw_lookup", params=asked | {"banks": "STEMTIDE_LOG,OTHER"}).json()
    assert none == {"matches": []}


def test_compare_says_whether_and_how_far(known):
    sent = {"pdq": ["f" * 64, "f" * 60 + "fff0"], "video_md5": ["0" * 32, "1" * 32]}
    assert known.post("/m/compare", json=sent).json() == {
        "pdq": [True, {"distance": 4}],
        "video_md5": [False, {}],
    }


def test_status_says_whether_it_can_answer(known):
    answer = known.get("/status")
    assert (answer.status_code, answer.text) == (200, "I-AM-ALIVE")


def test_withdrawal_reaches_every_route(hub, agent, sandbox):
    signal = hub.share(pdq_of(sandbox, CAT), kind="pdq")
    agent.wait(position=1)
    hub.withdraw(signal)
    agent.wait(position=2)
    asked = {"signal": pdq_of(sandbox, CAT), "signal_type": "pdq"}
    assert agent.http.get("/m/lookup", params=asked).json() == {}
    assert agent.http.get("/m/raw_lookup", params=asked).json() == {"matches": []}
    assert agent.http.post("/m/lookup", **photo(CAT)).json()["pdq"] == {}


def test_what_a_person_must_look_at_is_in_no_bank_of_blocks(hub, agent, sandbox):
    hub.share(pdq_of(sandbox, CAT), kind="pdq", disputed=True)
    hub.share(sha256(CAT), pap="red")
    agent.wait(position=2)
    found = agent.http.post("/m/lookup", **photo(CAT)).json()
    assert [*found["pdq"]] == ["STEMTIDE_HOLD"]
    assert [*found["sha256"]] == ["STEMTIDE_LOG"]


def test_a_bank_that_the_settings_name_holds_what_stops_content(hub, tmp_path, sandbox):
    hub.share(pdq_of(sandbox, CAT), kind="pdq")
    hub.share(sha256(CAT), pap="red")
    with agent_of(config_of(hub, tmp_path, hma_bank="COOP_ORG1_CRISIS"), sandbox) as agent:
        agent.wait(position=2)
        found = agent.http.post("/m/lookup?banks=COOP_ORG1_CRISIS", **photo(CAT)).json()
        assert [*found["pdq"]] == ["COOP_ORG1_CRISIS"]
        assert found["sha256"] == {}
        made = agent.http.post("/c/banks", json={"name": "COOP_ORG1_CRISIS", "enabled_ratio": "1"})
        assert made.status_code == 201
        assert made.json() in agent.http.get("/c/banks").json()
        other = agent.http.post("/c/banks", json={"name": "STEMTIDE_BLOCK"})
        assert other.status_code == 403
        assert "exists" in other.json()["message"]


def test_addresses_and_digests_are_signals_too(hub, agent):
    digest = fingerprint_url("https://example.com/video/1").value.hex()
    hub.share(digest, kind="url")
    hub.share("ab" * 16, kind="md5")
    agent.wait(position=2)
    for name, signal in [("url", "http://www.EXAMPLE.com/video/1"), ("video_md5", "AB" * 16)]:
        asked = {"signal": signal, "signal_type": name}
        (match,) = agent.http.get("/m/lookup", params=asked).json()["STEMTIDE_BLOCK"]
        assert match["distance"] == "-"


# Hostile input


@pytest.mark.parametrize(
    ("path", "params", "status", "word"),
    [
        ("/m/lookup", {}, 400, "signal"),
        ("/m/lookup", {"signal": "f" * 64, "signal_type": "vpdq"}, 400, "signal_type"),
        ("/m/lookup", {"signal": "xyz", "signal_type": "pdq"}, 400, "64 hex digits"),
        ("/m/lookup", {"signal": "http://", "signal_type": "url"}, 400, "signal"),
        ("/m/raw_lookup", {"signal_type": "pdq"}, 400, "signal"),
        ("/m/lookup", {"url": "https://media.example/1.jpg"}, 403, "fetch_hosts"),
        ("/h/hash", {"url": "http://127.0.0.1:1/x"}, 403, "fetch_hosts"),
        ("/h/hash", {"url": "file:///etc/passwd"}, 400, "url"),
        ("/h/hash", {"url": "http://[::1/x"}, 400, "url"),
        ("/h/hash", {"url": "http://a:99999/x"}, 400, "url"),
        ("/h/hash", {}, 400, "url"),
    ],
)
def test_a_bad_question_is_answered_in_hmas_shape(unchanged, path, params, status, word):
    answer = unchanged.agent.http.get(path, params=params)
    assert answer.status_code == status, answer.text
    assert word in answer.json()["message"]


@pytest.mark.parametrize("path", ["/h/hash", "/m/lookup"])
@pytest.mark.parametrize(
    "sent",
    [
        {"content": b"x"},
        {"files": {"sound": ("a", CAT)}},
        {"files": [("photo", ("a", CAT)), ("photo", ("b", CAT))]},
        {"files": {"photo": ("a", b"")}},
        {"data": {"photo": "no file"}},
        {"files": {"photo": ("a", b"no picture")}},
    ],
)
def test_content_that_cannot_be_looked_at_is_never_no_match(unchanged, path, sent):
    answer = unchanged.agent.http.post(path, **sent)
    if path == "/m/lookup" and sent == {"files": {"photo": ("a", b"no picture")}}:
        return  # a text has digests, and these were looked up
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"[" * 50_000, b'{"pdq": 3}', b'{"pdq": ["f"]}', b'{"tmk": ["a", "b"]}'],
)
def test_a_comparison_of_nothing_is_refused(unchanged, body):
    answer = unchanged.agent.http.post("/m/compare", content=body)
    assert answer.status_code == 400, answer.text


def test_a_token_can_be_required_and_given_as_hmas_callers_can(hub, tmp_path, sandbox):
    with agent_of(config_of(hub, tmp_path, token="hush:hush"), sandbox) as agent:
        coded = base64.b64encode(b"hma:hush:hush").decode()
        wrong = base64.b64encode(b"hma:hush").decode()
        for header, status in [
            ("Bearer hush:hush", 200),
            (f"Basic {coded}", 200),
            (f"Basic {wrong}", 401),
            ("Basic %%%", 401),
            ("Basic", 401),
            ("", 401),
        ]:
            answer = agent.http.get("/c/banks", headers={"Authorization": header})
            assert answer.status_code == status, header
        assert agent.http.get("/status").status_code in (200, 503)


# Content that lies at an address


@contextmanager
def media(answers):
    """A provider's own media server: path to status, headers and body."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = answers[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_content_is_fetched_from_hosts_that_the_settings_name(hub, tmp_path, sandbox):
    hub.share(pdq_of(sandbox, CAT), kind="pdq")
    answers = {
        "/cat": (200, {}, CAT),
        "/large": (200, {}, bytes(3_000_000)),
        "/away": (302, {"Location": "http://169.254.169.254/"}, b""),
        "/gone": (404, {}, b"gone"),
        "/empty": (200, {}, b""),
    }
    settings = {"fetch_hosts": ("127.0.0.1",), "max_upload_bytes": 2_000_000}
    with (
        media(answers) as address,
        agent_of(config_of(hub, tmp_path, **settings), sandbox) as agent,
    ):
        agent.wait(position=1)
        asked = {"url": f"{address}/cat"}
        assert [*agent.http.get("/m/lookup", params=asked).json()["pdq"]] == ["STEMTIDE_BLOCK"]
        asked |= {"signal_type": "pdq", "content_type": "photo"}
        assert [*agent.http.get("/m/lookup", params=asked).json()] == ["STEMTIDE_BLOCK"]
        hashed = agent.http.get("/h/hash", params=asked).json()
        assert hashed == {"pdq": pdq_of(sandbox, CAT)}
        for path in ("/large", "/away", "/gone", "/empty"):
            answer = agent.http.get("/h/hash", params={"url": address + path})
            assert answer.status_code == 400, path
            assert answer.json()["message"].startswith("url: ")
        elsewhere = address.replace("127.0.0.1", "localhost")
        answer = agent.http.get("/h/hash", params={"url": f"{elsewhere}/cat"})
        assert answer.status_code == 403
