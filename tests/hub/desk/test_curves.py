# SPDX-License-Identifier: Apache-2.0
"""The words on a spread curve: none lies on another, none leaves the drawing."""

from datetime import UTC, datetime, timedelta

import pytest

from stemtide.hub.desk.signals import curves
from stemtide.hub.rooms.signals.views import CurvePoint

START = datetime(2026, 11, 25, 4, 20, tzinfo=UTC)
LETTER = 6.5


def drawn(*marks):
    points = [
        CurvePoint(at=START + timedelta(minutes=5 * step), seen=step, blocked=step)
        for step in range(1, 13)
    ]
    names = curves.CurveNames("Spread", seen="Seen", blocked="Blocked")
    marks = [(word, START + timedelta(minutes=minute)) for word, minute in marks]
    return curves.draw(points, names=names, marks=marks)


def span(mark):
    wide = len(mark.word) * LETTER
    return (mark.x - wide, mark.x) if mark.anchor == "end" else (mark.x, mark.x + wide)


@pytest.mark.parametrize(
    "minutes", [(0, 1, 2), (0, 1, 40), (57, 58, 60), (20, 21, 22, 23, 24), (0, 0, 0)]
)
def test_no_word_lies_on_another_or_leaves_the_drawing(minutes):
    words = ["activation", "first signal", "closure", "de-escalation", "last new variant"]
    marks = drawn(*zip(words, minutes, strict=False)).marks
    assert len(marks) == len(minutes)
    told = [one for one in marks if one.word]
    assert len(told) >= min(3, len(minutes))
    for one in told:
        left, right = span(one)
        assert left >= 0
        assert right <= curves.WIDTH
        for other in told:
            apart = right <= span(other)[0] or span(other)[1] <= left
            assert other is one or other.y != one.y or apart
