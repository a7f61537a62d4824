# SPDX-License-Identifier: Apache-2.0
"""Pulling from Meta's ThreatExchange by the package's own client, and what is odd there."""

import json
import sys
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.exchanges.models import Exchange
from stemtide.hub.rooms.exchanges.reads import exchanges as exchange_reads
from stemtide.hub.rooms.exchanges.sources import source as port
from stemtide.hub.rooms.exchanges.sources.tx import pull as tx_pull
from stemtide.hub.rooms.signals.models import Signal
from stemtide.interop.threatexchange import words
from stemtide.protocol.labels import ideologies, labels
from tests.exchange_servers import APP, TOKEN, Graph, descriptor, serving
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
def source(desk, server):
    desk.add("threatexchange", address=server.address, secret=TOKEN)
    return server


@pytest.mark.usefixtures("source")
def test_values_become_signals_with_what_their_tags_say(desk, graph):
    tags = ["media_type_photo", "Attacker Manifesto", "severity:high", "tlp:green"]
    graph.put(hex_value(1), at=NOON_S, descriptors=[descriptor(tags=tags)])
    graph.put(hex_value(2, digits=32).upper(), at=NOON_S, kind="HASH_MD5")
    graph.put(hex_value(3), at=NOON_S, kind="HASH_VIDEO_SHA256")
    graph.put("https://evil.example/a", at=NOON_S, kind="RAW_URI")
    assert desk.run() == {"shared": 4}
    row = desk.signal()
    assert (row.labels, row.severity, row.tlp) == (["manifesto"], "high", "green")
    assert (row.pap, row.confidence, row.shared_by) == ("amber", 50, desk.party)
    kinds = Signal.objects.filter(shared_by=desk.party).values_list("kind", flat=True)
    assert sorted(kinds) == ["md5", "pdq", "sha256", "url"]


def test_pages_are_followed_and_the_next_run_continues_from_the_checkpoint(desk, source, graph):
    graph.page = 3
    for number in range(1, 11):
        graph.put(hex_value(number), at=NOON_S + number)
    assert desk.run() == {"shared": 10}
    assert desk.row.checkpoint["at"]["update_time"] == NOON_S + 10
    assert desk.run() == {}
    graph.put(hex_value(20), at=NOON_S + 10)  # in the second that came last
    assert desk.run() == {"shared": 1}
    assert source.requests[-1].query["start_time"] == str(NOON_S + 10)


@pytest.mark.nightly
def test_a_checkpoint_is_stored_page_by_page(desk, source, graph):
    """What broke off is not read again."""
    graph.page = 2
    for number in range(1, 7):
        graph.put(hex_value(number), at=NOON_S + number)
    whole = source.play

    def broken(request):
        return whole(request) if request.query.get("after", "0") < "4" else (500, {})

    source.play = broken
    assert desk.run() == {"shared": 4}
    assert desk.row.trouble == "it answers 500"
    assert desk.row.checkpoint["at"]["update_time"] == NOON_S + 4
    source.play = whole
    assert desk.run() == {"shared": 2}
    assert desk.row.trouble == ""


@pytest.mark.usefixtures("source")
def test_deletions_end_signals_and_may_be_undone(desk, graph):
    graph.put(hex_value(1), at=NOON_S)
    graph.put(hex_value(2), at=NOON_S)
    desk.run()
    graph.delete(hex_value(1), at=NOON_S + 5)
    assert desk.run() == {"ended": 1}
    assert desk.live() == [hex_value(2)]
    graph.put(hex_value(1), at=NOON_S + 6)
    assert desk.run() == {"shared": 1}


@pytest.mark.usefixtures("source")
def test_opinions_of_others_are_carried_and_ours_are_not(desk, graph):
    opinions = [descriptor(1), descriptor(2, status="NON_MALICIOUS")]
    graph.put(hex_value(1), at=NOON_S, descriptors=opinions)
    disliked = descriptor(1, reactions=[{"key": "DISAGREE_WITH_TAGS", "value": "7,8"}])
    graph.put(hex_value(2), at=NOON_S, descriptors=[disliked])
    ours = descriptor(1, reactions=[{"key": "DISAGREE_WITH_TAGS", "value": str(APP)}])
    graph.put(hex_value(3), at=NOON_S, descriptors=[ours])
    unsure = descriptor(1, status="UNKNOWN")
    graph.put(hex_value(4), at=NOON_S, descriptors=[unsure])
    graph.put(hex_value(5), at=NOON_S, descriptors=[descriptor(1, status="NON_MALICIOUS")])
    assert desk.run() == {"shared": 4}
    disputed = [desk.signal(number).is_disputed for number in (1, 2, 3, 4)]
    assert disputed == [True, True, False, False]
    graph.put(hex_value(1), at=NOON_S + 1, descriptors=[descriptor(1)])
    desk.later(minutes=1)
    desk.run()
    assert not desk.signal(1).is_disputed


