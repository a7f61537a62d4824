# SPDX-License-Identifier: Apache-2.0
import io
import json

import httpx
import pytest
from PIL import Image

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.url.canonical import fingerprint_url
from tests.agent.world import agent_of, config_of, picture, sha256, until

CAT = picture("chelsea.png")
ROCKET = picture("rocket.jpg")


def pdq_of(sandbox, blob):
    (found,) = sandbox.fingerprint(blob).of(Kind.PDQ)
    return found.hex


def smaller(blob):
    """The same photograph, half as large and compressed again."""
    image = Image.open(io.BytesIO(blob))
    kept = io.BytesIO()
    image.resize((image.width // 2, image.height // 2)).save(kept, "JPEG", quality=60)
    return kept.getvalue()


def test_an_altered_copy_of_a_shared_photograph_is_blocked(hub, agent, sandbox):
    signal = hub.share(pdq_of(sandbox, CAT), kind="pdq", labels=["livestream"])
    agent.wait(position=1)
    answer = agent.match(smaller(CAT), ref="upload-7")
    (match,) = answer["matches"]
    assert (answer["ref"], answer["decision"]["action"]) == ("upload-7", "block")
    assert answer["decision"]["signal"] == match["signal"] == str(signal.id)
    assert (match["kind"], match["labels"]) == ("pdq", ["livestream"])
    assert 0 <= match["distance_bits"] <= 31
    assert {one["kind"] for one in answer["fingerprints"]} == {"pdq", "sha256", "md5"}


def test_an_unrelated_photograph_passes(hub, agent, sandbox):
    hub.share(pdq_of(sandbox, CAT), kind="pdq")
    agent.wait(position=1)
    answer = agent.match(ROCKET)
    assert (answer["decision"]["action"], answer["matches"]) == (None, [])
    assert answer["decision"]["undecodable"] is False
    assert answer["ref"].startswith("agent-")


def test_many_files_are_answered_in_their_order(hub, agent, sandbox):
    hub.share(pdq_of(sandbox, CAT), kind="pdq")
    agent.wait(position=1)
    files = [("file", ("a", ROCKET)), ("file", ("b", CAT)), ("file", ("c", b"text"))]
    answer = agent.http.post("/match", files=files, data={"ref": ["1", "2", "3"]}).json()
    assert [(one["ref"], one["decision"]["action"]) for one in answer["items"]] == [
        ("1", None),
        ("2", "block"),
        ("3", None),
    ]
    assert (answer["position"], answer["ready"]) == (1, True)
    assert answer["stale_s"] >= 0


def test_a_bare_file_may_be_the_body(hub, agent):
    hub.share(sha256(CAT))
    agent.wait(position=1)
    headers = {"Content-Type": "image/png"}
    answer = agent.http.post("/match", content=CAT, headers=headers, params={"ref": "r"}).json()
    assert (answer["items"][0]["ref"], answer["items"][0]["decision"]["action"]) == ("r", "block")


def test_an_address_matches_in_every_spelling(hub, agent):
    hub.share(fingerprint_url("https://example.com/video/1").value.hex(), kind="url")
    agent.wait(position=1)
    spellings = ["http://www.EXAMPLE.com/video/1/?utm_source=x", "hxxps://example[.]com/video/1"]
    digest = fingerprint_url("https://example.com/video/1").value.hex()
    answers = agent.ask(*({"url": url} for url in (*spellings, digest)))
    assert [one["decision"]["action"] for one in answers] == ["block"] * 3


def test_a_picture_that_cannot_be_decoded_is_never_a_silent_no_match(agent):
    answer = agent.match(CAT[:600])
    assert answer["decision"]["undecodable"] is True
    assert answer["remarks"][0].startswith("undecodable: ")
    assert {one["kind"] for one in answer["fingerprints"]} >= {"sha256", "md5"}


def test_a_picture_that_cannot_be_decoded_still_matches_by_its_digest(hub, agent):
    hub.share(sha256(CAT[:600]))
    agent.wait(position=1)
    decision = agent.match(CAT[:600])["decision"]
    assert (decision["action"], decision["undecodable"]) == ("block", True)


def test_a_hash_of_low_quality_is_not_compared_and_that_is_said(hub, agent, sandbox):
    value = pdq_of(sandbox, CAT)
    hub.share(value, kind="pdq")
    agent.wait(position=1)
    low, good = agent.ask({"pdq": value, "quality": 20}, {"pdq": value, "quality": 80})
    assert low["decision"]["action"] is None
    assert "quality 20 is below 50" in low["remarks"][0]
    assert good["decision"]["action"] == "block"


def test_who_only_looks_changes_nothing(hub, agent, config):
    signal = hub.share(sha256(b"x"))
    agent.wait(position=1)
    (answer,) = agent.ask({"ref": "1", "sha256": sha256(b"x")}, look="1")
    assert answer["decision"]["action"] == "block"
    agent.ask({"ref": "2", "sha256": sha256(b"x")})
    until(lambda: hub.outcomes)
    assert hub.outcomes == {(str(signal.id), "blocked"): 1}
    agent.wait(deliveries=0)  # the file is not written where outcomes are told
    lines = config.actions_path.read_text().splitlines()
    assert [json.loads(line)["data"]["ref"] for line in lines] == ["2"]


def test_an_exercise_is_marked_and_only_logged(hub, tmp_path, sandbox):
    hub.share(sha256(b"x"), exercise=True)
    with agent_of(config_of(hub, tmp_path, exercise=True), sandbox) as agent:
        agent.wait(ready=True, position=1)
        (answer,) = agent.ask({"sha256": sha256(b"x")})
    assert (answer["decision"]["action"], answer["decision"]["exercise"]) == ("log", True)


def form(ref, *, end=b"--B--\r\n", charset="utf-8"):
    """A form with one file and one ref, as no library would write it."""
    said = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n'
    said += b'--B\r\nContent-Disposition: form-data; name="ref"\r\n\r\n' + ref + b"\r\n"
    media_type = f"multipart/form-data; boundary=B; charset={charset}"
    return {"content": said + end, "headers": {"Content-Type": media_type}}


def made(kind, value, **other):
    return {"json": {"items": [{"fingerprints": [{"kind": kind, "value": value, **other}]}]}}


ONLY_A_VIEW = {"views": [{"value": "0" * 64, "transform": "mirrored"}]}
BAD = [
    (made("pdq", "00"), 422, "invalid", "items.0.fingerprints.0: a pdq value is 64 hex"),
    (made("video", "00"), 422, "invalid", "items.0.fingerprints.0"),
    (made("text", "zz"), 422, "invalid", "items.0.fingerprints.0.value"),
    (made("md5", "0" * 32, quality=9), 422, "invalid", "quality belongs to pdq"),
    (made("smell", "00"), 422, "invalid", "items.0.fingerprints.0.kind"),
    ({"json": {"items": [ONLY_A_VIEW]}}, 422, "invalid", "items.0: give at least one of"),
    # request, status, problem, what the detail says
    ({"json": {"items": []}}, 422, "invalid", "items"),
    ({"json": {}}, 422, "invalid", "items"),
    ({"json": {"items": [{}]}}, 422, "invalid", "items.0: give at least one of"),
    ({"json": {"items": [{"pdq": "00"}]}}, 422, "invalid", "items.0.pdq: a pdq value is 64 hex"),
    ({"json": {"items": [{"md5": 7}]}}, 422, "invalid", "items.0.md5: must be text"),
    ({"json": {"items": [{"url": "nonsense"}]}}, 422, "invalid", "items.0.url"),
    ({"json": {"items": [{"md5": "0" * 32, "user": 1}]}}, 422, "invalid", "items.0.user"),
    ({"json": {"items": [{"md5": "0" * 32, "quality": 1}]}}, 422, "invalid", "quality belongs to"),
    ({"json": {"items": [{"pdq": "0" * 64, "quality": "9"}]}}, 422, "invalid", "items.0.quality"),
    ({"json": {"items": [{"md5": "0" * 32}] * 4}}, 413, "too-large", "max_items (3)"),
    ({"json": {"items": [{"md5": "0" * 32, "ref": ""}]}}, 422, "invalid", "items.0.ref"),
    (
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        400,
        "malformed",
        "send JSON",
    ),
    (
        {"content": b"a=b", "headers": {"Content-Type": "text/plain"}},
        415,
        "wrong-media-type",
        "'text/plain' is not understood; send multipart/form-data",
    ),
    ({"content": b"x"}, 415, "wrong-media-type", "'' is not understood"),
    (
        {"content": b"", "headers": {"Content-Type": "image/png"}},
        422,
        "invalid",
        "file.0: is empty",
    ),
    (
        {"content": b"x", "headers": {"Content-Type": "image/png"}, "params": {"ref": "r" * 201}},
        422,
        "invalid",
        "ref: must have 1 to 200",
    ),
    (
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        400,
        "malformed",
        "the form cannot be read",
    ),
    (form(b"", end=b""), 400, "malformed", "ends before its last boundary"),
    (form(b"", end=b"--B\r\nContent-Disp"), 400, "malformed", "ends before its last boundary"),
    (form(b"\xff", charset="undefined"), 400, "malformed", "its fields are not UTF-8"),
    (form(b"\\ud800", charset="unicode_escape"), 400, "malformed", "its fields are not UTF-8"),
    ({"files": {"file": ("a", b"x")}, "data": {"user": "7"}}, 422, "invalid", "user: is no field"),
    ({"files": {"file": ("a", b"x")}, "data": {"ref": ["1", "2"]}}, 422, "invalid", "2 for 1"),
    ({"files": {"ref": (None, b"x")}}, 422, "invalid", "file: is missing"),
    ({"files": {"file": ("a", b"x" * 5000)}}, 413, "too-large", "raise max_upload_bytes"),
    ({"json": {"items": []}, "params": {"lok": "1"}}, 422, "invalid", "lok: is no parameter"),
    ({"json": {"items": []}, "params": {"look": "x"}}, 422, "invalid", "look: must be 0 or 1"),
]


@pytest.fixture
def narrow(hub, tmp_path, sandbox):
    """An agent that takes little."""
    config = config_of(hub, tmp_path, max_items=3, max_upload_bytes=4096)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        yield agent


def test_every_bad_request_gets_a_problem_that_names_field_and_remedy(narrow):
    for request, status, kind, said in BAD:
        answer = narrow.http.post("/match", **request)
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, problem["type"]) == (status, f"/problems/{kind}"), problem
        assert said in problem["detail"], problem


def test_every_bad_field_of_a_request_is_listed_with_its_row(narrow):
    body = {"items": [{"md5": "00"}, {"sha256": "0" * 64}, {"pdq": "zz"}]}
    errors = narrow.http.post("/match", json=body).json()["errors"]
    assert [(one["field"], one["row"]) for one in errors] == [
        ("items.0.md5", 0),
        ("items.2.pdq", 2),
    ]


def test_a_whole_number_may_be_written_with_a_point(narrow):
    item = {"pdq": "0f1e2d3c4b5a6978" * 4, "quality": 90.0}
    assert narrow.http.post("/match", json={"items": [item]}).status_code == 200


def test_a_body_that_hides_its_length_is_cut_off_as_well(narrow):
    headers = {"Content-Type": "image/png"}
    answer = narrow.http.post("/match", content=iter([b"x" * 3000] * 3), headers=headers)
    assert answer.status_code == 413


def test_unknown_paths_and_methods_get_problems(narrow):
    nowhere, wrong = narrow.http.get("/nowhere"), narrow.http.get("/match")
    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "/problems/not-found")
    assert (wrong.status_code, wrong.json()["status"]) == (405, 405)
    assert "takes POST, not GET" in wrong.json()["detail"]


