# SPDX-License-Identifier: Apache-2.0
"""Pushing to Meta's ThreatExchange: our signals, their ends, and opinions both ways."""

import pytest

from stemtide.hub.rooms.exchanges.models import Outgoing, Record
from stemtide.hub.rooms.signals.models import Sighting, Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.enums import Opinion
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.exchange_servers import APP, GROUP, TOKEN, Graph, descriptor, serving
from tests.rounds import rounds
from tests.world import NOON, add_member, hex_value

NOON_S = int(NOON.timestamp())


@pytest.fixture
def graph():
    return Graph()


@pytest.fixture
def server(graph):
    with serving(graph) as server:
        yield server


@pytest.fixture
def both(desk, server):
    desk.add("threatexchange", address=server.address, secret=TOKEN, direction="both")
    return server


def give(desk, row, opinion):
    body = OpinionIn(opinion=opinion, note="it is a news report" if opinion == "dispute" else "")
    party = desk.world.big_provider
    signals.give_opinion(row.uid, body=body, by=party, now=desk.now, actor_ref=party.ref)


@pytest.mark.usefixtures("both")
def test_a_signal_becomes_a_descriptor_of_the_group_and_is_deleted_when_it_ends(desk, graph):
    placed = desk.world.share(kind="pdq", tlp="green", labels=("manifesto",))
    desk.world.share(kind="url", value="https://evil.example/a", tlp="green")
    desk.world.share(kind="sha256", tlp="amber")
    desk.world.share(kind="md5", tlp="green", pap="red")
    desk.world.share(kind="sha256", value=hex_value(9), tlp="green", audience=("partner-hub",))
    assert desk.run() == {"pushed": 2}
    by_type = {fields["type"]: fields for fields in graph.posted.values()}
    assert by_type.keys() == {"HASH_PDQ", "URI"}
    assert by_type["URI"]["indicator"] == "https://evil.example/a"
    fields = by_type["HASH_PDQ"]
    assert fields["indicator"] == Signal.objects.get(uid=placed.id).value
    assert (fields["status"], fields["share_level"]) == ("MALICIOUS", "GREEN")
    assert (fields["privacy_type"], fields["privacy_members"]) == (
        "HAS_PRIVACY_GROUP",
        str(GROUP),
    )
    assert {"manifesto", "tlp:green", f"signal:{placed.id}"} <= set(fields["tags"].split(","))
    body = WithdrawIn(reason="mistake")
    sharer = Signal.objects.get(uid=placed.id).shared_by
    signals.withdraw(placed.id, body=body, by=sharer, now=desk.now, actor_ref=sharer.ref)
    assert desk.run() == {"pushed": 1}
    assert [fields["type"] for fields in graph.posted.values()] == ["URI"]


@pytest.mark.usefixtures("both")
def test_a_refused_signal_stops_no_other(desk, graph):
    first = desk.world.share(kind="pdq", tlp="green", value=hex_value(1))
    desk.world.share(kind="pdq", tlp="green", value=hex_value(2))
    graph.refuses = frozenset({hex_value(1)})
    assert desk.run() == {"pushed": 1, "push_refused": 1}
    assert Outgoing.objects.get(signal__uid=first.id).state == "refused"
    assert "refused there: it does not take what we ask (400)" in desk.log()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, {"error": {"code": 190}}), "it takes nothing of what is sent"),
        ((500, {}), "it answers 500"),
        ((200, b"<html>"), "its answer is not one that can be read"),
        ((200, {"success": True}), "its answer names no descriptor"),
        ((200, {"success": True, "id": "1; x"}), "its answer names no descriptor"),
    ][:: rounds(2, nightly=1)],
)
def test_a_signal_is_sent_again_after_a_broken_answer(desk, server, graph, answer, words):
    desk.add("threatexchange", address=server.address, secret=TOKEN, direction="push")
    desk.world.share(kind="pdq", tlp="green")
    server.play = lambda _request: answer
    assert desk.run() == {}
    assert desk.row.trouble.startswith(words)
    assert not any(TOKEN in line for line in desk.log())
    server.play = graph
    assert desk.run() == {"pushed": 1}


