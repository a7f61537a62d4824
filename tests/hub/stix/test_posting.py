# SPDX-License-Identifier: Apache-2.0
"""What partners post becomes signals, sightings, opinions and withdrawals, by everybody's rules."""

import pytest

from stemtide.hub.rooms.signals.models import OpinionRow, Sighting, Signal
from stemtide.hub.rooms.stix.models import PatternPart, StixObject
from stemtide.interop.stix.objects import EXTENSION, MARKING_OF
from stemtide.protocol.enums import Scope
from tests.hub.stix.conftest import indicator, said_of
from tests.hub.waiting import decide
from tests.world import NOON, hex_value

RED, GREEN = MARKING_OF["red"], MARKING_OF["green"]
OLD_AMBER = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"


def refusals(status):
    return [one["message"] for one in status.get("failures", [])]


def test_an_indicator_becomes_a_signal_and_comes_back_as_it_was_posted(shelf):
    sent = indicator(confidence=70, labels=['stemtide:label="incitement"'], name="A still", x=1)
    status = shelf.post(sent)
    assert (status["success_count"], status["failure_count"]) == (1, 0)
    row = Signal.objects.get()
    assert (row.value, row.confidence, row.labels, row.tlp) == (
        hex_value(),
        70,
        ["incitement"],
        "amber",
    )
    assert shelf.indicators() == [sent]
    assert shelf.world.ledger_kinds() == ["signals.shared", "objects.posted"]


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        (f"[file:hashes.'PDQ' = '{hex_value()}']", "pdq"),
        (f"[file:hashes.MD5 = '{hex_value(digits=32).upper()}']", "md5"),
        (f"[file:hashes.'SHA-256' = '{hex_value()}']", "sha256"),
        ("[ url:value = 'https://Evil.example/it\\'s?utm_source=x' ]", "url"),
    ],
)
def test_patterns_of_one_comparison_are_understood(shelf, pattern, kind):
    assert shelf.post(indicator(pattern=pattern))["success_count"] == 1
    assert Signal.objects.get().kind == kind


def test_a_pattern_that_matches_no_upload_is_kept_and_no_signal(shelf):
    sent = indicator(pattern="[ipv4-addr:value = '192.0.2.7']")
    status = shelf.post(sent)
    assert "kept as it is" in status["successes"][0]["message"]
    assert not Signal.objects.exists()
    assert shelf.indicators(shelf.world.big_provider) == [sent]


def test_one_bad_object_does_not_sink_the_others(shelf):
    status = shelf.post(indicator("zz"), 7, {"type": "indicator"}, indicator())
    assert (status["success_count"], status["failure_count"]) == (1, 3)
    assert len(status["failures"]) == status["failure_count"]
    assert "64 hex digits" in " ".join(refusals(status))


def test_an_exact_duplicate_changes_nothing_and_is_no_failure(shelf):
    sent = indicator()
    shelf.post(sent)
    position = Signal.objects.get().position
    assert shelf.post(sent)["success_count"] == 1
    assert Signal.objects.get().position == position
    assert StixObject.objects.filter(stix_id=sent["id"]).count() == 1


def test_a_revoked_version_withdraws_the_signal(shelf):
    sent = indicator()
    shelf.post(sent)
    revoked = sent | {
        "revoked": True,
        "modified": indicator(minutes=1)["modified"],
        "labels": ['stemtide:withdraw-reason="mistake"'],
    }
    assert shelf.post(revoked)["failure_count"] == 0
    row = Signal.objects.get()
    assert (row.state, row.withdraw_reason) == ("withdrawn", "mistake")
    assert shelf.indicators() == [revoked]
    assert shelf.indicators(versions=frozenset({"all"})) == [sent, revoked]
    assert shelf.indicators(versions=frozenset({"first"})) == [sent]


def test_a_withdrawal_by_another_door_revokes_what_was_posted(shelf):
    sent = indicator()
    shelf.post(sent)
    from stemtide.hub.rooms.signals.writes import signals as writes
    from stemtide.protocol.messages.signals import WithdrawIn

    body = WithdrawIn(reason="not_violating")
    writes.withdraw(Signal.objects.get().uid, body=body, by=shelf.world.agency, now=NOON)
    (told,) = shelf.indicators()
    assert (told["id"], told["revoked"]) == (sent["id"], True)
    assert told["modified"] > sent["modified"]


