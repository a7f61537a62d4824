# SPDX-License-Identifier: Apache-2.0
"""Content on an allow-list is never acted upon: the hub's list, the agent's own, later entries."""

import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.agent.store import own_list
from stemtide.agent.store.allowed import MatchedPart, Print, count_hub_list, covers
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.sync.signatures import PublicKey
from tests.agent.fake_hub import FakeHub
from tests.agent.test_actions import lines, webhook
from tests.agent.test_upgrade import OLD
from tests.agent.world import agent_of, config_of, sha256, until
from tests.rounds import rounds

ONE, TWO, LOGO = sha256(b"one"), sha256(b"two"), sha256(b"logo")
PDQ = sha256(b"a picture")
OWN = {"kind": "sha256", "value": ONE, "source": "our studio", "reason": "our own trailer"}


def near(value, bits):
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


@pytest.fixture
def config(hub, provider, tmp_path):
    return config_of(hub, tmp_path, webhook=webhook(provider))


def entries_at(agent):
    return agent.http.get("/allowlist").json()["hub_entries"]


@pytest.fixture
def listed(hub, agent):
    """Share a value and list it at the hub; the agent has both."""

    def run(value, *, kind="sha256", allowed=None, **facts):
        signal = hub.share(value, kind=kind)
        entry = hub.allow(kind, allowed or value, **facts)
        until(lambda: entries_at(agent) == len(hub.allowed))
        return signal, entry

    return run


def decision(agent, **item):
    return agent.ask(item)[0]["decision"]


@pytest.mark.nightly
@pytest.mark.usefixtures("listed")
def test_without_a_list_everything_is_as_before(hub, agent):
    hub.share(ONE)
    agent.wait(position=hub.head)
    assert decision(agent, sha256=ONE)["action"] == "block"
    assert hub.asked["/allowlist/file"] == 0