@pytest.mark.usefixtures("both")
def test_our_descriptor_comes_back_as_an_echo_and_its_dispute_reaches_our_signal(desk, graph):
    placed = desk.world.share(kind="pdq", tlp="green")
    desk.run()
    ((number, fields),) = graph.posted.items()
    ours = {"number": number, "tags": fields["tags"].split(",")}
    graph.put(fields["indicator"], at=NOON_S, descriptors=[descriptor(APP, **ours)])
    desk.later(minutes=1)
    assert desk.run() == {"echo": 1}
    row = Signal.objects.get(uid=placed.id)
    assert (row.disputes, row.state) == (0, "live")
    disliked = descriptor(APP, reactions=[{"key": "DISAGREE_WITH_TAGS", "value": "7"}], **ours)
    graph.put(fields["indicator"], at=NOON_S + 1, descriptors=[disliked])
    desk.later(minutes=1)
    desk.run()
    row.refresh_from_db()
    assert row.disputes == 1
    assert row.opinions.get().party == desk.party
    graph.put(fields["indicator"], at=NOON_S + 2, descriptors=[descriptor(APP, **ours)])
    desk.later(minutes=1)
    desk.run()
    row.refresh_from_db()
    assert row.disputes == 0


@pytest.mark.usefixtures("both")
def test_opinions_of_parties_here_go_there_once_and_are_taken_back(desk, graph):
    graph.put(hex_value(1), at=NOON_S, descriptors=[descriptor(5, number=77)])
    desk.run()
    assert graph.reactions == []
    row = desk.signal()
    give(desk, row, Opinion.AGREE)
    desk.run()
    assert graph.reactions == [("77", "reactions", "HELPFUL")]
    desk.run()
    assert len(graph.reactions) == 1
    give(desk, row, Opinion.DISPUTE)
    desk.run()
    assert graph.reactions[1:] == [
        ("77", "reactions_to_remove", "HELPFUL"),
        ("77", "reactions", "DISAGREE_WITH_TAGS"),
    ]
    give(desk, row, Opinion.SEEN)
    desk.run()
    assert graph.reactions[3:] == [("77", "reactions_to_remove", "DISAGREE_WITH_TAGS")]
    assert "opinions sent: 1 taken, 0 refused" in desk.log()


@pytest.mark.usefixtures("both")
def test_a_match_here_is_told_there(desk, graph):
    graph.put(hex_value(1), at=NOON_S, descriptors=[descriptor(5, number=77)])
    desk.run()
    when = {"first_at": desk.now, "last_at": desk.now}
    Sighting.objects.create(
        signal=desk.signal(), party=desk.world.big_provider, outcome="held", count=3, **when
    )
    desk.run()
    assert graph.reactions == [("77", "reactions", "SAW_THIS_TOO")]


@pytest.mark.usefixtures("both")
@pytest.mark.nightly
def test_what_the_source_itself_disputes_is_not_told_back(desk, graph):
    disputed = [descriptor(5, number=77), descriptor(6, status="NON_MALICIOUS")]
    graph.put(hex_value(1), at=NOON_S, descriptors=disputed)
    desk.run()
    assert desk.signal().disputes == 1
    desk.run()
    assert graph.reactions == []


def test_no_opinion_leaves_to_a_source_that_is_only_pulled(desk, server, graph):
    desk.add("threatexchange", address=server.address, secret=TOKEN)
    graph.put(hex_value(1), at=NOON_S)
    desk.run()
    give(desk, desk.signal(), Opinion.AGREE)
    desk.run()
    assert graph.reactions == []


@pytest.mark.nightly
def test_an_opinion_that_a_refused_key_keeps_back_is_sent_later(desk, both, graph):
    graph.put(hex_value(1), at=NOON_S)
    desk.run()
    give(desk, desk.signal(), Opinion.AGREE)
    both.play = lambda request: (403, {}) if request.method == "POST" else graph(request)
    desk.run()
    assert desk.row.trouble == "it refuses our key (403): give another"
    assert Record.objects.get().reaction == ""
    both.play = graph
    desk.later(minutes=30)
    desk.run()
    assert Record.objects.get().reaction == "HELPFUL"


@pytest.mark.nightly
def test_a_refused_opinion_is_shown_and_not_repeated(desk, both, graph):
    graph.put(hex_value(1), at=NOON_S)
    desk.run()
    give(desk, desk.signal(), Opinion.AGREE)
    posts = []

    def answer(request):
        if request.method != "POST":
            return graph(request)
        posts.append(request)
        return 400, {"error": {"code": 100}}

    both.play = answer
    desk.run()
    desk.run()
    assert len(posts) == 1
    assert "opinions sent: 0 taken, 1 refused" in desk.log()
    assert Record.objects.get().reaction == "HELPFUL"