@pytest.mark.usefixtures("source")
def test_a_value_that_becomes_harmless_there_ends(desk, graph):
    graph.put(hex_value(1), at=NOON_S)
    desk.run()
    changed = [descriptor(1, status="NON_MALICIOUS")]
    graph.put(hex_value(1), at=NOON_S + 1, descriptors=changed)
    assert desk.run() == {"ended": 1}


@pytest.mark.parametrize("reaction", ["HELPFUL", "DISAGREE_WITH_TAGS"])
@pytest.mark.usefixtures("source")
def test_a_value_that_we_only_react_to_ends_when_nobody_else_supports_it(desk, graph, reaction):
    graph.put(hex_value(1), at=NOON_S)
    desk.run()
    ours = {"reactions": [{"key": reaction, "value": str(APP)}]}
    changed = [descriptor(1, status="NON_MALICIOUS", **ours)]
    graph.put(hex_value(1), at=NOON_S + 1, descriptors=changed)
    assert desk.run() == {"ended": 1}


@pytest.mark.usefixtures("source")
def test_what_only_we_call_harmful_there_is_an_echo(desk, graph):
    graph.put(hex_value(1), at=NOON_S, descriptors=[descriptor(APP)])
    graph.put(hex_value(2), at=NOON_S, descriptors=[descriptor(APP), descriptor(2, number=2)])
    assert desk.run() == {"echo": 1, "shared": 1}


@pytest.mark.parametrize(
    ("share_level", "privacy_type", "tlp"),
    [
        ("WHITE", "VISIBLE", "green"),  # the terms' loosest
        ("GREEN", "VISIBLE", "green"),
        ("WHITE", "HAS_PRIVACY_GROUP", "amber"),
        ("GREEN", "HAS_PRIVACY_GROUP_AND_WHITELIST", "amber"),
        ("GREEN", None, "amber"),
        (None, "VISIBLE", "amber"),
        ("AMBER", "VISIBLE", None),
        ("RED", "HAS_PRIVACY_GROUP", None),
        ("GREEN", "HAS_WHITELIST", None),
    ][:: rounds(3, nightly=1)],
)
@pytest.mark.usefixtures("source")
def test_who_may_have_it_there_decides_who_may_have_it_here(
    desk, graph, share_level, privacy_type, tlp
):
    more = {"share_level": share_level, "privacy_type": privacy_type}
    opinions = [descriptor(2, number=2, **more)]
    if tlp:  # of several that are taken the strictest counts
        opinions.append(descriptor(1))
    graph.put(hex_value(1), at=NOON_S, descriptors=opinions)
    counts = desk.run()
    if tlp is None:
        assert counts == {"left_out": 1}
        assert any("is stricter than the terms take" in line for line in desk.log())
    else:
        assert counts == {"shared": 1}
        assert desk.signal().tlp == tlp


@pytest.mark.parametrize(
    "more",
    [
        {"share_level": "RED"},
        {"share_level": "AMBER"},
        {"privacy_type": "HAS_WHITELIST"},
        {"tags": ["tlp:red"]},
        {"tags": ["exercise:yes"]},
        {"tags": ["via:HUB"]},
        {"tags": ["hub:HUB"]},
        {"tags": ["signal:SIGNAL"]},
        {"tags": [f"tag-{number}" for number in range(201)]},
        {"status": "NON_MALICIOUS", "tags": ["exercise:yes", "tlp:red"]},
    ][:: rounds(3, nightly=1)],
    ids=["red", "amber", "named", "tag red", "exercise", "via", "hub", "signal", "many", "against"][
        :: rounds(3, nightly=1)
    ],
)
@pytest.mark.usefixtures("source")
def test_one_member_there_cannot_hide_what_another_supports(desk, graph, more):
    hub, signal = exchange_reads.own_hub(), str(desk.world.share().id)
    tags = [tag.replace("HUB", hub).replace("SIGNAL", signal) for tag in more.get("tags", [])]
    foe = descriptor(6, number=6, **(more | {"tags": tags}))
    graph.put(hex_value(8), at=NOON_S, descriptors=[foe, descriptor(5, tags=["manifesto"])])
    assert desk.run() == {"shared": 1}
    row = desk.signal(8)
    assert row.tlp == "green"
    assert "manifesto" in row.labels


