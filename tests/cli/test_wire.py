# SPDX-License-Identifier: Apache-2.0
"""What a command says where the hub is away, odd, or does not take it: one line, exit code 1."""

import pytest
from starlette.responses import Response

from tests.client.conftest import odd, problem_answer
from tests.rounds import rounds

__all__ = ["odd"]


PROBLEM = (
    '{"type":"/problems/invalid","title":"x","status":422,"detail":"2 rows are bad","errors":'
    '[{"field":"signals.1.value","message":"is short","row":1},{"field":"x","message":"is odd"}]}'
)


def said(stemtide, hub, *words):
    """What a command says on stderr, once it has failed."""
    done = stemtide(*words, STEMTIDE_HUB_URL=hub, STEMTIDE_KEY="st_x")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("stemtide: ")
    return done.err.removeprefix("stemtide: ").strip()


def test_a_hub_that_is_away_is_one_line(stemtide):
    line = said(stemtide, "http://127.0.0.1:9", "crisis", "list")
    assert line.startswith("the hub at http://127.0.0.1:9 cannot be reached (")
    assert line.endswith("); is it running, is --hub right?")
    assert "\n" not in line


def test_a_message_that_cannot_be_is_told_in_the_words_of_the_hub(stemtide, odd):
    line = said(stemtide, odd.url, "crisis", "warn", "", "--country", "BE")
    assert line.startswith("name: ")
    assert odd.asked == []


ANSWERS = [
    (
        Response(PROBLEM, 422, media_type="application/problem+json"),
        "2 rows are bad; row 1, signals.1.value: is short; x: is odd",
    ),
    (Response("[1]", media_type="application/json"), "answered something unreadable"),
    (problem_answer(403, "not you"), "not you"),
    (problem_answer(404, "no such thing"), "no such thing"),
    (problem_answer(503, "in a moment"), "in a moment"),
    (Response("<html>", 404, media_type="text/html"), "the hub answered 404: <html>"),
]


@pytest.mark.parametrize(("answer", "line"), rounds(ANSWERS[:2], nightly=ANSWERS))
def test_what_is_wrong_is_said_in_the_words_of_the_hub(stemtide, odd, answer, line):
    odd.says("/crises", answer)
    assert line in said(stemtide, odd.url, "crisis", "list")
