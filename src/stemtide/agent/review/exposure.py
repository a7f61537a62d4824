# SPDX-License-Identifier: Apache-2.0
"""Limits on the pictures that a person is shown: so many a day, with breaks.

1 A picture counts when the person asks for it, however often the page shows it again. Each frame
  of a film counts as a picture.
2 After so many pictures on one day (UTC) no more are shown until the next day, or until the person
  signs in with a link that names the reason for a new allowance.
3 After so many minutes with pictures no more are shown until a break without any has passed.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.review.sessions import ReviewSession, person_key
from stemtide.agent.store.database import Store
from stemtide.agent.store.match_rates import Read

DAY_S = 86_400.0
SHOWN_FOR_S = 600.0
"""A picture that was asked for is shown again for so long."""


@dataclass(frozen=True, slots=True)
class PicturesShown:
    """The pictures that a person was shown today.

    left:        how many more may be shown. break_until: Unix time; 0.0 for no break.
    allowances:  how often the day's number was given anew.
    """

    shown: int
    left: int
    break_until: float
    allowances: int

    @property
    def may_look(self) -> bool:
        """Whether a picture may be shown now."""
        return self.left > 0 and not self.break_until


def break_until(times: Sequence[float], *, settings: ReviewSettings, now: float) -> float:
    """Return until when a person must take a break; 0.0 if none is due.

    times: when pictures were shown, in Unix time, earliest first.
    """
    pause_s = settings.break_min * 60
    began = last = float("-inf")
    for at in times:
        if at - last >= pause_s:
            began = at
        last = at
    is_long = now - began >= settings.break_after_min * 60
    return last + pause_s if is_long and now - last < pause_s else 0.0


def read_exposure(
    read: Read, person: str, *, settings: ReviewSettings, now: float
) -> PicturesShown:
    """Return which pictures a person was shown.

    read: Store.read(), or the same within a transaction.
    """
    key, day = person_key(person), now - now % DAY_S
    ((allowances, latest),) = read(
        "SELECT count(*), max(at) FROM review_allowances WHERE person = ? AND at >= ?", (key, day)
    )
    times = [
        at for (at,) in read("SELECT at FROM review_pictures WHERE person = ? ORDER BY at", (key,))
    ]
    shown = sum(at >= day for at in times)
    counted = sum(at >= (latest or day) for at in times)
    left = max(0, settings.pictures_per_day - counted)
    ends = break_until(times, settings=settings, now=now)
    return PicturesShown(shown, left, ends, int(allowances))


def ask_for_picture(
    store: Store, ref: str, *, session: ReviewSession, settings: ReviewSettings, now: float
) -> str:
    """Count a picture, and return the id under which it is shown; "" if no more may be shown."""
    with store.write() as tx:
        tx.execute("DELETE FROM review_pictures WHERE at < ?", (now - 2 * DAY_S,))
        tx.execute(
            "UPDATE review_pictures SET ref = '' WHERE at < ? AND ref != ''", (now - SHOWN_FOR_S,)
        )

        def read(sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
            return tx.execute(sql, values).fetchall()

        if not read_exposure(read, session.person, settings=settings, now=now).may_look:
            return ""
        name = secrets.token_hex(16)
        tx.execute(
            "INSERT INTO review_pictures VALUES (?, ?, ?, ?, ?)",
            (name, person_key(session.person), session.key, ref, now),
        )
    return name


def count_frames(
    store: Store,
    name: str,
    number: int,
    *,
    session: ReviewSession,
    settings: ReviewSettings,
    now: float,
) -> PicturesShown | None:
    """Count the other frames of a film, of which one was counted; None if that was done.

    returns: the pictures that the person was shown, if not so many more may be. Nothing is counted
             then.
    """
    with store.write() as tx:

        def read(sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
            return tx.execute(sql, values).fetchall()

        shown = read_exposure(read, session.person, settings=settings, now=now)
        if shown.left < number:
            return shown
        tx.executemany(
            "INSERT INTO review_pictures VALUES (?, ?, ?, '', ?)",
            [
                (f"{name}-{frame}", person_key(session.person), session.key, now)
                for frame in range(number)
            ],
        )
    return None


def picture_ref(store: Store, name: str, *, session: ReviewSession, now: float) -> str:
    """Return the content of a picture that this session asked for lately; "" if it did not."""
    rows = store.read(
        "SELECT ref FROM review_pictures WHERE id = ? AND session = ? AND at > ?",
        (name, session.key, now - SHOWN_FOR_S),
    )
    return str(rows[0][0]) if rows else ""


def take_picture_back(store: Store, name: str) -> None:
    """Do not count a picture that could not be shown."""
    with store.write() as tx:
        tx.execute("DELETE FROM review_pictures WHERE id = ?", (name,))