@pytest.mark.usefixtures("source")
def test_a_tag_of_child_abuse_by_one_member_refuses_the_value(desk, graph):
    """It may be such content, whatever others call it: it is refused, and shown."""
    foe = descriptor(6, status="NON_MALICIOUS", tags=["csam"])
    graph.put(hex_value(1), at=NOON_S, descriptors=[foe, descriptor(5)])
    assert desk.run() == {"refused": 1}


@pytest.mark.usefixtures("source")
def test_tags_of_members_there_say_nothing_of_which_hub_it_is(desk, graph):
    """Otherwise a member could keep signals that came through a hub from the group."""
    graph.put(hex_value(1), at=NOON_S, descriptors=[descriptor(5, tags=[f"hub:{uuid4()}"])])
    desk.run()
    assert desk.row.hub == ""


@pytest.mark.usefixtures("source")
def test_a_stricter_mark_there_is_stricter_here_at_once(desk, graph):
    graph.put(hex_value(1), at=NOON_S)
    desk.run()
    assert desk.signal().tlp == "green"
    closer = [descriptor(privacy_type="HAS_PRIVACY_GROUP")]
    graph.put(hex_value(1), at=NOON_S + 1, descriptors=closer)
    assert desk.run() == {"changed": 1}
    assert desk.signal().tlp == "amber"


@pytest.mark.usefixtures("source")
def test_a_groups_value_goes_to_no_partner_of_ours(desk, graph, partner):
    """Not even to one that TLP:AMBER may reach: the group knows nothing of it."""
    graph.put(hex_value(1), at=NOON_S, descriptors=[descriptor(privacy_type="HAS_PRIVACY_GROUP")])
    graph.put(hex_value(2), at=NOON_S)
    desk.run()
    party = add_member("inner", title="Inner", kind="authority")
    more = {"direction": "push", "inside": True, "secret": "key", "name": "inner", "party": party}
    desk.add("taxii", address=partner.address, **more)
    ours = desk.world.share(kind="md5", tlp="amber")
    partner.answers = lambda *_: (202, {}, {"id": "1", "status": "complete"})
    assert desk.run("inner") == {"pushed": 2}
    assert len(json.loads(partner.asked[0][3])["objects"]) == 2
    values = Signal.objects.filter(outgoing__exchange__name="inner").values_list("value", flat=True)
    assert sorted(values) == sorted([hex_value(2), Signal.objects.get(uid=ours.id).value])


@pytest.mark.usefixtures("source")
def test_types_without_a_kind_are_counted_and_named(desk, graph):
    graph.put("203.0.113.7", at=NOON_S, kind="IP_ADDRESS")
    graph.put("aa", at=NOON_S, kind="HASH_TMK")
    graph.put(hex_value(1), at=NOON_S)
    assert desk.run() == {"shared": 1}
    (line,) = [line for line in desk.log() if line.startswith("not taken")]
    assert line == "not taken: 1 of type IP_ADDRESS, 1 of type HASH_TMK"


@pytest.mark.usefixtures("source")
def test_child_abuse_material_is_refused_and_named_with_its_channel(desk, graph):
    graph.put(hex_value(1), at=NOON_S, descriptors=[descriptor(tags=["csam"])])
    assert desk.run() == {"refused": 1}
    assert any("is never stored here" in line for line in desk.log())


def test_a_bad_record_costs_itself_alone(desk, source, graph):
    graph.put("xyz-secret", at=NOON_S)
    graph.put(hex_value(2), at=NOON_S, descriptors=[{"id": "7"}, {"id": "x"}])
    graph.put(hex_value(3), at=NOON_S, descriptors=[descriptor(tags=[7, "a"])])
    graph.put(hex_value(4), at="soon")
    graph.updates["HASH_PDQ", "5"] = "no object"
    graph.updates["HASH_PDQ", "6"] = {"type": "HASH_PDQ"}
    graph.updates["HASH_PDQ", "7"] = {"type": ["HASH_PDQ"], "indicator": 5} | {
        "last_updated": 5,
        "should_delete": False,
        "descriptors": {"data": [descriptor()]},
    }
    graph.put(hex_value(8), at=NOON_S, descriptors=[descriptor(at) for at in range(1, 600)])
    graph.put(hex_value(9), at=NOON_S)
    assert _run_with(source, graph, desk) == {"refused": 8, "shared": 1}
    assert desk.live() == [hex_value(9)]
    assert not any("xyz-secret" in line for line in desk.log())