def test_an_indicator_of_our_making_is_revoked_by_its_sharer(shelf):
    shared = shelf.world.share()
    (ours,) = shelf.indicators()
    assert shelf.post(ours)["successes"][0]["message"].startswith("is here already")
    status = shelf.post(ours | {"revoked": True}, by=shelf.world.big_provider)
    assert "be-crisis-centre, who shared" in refusals(status)[0]
    assert shelf.post(ours | {"revoked": True})["failure_count"] == 0
    assert Signal.objects.get(uid=shared.id).state == "withdrawn"


def test_a_newer_version_with_other_facts_supersedes_the_signal(shelf):
    sent = indicator(confidence=40)
    shelf.post(sent)
    newer = sent | {"confidence": 90, "modified": indicator(minutes=1)["modified"]}
    assert shelf.post(newer)["failure_count"] == 0
    old, new = Signal.objects.order_by("pk")
    assert (old.state, old.withdraw_reason, new.confidence) == ("withdrawn", "superseded", 90)
    assert newer in shelf.indicators()


def test_a_newer_version_with_other_words_moves_the_same_signal(shelf):
    sent = indicator()
    shelf.post(sent)
    before = Signal.objects.get().position
    newer = sent | {"description": "Seen again", "modified": indicator(minutes=1)["modified"]}
    assert shelf.post(newer)["failure_count"] == 0
    row = Signal.objects.get()
    assert row.position > before
    assert shelf.told(after=2 * before) == [newer]


def test_nobody_takes_over_what_another_party_posted(shelf):
    sent = indicator()
    shelf.post(sent)
    newer = sent | {"revoked": True, "modified": indicator(minutes=1)["modified"]}
    status = shelf.post(newer, by=shelf.world.big_provider)
    assert "another party" in refusals(status)[0]
    assert Signal.objects.get().state == "live"


def test_a_sighting_is_counted_once_and_a_newer_one_by_what_is_more(shelf):
    target = indicator()
    shelf.post(target)
    by = shelf.world.big_provider
    seen = said_of(target["id"], "sighting", labels=['stemtide:outcome="blocked"'])
    for sent in (seen, seen, seen | {"count": 5, "modified": indicator(minutes=1)["modified"]}):
        assert shelf.post(sent, by=by)["failure_count"] == 0
    row = Sighting.objects.get()
    assert (row.outcome, row.count, row.party) == ("blocked", 5, by)


def test_a_sighting_is_shown_to_its_poster_and_those_who_coordinate(shelf):
    world, target = shelf.world, indicator()
    shelf.post(target)
    shelf.post(said_of(target["id"], "sighting"), by=world.big_provider)
    told = {
        party.name: len(shelf.told(party, types=frozenset({"sighting"})))
        for party in (world.big_provider, world.agency, world.small_provider)
    }
    assert list(told.values()) == [1, 1, 0]


def test_only_providers_report_sightings(shelf):
    target = indicator()
    shelf.post(target)
    status = shelf.post(said_of(target["id"], "sighting"), by=shelf.world.agency)
    assert "only providers" in refusals(status)[0]


def test_an_opinion_disputes_the_signal(shelf):
    target = indicator()
    shelf.post(target)
    sent = said_of(target["id"], explanation="It is the news.")
    assert shelf.post(sent, by=shelf.world.agency)["failure_count"] == 0
    row = OpinionRow.objects.get()
    assert (row.opinion, row.note) == ("dispute", "It is the news.")
    assert Signal.objects.get().is_disputed
    assert shelf.told(types=frozenset({"opinion"})) == [sent]
    shelf.make()
    assert shelf.told(types=frozenset({"opinion"})) == [sent]