def test_web_pages_and_borrowed_names_are_refused(narrow):
    own = str(narrow.http.base_url).rstrip("/")
    tried = [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:80"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": own}, 200),
        ({"Host": "localhost"}, 200),
    ]
    for headers, status in tried:
        assert narrow.http.get("/health?live", headers=headers).status_code == status, headers


def test_with_a_token_only_its_bearer_is_served(hub, tmp_path, sandbox):
    config = config_of(hub, tmp_path, token="hush", host="0.0.0.0")  # noqa: S104 - nothing is bound to it here
    with agent_of(config, sandbox) as agent:
        refused = agent.http.get("/metrics")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert set(agent.health()) == {"healthy", "live", "ready"}
        agent.http.headers["Authorization"] = "Bearer hush"
        assert agent.http.get("/metrics").status_code == 200
        assert agent.wait(healthy=True)["name"] == "uploads"  # what is not is a 503
        assert agent.http.get("/health", headers={"Host": "agent.internal"}).status_code == 200


def test_metrics_count_what_happened(hub, agent):
    hub.share(sha256(b"x"))
    agent.wait(position=1)
    agent.ask({"sha256": sha256(b"x")}, {"sha256": sha256(b"y")})
    text = agent.http.get("/metrics").text
    for line in (
        "stemtide_agent_items_total 2.0",
        'stemtide_agent_decisions_total{action="block",exercise="false"} 1.0',
        'stemtide_agent_decisions_total{action="none",exercise="false"} 1.0',
        'stemtide_agent_matches_total{kind="sha256"} 1.0',
        'stemtide_agent_signals{kind="sha256"} 1.0',
        "stemtide_agent_match_seconds_count 1.0",
        "stemtide_agent_position 1.0",
        "stemtide_agent_hub_reachable 1.0",
    ):
        assert line in text


def test_who_hangs_up_while_sending_harms_nobody(agent):
    def broken():
        yield b"x" * 1000
        raise httpx.WriteError("gone")

    with pytest.raises(httpx.WriteError):
        agent.http.post("/match", content=broken(), headers={"Content-Type": "image/png"})
    assert agent.health()["live"]


def test_without_a_sandbox_content_is_still_known_by_its_digests(hub, config):
    hub.share(sha256(CAT))
    broken = Sandbox()
    broken.close()
    with agent_of(config, broken) as agent:
        agent.wait(ready=True, position=1)
        answer = agent.match(CAT)
    assert (answer["decision"]["action"], answer["decision"]["undecodable"]) == ("block", True)
    assert answer["remarks"][0].startswith("undecodable: the sandbox is closed")