def _run_with(source, graph, desk):
    """Run with a server that does not look at what it has."""
    rows = list(graph.updates.values())
    source.play = lambda _request: (200, {"data": rows, "paging": {}})
    return desk.run()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, {}), "it answers 500"),
        ((503, {}), "it is busy (503)"),
        ((400, {"error": {"code": 190}}), "it does not take what we ask (400)"),
        ((403, {}), "it refuses our key (403): give another"),
        ((200, b"<html>"), "its answer is no JSON"),
        ((200, []), "its answer is no page of updates"),
        ((200, {"data": {}}), "its answer is no page of updates"),
        ((200, {"data": [], "paging": 7}), "its answer is no page of updates"),
        ((302, b""), "it redirects (302); this is not followed: give the final address"),
    ][:: rounds(4, nightly=1)],
)
def test_a_broken_answer_is_shown_with_its_reason(desk, source, answer, words):
    source.play = lambda _request: answer
    assert desk.run() == {}
    assert desk.row.trouble == words
    assert desk.row.checkpoint == {}


@pytest.mark.usefixtures("source")
def test_a_group_without_updates_is_no_trouble(desk):
    assert desk.run() == {}
    assert desk.row.trouble == ""


@pytest.mark.nightly
def test_pages_without_end_are_an_error(desk, source, graph):
    graph.put(hex_value(1), at=NOON_S)

    def again(request):
        status, page = graph(request)
        address = f"{source.address}{request.path}?access_token={TOKEN}&fields=share_level&limit=5"
        return status, page | {"paging": {"next": address}}

    source.play = again
    assert desk.run() == {"shared": 1}
    assert desk.row.trouble.startswith("it says that there is more, and brings nothing new")
    assert len(source.requests) == 2
    source.play = lambda _request: (200, {"data": [], "paging": {"next": source.address}})
    desk.run()
    assert desk.row.trouble == "20 pages in a row have no update that can be read"
    assert len(source.requests) == 22


def test_a_page_of_too_many_bytes_ends_the_run_and_says_so(desk, source, monkeypatch):
    """The package reads on until it has a page: each answer is small enough, all are not."""
    monkeypatch.setattr(port, "MAX_RUN_BYTES", 20_000)
    padding = {"data": [{"type": "x" * 9_000}], "paging": {"next": source.address}}
    source.play = lambda _request: (200, padding)
    assert desk.run() == {}
    assert desk.row.trouble.startswith("it sends more than 20,000 bytes in one run")
    assert len(source.requests) == 3


@pytest.mark.usefixtures("source")
def test_a_page_without_a_readable_update_is_passed_over(desk, graph):
    graph.page = 1
    for number in (1, 2, 3):
        graph.put(hex_value(number), at=NOON_S + number)
    graph.updates["HASH_PDQ", hex_value(2)]["descriptors"] = "nothing of the kind"
    assert desk.run() == {"refused": 1, "shared": 2}
    assert desk.live() == sorted([hex_value(1), hex_value(3)])
    assert desk.row.trouble == ""


def test_a_page_that_leads_to_another_server_does_not_get_our_key(desk, source, graph, partner):
    graph.put(hex_value(1), at=NOON_S)

    def astray(request):
        status, page = graph(request)
        return status, page | {"paging": {"next": f"{partner.address}/?access_token={TOKEN}"}}

    source.play = astray
    desk.run()
    assert desk.row.trouble == "it leads to another server: that is not followed"
    assert partner.asked == []


@pytest.mark.usefixtures("source")
def test_a_wrong_clock_does_not_make_us_skip_what_follows(desk, graph):
    graph.put(hex_value(1), at=NOON_S + 10 * 86_400)
    assert desk.run() == {}
    assert desk.row.trouble.startswith("its clock is wrong")
    assert desk.row.checkpoint == {}


@pytest.mark.usefixtures("source")
def test_a_checkpoint_that_is_too_old_reads_all_anew_and_ends_what_is_gone(desk, graph):
    """Deletions are not kept for ever there."""
    graph.page = 2
    for number in range(1, 6):
        graph.put(hex_value(number), at=NOON_S + number)
    desk.run()
    del graph.updates["HASH_PDQ", hex_value(2)]
    row = desk.row
    row.checkpoint["at"]["last_fetch_time"] = 1
    row.save()
    desk.later(days=90)
    assert desk.run() == {"ended": 1}
    assert desk.live() == sorted(hex_value(number) for number in (1, 3, 4, 5))
    assert "full_since" not in desk.row.checkpoint