@pytest.mark.parametrize("kind", ["opinion", "sighting"])
def test_nothing_is_said_of_what_one_may_not_see(shelf, kind):
    shared = shelf.world.share(tlp="red", audience=("small-forum",))
    (target,) = shelf.indicators()
    status = shelf.post(said_of(target["id"], kind), by=shelf.world.big_provider)
    unknown = shelf.post(said_of(indicator()["id"], kind), by=shelf.world.big_provider)
    assert refusals(status) == refusals(unknown)
    assert shared


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"object_marking_refs": [RED]}, "needs named recipients"),
        ({"object_marking_refs": ["marking-definition--x"]}, "use those of TLP"),
        ({"granular_markings": [{}]}, "mark the whole object"),
        ({"labels": ["csam"]}, "INHOPE"),
        ({"labels": ['stemtide:label="nice"']}, "there is no label"),
        ({"confidence": 101}, "confidence"),
        ({"valid_until": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"spec_version": "2.0"}, "STIX 2.1"),
        ({"id": "indicator--1"}, "<UUID>"),
        ({"type": "Bad"}, "no STIX type"),
        ({"modified": "yesterday"}, "no time"),
        ({"pattern": 7}, "pattern"),
        ({"pattern": f"[file:hashes.PDQ = '{'0' * 64}']"}, "value"),
        ({"extensions": {EXTENSION: {"kind": "md5"}}}, "kind"),
        ({"extensions": {EXTENSION: {"value": hex_value(2)}}}, "value"),
        ({"extensions": {EXTENSION: {"colour": "red"}}}, "colour"),
        ({"extensions": {EXTENSION: {"audience": ["nobody"]}}}, "there is no party"),
    ],
)
def test_a_bad_indicator_is_refused_with_the_property_and_a_remedy(shelf, change, words):
    status = shelf.post(indicator() | change)
    assert words in refusals(status)[0]
    assert not Signal.objects.exists()
    assert not StixObject.objects.filter(made_from="").exists()


def test_an_object_too_deep_or_too_large_is_refused_and_a_post_with_it_is_not(shelf):
    deep = {}
    for _ in range(100):
        deep = {"a": deep}
    status = shelf.post(indicator(x=deep), indicator(x="y" * (1 << 20)), indicator(hex_value(5)))
    assert (status["success_count"], status["failure_count"]) == (1, 2)
    assert "inside each other" in refusals(status)[0]
    assert "bytes" in refusals(status)[1]


def test_markings_of_the_old_protocol_are_read_as_the_new_one(shelf):
    shelf.post(indicator(object_marking_refs=[OLD_AMBER]))
    assert Signal.objects.get().tlp == "amber"
    shelf.post(indicator(hex_value(2), object_marking_refs=[OLD_AMBER, RED]))
    assert Signal.objects.count() == 1


def test_what_others_write_beside_signals_is_kept_and_told_as_its_marking_says(shelf):
    identity = indicator() | {
        "type": "identity",
        "name": "MISP",
        "id": said_of("", "identity")["id"],
    }
    identity = {name: identity[name] for name in ("type", "id", "created", "modified", "name")}
    file = {"type": "file", "id": said_of("", "file")["id"], "name": "a.jpg"}
    green = identity | {"id": said_of("", "identity")["id"], "object_marking_refs": [GREEN]}
    assert shelf.post(identity, file, green)["failure_count"] == 0
    told = shelf.told(shelf.world.observer, types=frozenset({"identity", "file"}))
    assert green in told
    assert identity not in told
    assert file not in told
    assert file in shelf.told(shelf.world.big_provider, types=frozenset({"file"}))


def test_a_key_for_feedback_posts_no_signals_and_the_other_way_round(shelf):
    target = indicator()
    only_feedback = {Scope.FEED_READ, Scope.FEEDBACK_WRITE}
    assert "signals:write" in refusals(shelf.post(target, scopes=only_feedback))[0]
    shelf.post(target)
    only_signals = {Scope.FEED_READ, Scope.SIGNALS_WRITE}
    status = shelf.post(said_of(target["id"]), scopes=only_signals)
    assert "feedback:write" in refusals(status)[0]


def test_the_collection_of_feedback_takes_no_signals(shelf):
    target = indicator()
    assert "another" in refusals(shelf.post(target, to="feedback"))[0]
    shelf.post(target)
    assert shelf.post(said_of(target["id"]), to="feedback")["failure_count"] == 0


# Patterns of several comparisons

A, B, C = hex_value("b"), hex_value("a", digits=32), hex_value("c")