@pytest.mark.usefixtures("both")
@pytest.mark.nightly
def test_a_member_there_that_names_our_signals_disputes_none_of_them(desk, graph):
    """Only what our own credentials wrote says which signal a value is of."""
    placed = desk.world.share(kind="pdq", tlp="green")
    tags = [f"signal:{placed.id}", "disputed:yes"]
    foe = [descriptor(5, number=77, tags=tags), descriptor(6, status="NON_MALICIOUS")]
    graph.put(hex_value(9), at=NOON_S, descriptors=foe)
    assert desk.run() == {"shared": 1, "pushed": 1}
    assert Signal.objects.get(uid=placed.id).disputes == 0


@pytest.mark.usefixtures("both")
def test_who_disputes_our_descriptor_there_disputes_no_other_signal_of_ours(desk, graph):
    placed = desk.world.share(kind="pdq", tlp="green")
    other = desk.world.share(kind="md5", tlp="green")
    desk.run()
    ((number, fields),) = (
        (number, fields) for number, fields in graph.posted.items() if fields["type"] == "HASH_PDQ"
    )
    ours = descriptor(APP, number=number, tags=fields["tags"].split(","))
    foe = descriptor(6, status="NON_MALICIOUS", tags=[f"signal:{other.id}"])
    graph.put(fields["indicator"], at=NOON_S, descriptors=[ours, foe])
    desk.later(minutes=1)
    assert desk.run() == {"echo": 1}
    disputes = {row.uid: row.disputes for row in Signal.objects.all()}
    assert (disputes[placed.id], disputes[other.id]) == (1, 0)


def test_an_agencys_exchange_does_not_stop_a_signal_for_the_group(desk, server, graph):
    agency = add_member("agency-bridge", title="Agency", kind="agency")
    desk.add("threatexchange", address=server.address, secret=TOKEN, direction="both", party=agency)
    placed = desk.world.share(kind="pdq", tlp="green")
    desk.run()
    ((number, fields),) = graph.posted.items()
    reactions = [{"key": "DISAGREE_WITH_TAGS", "value": "7"}]
    ours = descriptor(APP, number=number, tags=fields["tags"].split(","), reactions=reactions)
    graph.put(fields["indicator"], at=NOON_S, descriptors=[ours])
    desk.later(minutes=1)
    assert desk.run() == {"echo": 1}
    assert Signal.objects.get(uid=placed.id).disputes == 0


def test_no_exercise_is_pushed_as_it_could_not_be_marked_there(desk, server, graph):
    terms = {"exercise": True}
    desk.add("threatexchange", address=server.address, secret=TOKEN, direction="both", terms=terms)
    desk.world.share(kind="pdq", tlp="green", exercise=True)
    assert desk.run() == {}
    assert graph.posted == {}


@pytest.mark.usefixtures("both")
@pytest.mark.nightly
def test_a_dispute_of_one_record_there_is_not_told_of_another_of_the_value(desk, graph):
    value = hex_value(1, digits=32)
    graph.put(value, at=NOON_S, kind="HASH_MD5", descriptors=[descriptor(5, number=77)])
    doubted = [descriptor(5, number=78), descriptor(6, status="NON_MALICIOUS")]
    graph.put(value, at=NOON_S, kind="HASH_VIDEO_MD5", descriptors=doubted)
    desk.run()
    assert Signal.objects.get(shared_by=desk.party).disputes == 1
    desk.run()
    assert graph.reactions == []


@pytest.mark.usefixtures("both")
@pytest.mark.nightly
def test_what_another_hub_thinks_is_not_told_as_our_opinion(desk, graph):
    graph.put(hex_value(1), at=NOON_S, descriptors=[descriptor(5, number=77)])
    desk.run()
    bridge = add_member("bridge", title="Bridge", kind="consortium")
    desk.add(party=bridge, name="bridge", terms={"feedback": True})
    body = OpinionIn(opinion=Opinion.AGREE, note="Bridge: 1 confirmed it there")
    signals.give_opinion(desk.signal().uid, body=body, by=bridge, now=desk.now)
    assert desk.signal().confirmations == 1
    desk.run()
    assert graph.reactions == []