def test_reading_anew_that_breaks_off_ends_nothing_before_it_is_complete(desk, source, graph):
    graph.page = 2
    for number in range(1, 6):
        graph.put(hex_value(number), at=NOON_S + number)
    desk.run()
    del graph.updates["HASH_PDQ", hex_value(2)]
    row = desk.row
    row.checkpoint["at"]["last_fetch_time"] = 1
    row.save()
    desk.later(days=90)
    source.play = lambda one: graph(one) if "after" not in one.query else (500, {})
    desk.run()
    assert len(desk.live()) == 5
    source.play = graph
    desk.later(minutes=10)
    assert desk.run() == {"ended": 1}
    assert hex_value(2) not in desk.live()


def test_the_token_is_sent_as_the_client_does_and_shown_nowhere(desk, source, graph):
    graph.put(hex_value(1), at=NOON_S)
    desk.run()
    assert source.requests[0].query["access_token"] == TOKEN
    source.play = lambda _request: (500, {})
    desk.run()
    assert not any(TOKEN in line for line in desk.log())
    assert TOKEN not in str(Exchange.objects.values().get())


@pytest.mark.usefixtures("source")
def test_addresses_of_this_machine_need_the_switch(desk):
    assert desk.run(loopback=False) == {}
    assert desk.row.trouble == "only https addresses are reached: give one"


@pytest.mark.parametrize("address", ["https://graph.facebook.com/v26.0", "https://x/12a"])
def test_an_address_without_a_group_is_refused(desk, address):
    with pytest.raises(InvalidError, match="number of the privacy group"):
        desk.add("threatexchange", address=address, path="", secret=TOKEN)


def test_a_secret_that_is_no_token_is_shown(desk, server):
    desk.add("threatexchange", address=server.address, secret="a-key")
    desk.run()
    assert desk.row.trouble.startswith("its secret is no token of an app")
    assert server.requests == []


def test_without_the_package_the_kind_is_refused_with_the_remedy(desk, source, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "threatexchange"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "threatexchange", None)
    for name in ("graph", "package"):
        monkeypatch.delitem(sys.modules, f"{tx_pull.__package__}.{name}", raising=False)
        monkeypatch.delattr(sys.modules[tx_pull.__package__], name, raising=False)
    with pytest.raises(InvalidError, match=r"pip install 'stemtide\[tx\]'"):
        desk.add("threatexchange", address=source.address, secret=TOKEN, name="other")
    desk.run()
    assert desk.row.trouble == tx_pull.NOT_INSTALLED


@pytest.mark.nightly
def test_a_day_that_is_full_waits_and_lets_deletions_through(desk, server, graph):
    desk.add("threatexchange", address=server.address, secret=TOKEN, terms={"most_a_day": 2})
    graph.page = 2
    for number in (1, 2):
        graph.put(hex_value(number), at=NOON_S + number)
    desk.run()
    for number in (3, 4, 5):
        graph.put(hex_value(number), at=NOON_S + number)
    graph.delete(hex_value(1), at=NOON_S + 9)
    assert desk.run() == {"ended": 1}
    assert "new signals in a day" in desk.row.trouble
    desk.later(days=1)
    assert desk.run() == {"shared": 2}
    desk.later(days=1)
    assert desk.run() == {"shared": 1}


def test_every_word_of_the_table_is_one_of_ours():
    table = words._tables()
    ours = {*labels(), *(f"ideology:{name}" for name in ideologies())}
    assert set(table["tags"].values()) <= ours
    for vocabulary, names in table["kinds"].items():
        assert all(words.kind_of(name, vocabulary=vocabulary) for name in names)
    assert words.kind_of("HASH_TMK", vocabulary="threatexchange") is None


@pytest.mark.usefixtures("source")
def test_pages_of_types_that_are_not_compared_are_passed_also_within_one_second(desk, graph):
    graph.page = 2
    for number in range(6):
        graph.put(f"192.0.2.{number}", at=NOON_S, kind="IP_ADDRESS")
    graph.put(hex_value(1), at=NOON_S)
    assert desk.run() == {"shared": 1}
    assert desk.row.trouble == ""