def several(*parts, joined=" OR ", **more):
    return indicator(pattern=f"[{joined.join(parts)}]", **more)


def pdq(value):
    return f"file:hashes.PDQ = '{value}'"


def md5(value):
    return f"file:hashes.MD5 = '{value}'"


def values():
    return sorted((row.value, row.state) for row in Signal.objects.all())


def test_comparisons_joined_by_or_are_a_signal_each(shelf):
    sent = several(pdq(A), md5(B), confidence=70)
    (told,) = shelf.post(sent)["successes"]
    assert told["message"].startswith("became 2 signals, each told by itself: indicator--")
    assert values() == [(A, "live"), (B, "live")]
    assert {row.confidence for row in Signal.objects.all()} == {70}
    assert [one["id"] for one in shelf.indicators() if one["id"] == sent["id"]]
    others = shelf.indicators(shelf.world.big_provider)
    assert sorted(one["pattern"] for one in others) == [f"[{md5(B)}]", f"[{pdq(A)}]"]


@pytest.mark.parametrize(
    "pattern",
    [
        f"[{pdq(A)}] OR [{md5(B)}]",
        f"([{pdq(A)}] OR ([{md5(B)} OR {md5(B)}]))",
        f"[({pdq(A)}) OR ({md5(B)} OR file:name = 'x')]",
        f"[{pdq(A)}] OR [file:hashes.MD5 IN ('{B}', '{B.upper()}')]",
    ],
    ids=["observations", "nested", "beside", "in"],
)
def test_every_spelling_of_or_means_the_same(shelf, pattern):
    assert shelf.post(indicator(pattern=pattern))["success_count"] == 1
    assert values() == [(A, "live"), (B, "live")]


def test_what_is_joined_by_and_is_kept_and_it_is_said_why(shelf):
    sent = several(pdq(A), md5(B), joined=" AND ")
    (told,) = shelf.post(sent)["successes"]
    assert "asks for several things at once (AND" in told["message"]
    assert not Signal.objects.exists()
    assert shelf.indicators(shelf.world.big_provider) == [sent]


def test_a_comparison_that_no_upload_meets_is_told_and_sinks_no_other(shelf):
    sent = several(pdq(A), "ipv4-addr:value = '192.0.2.7'")
    (told,) = shelf.post(sent)["successes"]
    assert told["message"] == "1 of its comparisons are none that uploads are compared with"
    assert shelf.indicators(shelf.world.big_provider) == [sent]


def test_a_value_that_is_refused_is_named_and_the_others_are_shared(shelf):
    (told,) = shelf.post(several(pdq(A), pdq("0" * 64)))["successes"]
    assert "became 1 signals" in told["message"]
    assert "value: " in told["message"]
    assert values() == [(A, "live")]


def test_a_value_that_its_party_shares_already_stays_what_it_is(shelf):
    first = indicator(A)
    shelf.post(first)
    sent = several(pdq(A), md5(B))
    (told,) = shelf.post(sent)["successes"]
    assert f"shares this already, as {first['id']}" in told["message"]
    revoked = sent | {"revoked": True, "modified": indicator(minutes=1)["modified"]}
    shelf.post(revoked)
    assert values() == [(A, "live"), (B, "withdrawn")]


def test_revoking_it_withdraws_all_of_them(shelf):
    sent = several(pdq(A), md5(B))
    shelf.post(sent)
    revoked = sent | {"revoked": True, "modified": indicator(minutes=1)["modified"]}
    assert shelf.post(revoked)["failure_count"] == 0
    assert values() == [(A, "withdrawn"), (B, "withdrawn")]
    told = shelf.indicators(shelf.world.big_provider)
    assert [one["revoked"] for one in told] == [True, True]


def test_nobody_else_revokes_it_nor_learns_of_it(shelf):
    sent = several(pdq(A), md5(B))
    shelf.post(sent)
    revoked = sent | {"revoked": True, "modified": indicator(minutes=1)["modified"]}
    status = shelf.post(revoked, by=shelf.world.big_provider)
    assert "another party" in refusals(status)[0]
    assert values() == [(A, "live"), (B, "live")]