@pytest.mark.nightly
def test_an_older_hub_has_no_list(hub, tmp_path, sandbox):
    hub.allow_version = None
    hub.share(ONE)
    with agent_of(config_of(hub, tmp_path), sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        assert decision(agent, sha256=ONE)["action"] == "block"
    assert hub.asked["/allowlist/file"] == 0


def test_content_on_the_hubs_list_is_only_logged_with_the_reason(hub, agent, config, listed):
    signal, entry = listed(ONE)
    answer = agent.ask({"ref": "post-1", "sha256": ONE})[0]
    why = "on the hub's allow-list: logo of Newsroom (source: Newsroom)"
    assert answer["decision"]["action"] == "log"
    assert why in answer["decision"]["why"]
    assert answer["matches"][0]["allowed"] == why
    until(lambda: hub.outcomes[str(signal.id), "logged"] == 1)
    until(lambda: hub.allow_matches == {entry.id: 1})
    assert "stemtide_agent_allowed_total 1.0" in agent.http.get("/metrics").text
    assert [one["type"] for one in lines(config)] == ["content.log"]


@pytest.mark.nightly
def test_other_content_is_acted_upon_as_before(hub, agent, listed):
    listed(ONE)
    hub.share(TWO)
    agent.wait(position=hub.head)
    assert decision(agent, sha256=TWO)["action"] == "block"


def test_an_entry_that_is_removed_or_expires_covers_nothing_new(hub, agent, listed):
    _, entry = listed(ONE)
    assert decision(agent, ref="a", sha256=ONE)["action"] == "log"
    hub.disallow(entry)
    until(lambda: entries_at(agent) == 0)
    assert decision(agent, ref="b", sha256=ONE)["action"] == "block"


BITS = [(0, "log"), (8, "log"), (9, "block")]


@pytest.mark.parametrize(("bits", "action"), rounds(BITS[1:], nightly=BITS))
def test_a_picture_is_covered_within_the_entrys_distance(agent, listed, bits, action):
    listed(PDQ, kind="pdq", within_bits=8)
    prints = [{"kind": "pdq", "value": near(PDQ, bits), "quality": 100}]
    assert decision(agent, fingerprints=prints)["action"] == action


@pytest.mark.nightly
def test_pictures_follow_the_list(agent, listed):
    """The index of pictures is built anew when the list changes."""
    listed(PDQ, kind="pdq")
    other = near(PDQ, 200)
    listed(other, kind="pdq")
    for value in (PDQ, other):
        prints = [{"kind": "pdq", "value": value, "quality": 100}]
        assert decision(agent, fingerprints=prints)["action"] == "log"


@pytest.mark.nightly
def test_a_logo_in_one_frame_does_not_shield_another(hub, agent, listed):
    listed(PDQ, kind="pdq")
    bad = near(PDQ, 200)
    hub.share(bad, kind="pdq")
    agent.wait(position=hub.head)
    prints = [
        {"kind": "pdq", "value": PDQ, "quality": 100, "part": "frame 1"},
        {"kind": "pdq", "value": bad, "quality": 100, "part": "frame 2"},
    ]
    answer = agent.ask({"fingerprints": prints})[0]
    assert answer["decision"]["action"] == "block"
    assert {bool(match["allowed"]) for match in answer["matches"]} == {True, False}


@pytest.mark.nightly
def test_the_digest_of_a_file_covers_every_part_of_it(hub, agent, listed):
    hub.share(PDQ, kind="pdq")
    listed(LOGO)
    prints = [
        {"kind": "sha256", "value": LOGO},
        {"kind": "pdq", "value": PDQ, "quality": 100, "part": "frame 2"},
    ]
    assert decision(agent, fingerprints=prints)["action"] == "log"


COVERS = [
    # an entry covers this fingerprint of the content; this signal matched; whether it is covered
    (Print(Kind.SHA256, "", ""), MatchedPart(Kind.VIDEO, ""), True),
    (Print(Kind.SHA256, "", "a.jpg"), MatchedPart(Kind.PDQ, "a.jpg"), True),
    (Print(Kind.SHA256, "", "a.jpg"), MatchedPart(Kind.PDQ, "b.jpg"), False),
    (Print(Kind.PDQ, "", ""), MatchedPart(Kind.SHA256, ""), True),
    (Print(Kind.PDQ, "", ""), MatchedPart(Kind.SHA256, "", is_vouched=True), False),
    (Print(Kind.SHA256, "", ""), MatchedPart(Kind.SHA256, "", is_vouched=True), True),
    (Print(Kind.PDQ, "", ""), MatchedPart(Kind.PDQ, "", "mirrored"), True),
    (Print(Kind.PDQ, "", "", "boxed"), MatchedPart(Kind.PDQ, ""), False),
    (Print(Kind.PDQ, "", "", "boxed"), MatchedPart(Kind.PDQ, "", "boxed"), True),
    (Print(Kind.PDQ, "", ""), MatchedPart(Kind.VIDEO, ""), False),
    (Print(Kind.PDQ, "", ""), MatchedPart(Kind.TEXT, ""), False),
    (Print(Kind.PDQ, "", "frame 1"), MatchedPart(Kind.PDQ, "frame 2"), False),
    (Print(Kind.URL, "", "", "host"), MatchedPart(Kind.URL, ""), True),
    (Print(Kind.URL, "", ""), MatchedPart(Kind.PDQ, ""), False),
]


@pytest.mark.parametrize(("content", "match", "is_covered"), COVERS)
def test_an_entry_covers_the_part_that_matched_or_the_whole_file(content, match, is_covered):
    assert covers(content, match, is_hub=True) is is_covered


def test_the_providers_own_entry_of_a_picture_covers_every_digest():
    match = MatchedPart(Kind.SHA256, "", is_vouched=True)
    assert covers(Print(Kind.PDQ, "", ""), match, is_hub=False)


BEHIND = [
    (["europol"], "block"),
    (["europol", "paste-corner"], "block"),
    (["small-provider", "europol"], "block"),
    (["small-provider", "paste-corner"], "log"),
]


@pytest.mark.parametrize(
    ("behind", "action"),
    rounds(BEHIND[2:], nightly=BEHIND),
)
def test_a_listed_picture_yields_to_an_authoritys_digest_of_the_very_file(
    hub, agent, listed, behind, action
):
    hub.confirm(hub.share(ONE, shared_by=behind[0]), *behind[1:])
    listed(PDQ, kind="pdq", within_bits=8)
    prints = [
        {"kind": "sha256", "value": ONE},
        {"kind": "pdq", "value": near(PDQ, 3), "quality": 100},
    ]
    assert decision(agent, fingerprints=prints)["action"] == action


def test_a_picture_that_is_listed_later_releases_no_file_that_an_authority_named(
    hub, agent, provider
):
    hub.share(ONE)
    hub.confirm(hub.share(TWO, shared_by="small-provider"), "paste-corner")
    agent.wait(position=hub.head)
    picture = {"kind": "pdq", "value": near(PDQ, 3), "quality": 100}
    for ref, value in (("named", ONE), ("other", TWO)):
        agent.ask({"ref": ref, "fingerprints": [{"kind": "sha256", "value": value}, picture]})
    until(lambda: len(provider.heard) == 2)
    hub.allow("pdq", PDQ, within_bits=8)
    until(lambda: told(provider, "other") == ["content.block", "content.release"])
    assert told(provider, "named") == ["content.block"]


def test_an_address_is_covered_by_the_folder_that_is_listed(hub, agent):
    hub.share(sha256(b"news.example/a/b"), kind="url")
    body = {"kind": "url", "value": "https://news.example/a", "reach": "folder"}
    assert agent.http.post("/allowlist", json=OWN | body).status_code == 201
    agent.wait(position=hub.head)
    assert decision(agent, url="https://news.example/a/b")["action"] == "log"


@pytest.mark.nightly
def test_a_hash_is_decided_as_the_lists_say(agent, listed):
    listed(ONE)
    answer = agent.http.get("/match/hash", params={"sha256": ONE, "decide": 1}).json()
    assert answer["decision"]["action"] == "log"
    body = {"kind": "sha256", "hashes": [TWO, ONE], "decide": True}
    (matched,) = agent.http.post("/match/hashes", json=body).json()["matched"]
    assert (matched["hash"], matched["decision"]["action"]) == (1, "log")


# entries that come later


def told(provider, ref):
    return [kind for kind, said in provider.told() if said == ref]


@pytest.mark.parametrize("own", rounds([False], nightly=[True, False]))
def test_an_entry_that_comes_later_releases_what_it_covers(hub, agent, provider, own):
    signal = hub.share(ONE)
    hub.share(TWO)
    agent.wait(position=hub.head)
    agent.ask({"ref": "a", "sha256": ONE}, {"ref": "b", "sha256": TWO})
    until(lambda: told(provider, "a") == ["content.block"] == told(provider, "b"))
    if own:
        agent.http.post("/allowlist", json=OWN)
    else:
        hub.allow("sha256", ONE)
    until(lambda: told(provider, "a") == ["content.block", "content.release"])
    assert "allow-list" in provider.heard[-1]["data"]["why"]
    until(lambda: hub.outcomes[str(signal.id), "reversed"] == 1)
    assert told(provider, "b") == ["content.block"]


@pytest.mark.nightly
def test_a_picture_that_was_blocked_is_released_within_the_entrys_distance(hub, agent, provider):
    hub.share(PDQ, kind="pdq")
    agent.wait(position=hub.head)
    for ref, bits in (("near", 20), ("far", 28)):
        prints = [{"kind": "pdq", "value": near(PDQ, bits), "quality": 100}]
        agent.ask({"ref": ref, "fingerprints": prints})
    until(lambda: len(provider.heard) == 2)
    hub.allow("pdq", near(PDQ, 20), within_bits=7)
    until(lambda: told(provider, "near") == ["content.block", "content.release"])
    assert told(provider, "far") == ["content.block"]


# the agent's own list


def test_own_entries_are_added_listed_and_removed(hub, agent):
    hub.share(ONE)
    agent.wait(position=hub.head)
    added = agent.http.post("/allowlist", json=OWN).json()
    assert agent.http.get("/allowlist").json()["entries"] == [added]
    why = decision(agent, ref="a", sha256=ONE)["why"]
    assert "this agent's own allow-list: our own trailer (source: our studio)" in why
    assert agent.http.delete(f"/allowlist/{added['id']}").status_code == 204
    assert agent.http.delete(f"/allowlist/{added['id']}").status_code == 404
    assert decision(agent, ref="b", sha256=ONE)["action"] == "block"
    assert hub.allow_matches == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": "12"}, "value"),
        ({"kind": "video"}, "kind"),
        ({"within_bits": 3}, "within_bits"),
        ({"kind": "pdq", "value": PDQ, "within_bits": 32}, "within_bits"),
        ({"kind": "url", "value": "https://youtube.com/", "reach": "host"}, "value"),
        ({"reason": ""}, "reason"),
        ({"more": 1}, "more"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_field(unchanged, change, field):
    agent = unchanged.agent
    refused = agent.http.post("/allowlist", json=OWN | change)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert agent.http.get("/allowlist").json()["entries"] == []


# whose list


def test_a_list_that_another_key_signed_changes_nothing(hub, tmp_path, sandbox):
    config = config_of(hub, tmp_path, hub_public_key=(PublicKey.of(hub.key),))
    hub.share(ONE)
    hub.allow_key = Ed25519PrivateKey.generate()
    hub.allow("sha256", ONE)
    with agent_of(config, sandbox) as agent:
        trouble = until(lambda: agent.health()["troubles"].get("hub"))
        assert "its allow-list is refused" in trouble
        assert entries_at(agent) == 0
        hub.allow_key = None
        until(lambda: entries_at(agent) == 1)


@pytest.mark.nightly
def test_the_list_of_another_hub_replaces_the_first_hubs_and_not_the_own(hub, config, sandbox):
    hub.allow("sha256", LOGO)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        until(lambda: entries_at(agent) == 1)
        agent.http.post("/allowlist", json=OWN)
    other = FakeHub(allow_version=None).start()
    other.share(TWO)
    try:
        with agent_of(config_of(other, config.data_dir.parent), sandbox) as agent:
            agent.wait(position=other.head, hub_reachable=True)
            until(lambda: entries_at(agent) == 0)
            assert len(agent.http.get("/allowlist").json()["entries"]) == 1
    finally:
        other.stop()


def test_the_lists_outlive_a_restart(hub, config, sandbox):
    hub.share(ONE)
    hub.allow("sha256", ONE)
    with agent_of(config, sandbox) as agent:
        until(lambda: entries_at(agent) == 1)
    hub.stop()
    with agent_of(config, sandbox) as agent:
        assert decision(agent, sha256=ONE)["action"] == "log"


def test_an_older_store_gets_the_tables(tmp_path):
    shutil.copy(OLD, tmp_path / "agent.db")
    with Store(tmp_path) as store:
        assert (own_list.read_entries(store.read), count_hub_list(store.read)) == ([], 0)
        assert store.view.allowlist == ""
