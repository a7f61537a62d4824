# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.fernet import InvalidToken
from hypothesis import given, strategies as st

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.complaints import encryption as seals
from stemtide.protocol.messages.complaints import ComplaintLinkIn
from tests.world import NOON

GROUND = UUID("019abcde-0000-7000-8000-00000000beef")
UNTIL = NOON + timedelta(days=200)


def ticket(**more):
    plain = {"reference": "case/4711", "basis": "signal", "ground": GROUND, "measure": "blocked"}
    plain |= {"acted_at": NOON, "acted_by": "m12", "is_automatic": True}
    return seals.Ticket("big-video", ComplaintLinkIn(**(plain | more)), UNTIL)


@pytest.mark.parametrize(
    "more", [{}, {"basis": "own", "ground": None, "acted_by": None}, {"exercise": True}]
)
def test_a_link_says_what_was_put_into_it(more):
    assert seals.read_link(seals.make_link(ticket(**more)), now=NOON) == ticket(**more)


def test_a_link_fits_into_a_mail_and_tells_its_reader_nothing():
    token = seals.make_link(ticket())
    assert len(token) < 300
    assert "=" not in token
    for word in ("big-video", "4711", GROUND.hex, "signal", "m12"):
        assert word not in token


def test_a_link_opens_nothing_once_its_time_is_over():
    token = seals.make_link(ticket())
    seals.read_link(token, now=UNTIL - timedelta(seconds=1))
    with pytest.raises(NotFoundError, match="ask the service"):
        seals.read_link(token, now=UNTIL)


@pytest.mark.parametrize("token", ["", "x", "a" * 5000, "gAAAAAB", "ünicode", "%2e%2e", "\x00"])
def test_what_is_no_link_looks_like_one_that_expired(token):
    with pytest.raises(NotFoundError, match="invalid or has expired"):
        seals.read_link(token, now=NOON)


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_a_link_changed_in_one_letter_opens_nothing(place, letter):
    token = seals.make_link(ticket())
    place %= len(token) - 1  # the last letter may carry bits that nobody reads
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(NotFoundError):
            seals.read_link(changed, now=NOON)


def test_a_link_for_one_use_is_none_for_another():
    words = seals.seal("These are words.")
    with pytest.raises(NotFoundError):
        seals.read_link(words, now=NOON)
    with pytest.raises(InvalidToken):
        seals.unseal(seals.make_link(ticket()))


def test_links_and_words_outlive_a_change_of_the_hubs_secret(settings):
    token, words = seals.make_link(ticket()), seals.seal("Why I complain.")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret"
    assert seals.read_link(token, now=NOON) == ticket()
    assert seals.unseal(words) == "Why I complain."
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(NotFoundError):
        seals.read_link(token, now=NOON)


def test_a_code_is_read_however_it_is_typed():
    code = seals.code_of("big-video", reference="case/4711", exercise=False)
    groups = code.split("-")
    assert [len(one) for one in groups] == [4, 4, 4, 4]
    assert not set("".join(groups)) - set(seals.CODE_LETTERS)
    typed = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    assert seals.hash_code(typed) == seals.hash_code(code)


def test_each_decision_has_a_code_of_its_own():
    codes = {
        seals.code_of(party, reference=reference, exercise=exercise)
        for party in ("big-video", "small-forum")
        for reference in ("1", "2", "3")
        for exercise in (True, False)
    }
    assert len(codes) == 12


def test_no_words_are_sealed_as_none():
    assert seals.seal("") == ""
    assert seals.unseal("") == ""