def test_a_newer_version_withdraws_what_it_no_longer_asks_for_and_shares_the_rest(shelf):
    sent = several(pdq(A), md5(B))
    shelf.post(sent)
    newer = several(md5(B), pdq(C), id=sent["id"], minutes=1)
    assert shelf.post(newer)["failure_count"] == 0
    assert values() == sorted([(A, "withdrawn"), (B, "live"), (C, "live")])
    last = newer | {"revoked": True, "modified": indicator(minutes=2)["modified"]}
    shelf.post(last)
    assert {row.state for row in Signal.objects.all()} == {"withdrawn"}


def test_one_of_them_is_disputed_and_withdrawn_by_itself(shelf):
    sent = several(pdq(A), md5(B))
    shelf.post(sent)
    one, other = shelf.indicators(shelf.world.big_provider)
    assert shelf.post(said_of(one["id"]), by=shelf.world.big_provider)["failure_count"] == 0
    assert (
        "is several signals: name one of indicator--"
        in refusals(shelf.post(said_of(sent["id"])))[0]
    )
    shelf.post(other | {"revoked": True})
    assert sorted(state for _, state in values()) == ["live", "withdrawn"]


def test_two_spellings_of_an_address_are_one_signal_of_an_indicator(shelf):
    spellings = ("https://video.example/a", "HTTPS://VIDEO.example:443/a")
    sent = several(*(f"url:value = '{address}'" for address in spellings))
    (told,) = shelf.post(sent)["successes"]
    assert PatternPart.objects.filter(stix_id=sent["id"]).count() == 1, told


def test_one_comparison_does_not_become_several_under_its_id(shelf):
    sent = indicator(A)
    shelf.post(sent)
    status = shelf.post(several(pdq(A), md5(B), id=sent["id"], minutes=1))
    assert "had one comparison" in refusals(status)[0]
    assert values() == [(A, "live")]


def test_it_is_revoked_and_not_deleted(shelf):
    from stemtide.hub.platform.errors import NotAllowedError
    from stemtide.hub.rooms.stix.writes import stix as writes

    sent = several(pdq(A), md5(B))
    shelf.post(sent)
    of = shelf.collections()["signals"]
    with pytest.raises(NotAllowedError, match="cannot be deleted"):
        writes.take_away(sent["id"], of=of, by=shelf.caller(), now=NOON)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"kind": "pdq"}, "the pattern several"),
        ({"quality": 20}, "quality"),
    ],
    ids=["kind", "dull"],
)
def test_our_extension_says_of_several_what_is_true_of_each(shelf, facts, why):
    extension = {EXTENSION: {"extension_type": "property-extension"} | facts}
    status = shelf.post(several(pdq(A), md5(B), extensions=extension))
    said = refusals(status) + [one["message"] for one in status.get("successes", [])]
    assert why in said[0]


def test_more_comparisons_than_are_taken_are_refused(shelf):
    many = several(*(pdq(hex_value(f"n{number}")) for number in range(201)))
    assert "more than 200 comparisons" in refusals(shelf.post(many))[0]
    assert not Signal.objects.exists()


FOLDER = {
    "pattern": "[url:value LIKE 'https://bad.example/video/1/%']",
    "extensions": {EXTENSION: {"extension_type": "property-extension", "reach": "folder"}},
}


@pytest.mark.parametrize("is_approved", [True, False])
def test_a_folder_waits_and_travels_under_the_id_that_the_status_names(shelf, is_approved):
    sent = indicator(**FOLDER)
    status = shelf.post(sent)
    (success,) = status["successes"]
    assert "waits for a second look" in success["message"]
    assert shelf.indicators() == []
    decide(shelf.world, is_approved=is_approved)
    ids = [each["id"] for each in shelf.indicators()]
    assert len(ids) == is_approved
    assert all(each != sent["id"] and each in success["message"] for each in ids)


def test_what_was_approved_is_revoked_under_the_id_that_the_status_names(shelf):
    shelf.post(indicator(**FOLDER))
    decide(shelf.world, is_approved=True)
    (made,) = shelf.indicators()
    later = indicator(minutes=1)["modified"]
    assert shelf.post(made | {"revoked": True, "modified": later})["success_count"] == 1
    assert Signal.objects.get().state == "withdrawn"
