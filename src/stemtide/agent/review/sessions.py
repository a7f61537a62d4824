# SPDX-License-Identifier: Apache-2.0
"""Sign-in to the review page by a link that works once, and the sessions that follow.

1 Those who can write the agent's folder can make a link; the file has only a digest of its token.
2 The link is used once, within LINK_TERM, by a person who types a name.
3 A session is a cookie and a secret folder of the address. Browsers send a cookie to every port of
  a host, so that another program on this machine could receive it; but this cookie is sent only to
  addresses in that folder, which no other program knows.
4 A session ends when it is idle, at its term, or by hand. source: OWASP Session Management Cheat
  Sheet (2024).
"""

import hashlib
import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.store import schema
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.schema import StoreError

LINK_TERM = timedelta(minutes=15)
MAX_NAME = 60

_NOTED_S = 15.0
"""A request is noted at most so often, so that polling does not write all the time."""

_TOKEN_BYTES = 32
_COLUMNS = "token, path, form_token, person, began_at, active_at, letters"


@dataclass(frozen=True, slots=True)
class ReviewSession:
    """A session of a person. Times are Unix time.

    key:        digest of the cookie. path: the secret folder of the address.
    form_token: every form of the session carries it (CSRF).
    letters:    whether single letters act; 0 or 1 as read from the file.
    """

    key: str
    path: str
    form_token: str
    person: str
    began_at: float
    active_at: float
    letters: bool


@dataclass(frozen=True, slots=True)
class ReviewSignIn:
    """A new session, with the value of its cookie, which is stored nowhere."""

    session: ReviewSession
    cookie: str


def make_link(data_dir: Path, *, now: float, reason: str = "") -> str:
    """Return the token of a new link. The agent may be running. raises: StoreError.

    reason: why the person who signs in with it gets a new allowance of pictures; "" for none.
    """
    path = data_dir / "agent.db"
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    if not path.exists():
        raise StoreError(f"{path} is not there: start the agent first")
    try:
        with closing(schema.open_file(path, cache_kb=100)) as connection:
            connection.execute(
                "INSERT INTO review_links VALUES (?, ?, ?)",
                (digest(token), now + LINK_TERM.total_seconds(), reason),
            )
    except sqlite3.Error as error:
        raise StoreError(
            f"{path} cannot be written ({error}): run this as the agent's user, after an agent of"
            " this version started with it once"
        ) from error
    return token


def digest(token: str) -> str:
    """Return the digest of a token, which is stored in its place."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_link(store: Store, token: str, *, now: float) -> bool:
    """Whether a link can still be used."""
    sql = "SELECT 1 FROM review_links WHERE token = ? AND ends_at > ?"
    return bool(store.read(sql, (digest(token), now)))


def clean_name(text: str) -> str:
    """Return a name as it is stored; "" if it is none: empty, too long, or not printable."""
    name = " ".join(text.split())
    return name if name.isprintable() and len(name) <= MAX_NAME else ""


def person_key(name: str) -> str:
    """Return the same key for all spellings of a name, for the allowance of pictures."""
    return name.casefold()


def sign_in(
    store: Store, token: str, *, person: str, settings: ReviewSettings, now: float
) -> ReviewSignIn | None:
    """Use a link up and begin a session; None if the link does not work."""
    cookie, path = secrets.token_urlsafe(_TOKEN_BYTES), secrets.token_hex(12)
    with store.write() as tx:
        rows = tx.execute(
            "DELETE FROM review_links WHERE token = ? AND ends_at > ? RETURNING reason",
            (digest(token), now),
        ).fetchall()
        if not rows:
            return None
        _remove_ended(tx, settings, now=now)
        form_token = secrets.token_urlsafe(_TOKEN_BYTES)
        tx.execute(
            f"INSERT INTO review_sessions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 1)",  # noqa: S608 - our own names
            (digest(cookie), path, form_token, person, now, now),
        )
        if reason := rows[0][0]:
            tx.execute(
                "INSERT OR REPLACE INTO review_allowances VALUES (?, ?, ?)",
                (person_key(person), now, reason),
            )
    session = ReviewSession(digest(cookie), path, form_token, person, now, now, letters=True)
    return ReviewSignIn(session, cookie)


def find_session(
    store: Store, *, path: str, cookie: str, settings: ReviewSettings, now: float, is_active: bool
) -> ReviewSession | None:
    """Return the session of a request; None if there is none or it ended.

    is_active: a person is there, so that the time is noted.
    """
    sql = f"SELECT {_COLUMNS} FROM review_sessions WHERE token = ? AND path = ?"  # noqa: S608 - our own names
    rows = store.read(sql, (digest(cookie), path))
    if not rows:
        return None
    session = ReviewSession(*rows[0])
    if _has_ended(session, settings, now=now):
        end_session(store, session)
        return None
    if is_active and now - session.active_at > _NOTED_S:
        with store.write() as tx:
            tx.execute(
                "UPDATE review_sessions SET active_at = ? WHERE token = ?", (now, session.key)
            )
    return session


def _has_ended(session: ReviewSession, settings: ReviewSettings, *, now: float) -> bool:
    is_idle = now - session.active_at > settings.idle_min * 60 + _NOTED_S
    return is_idle or now - session.began_at > settings.session_hours * 3600


def end_session(store: Store, session: ReviewSession) -> None:
    """End a session, and free the content that it had open."""
    with store.write() as tx:
        tx.execute("DELETE FROM review_sessions WHERE token = ?", (session.key,))
        tx.execute("DELETE FROM review_locks WHERE session = ?", (session.key,))


def _remove_ended(tx: Transaction, settings: ReviewSettings, *, now: float) -> None:
    tx.execute("DELETE FROM review_links WHERE ends_at <= ?", (now,))
    tx.execute(
        "DELETE FROM review_sessions WHERE began_at < ? OR active_at < ?",
        (now - settings.session_hours * 3600, now - settings.idle_min * 60 - _NOTED_S),
    )
    tx.execute("DELETE FROM review_locks WHERE until <= ?", (now,))


def set_notice(store: Store, session: ReviewSession, text: str) -> None:
    """Keep a sentence for the next page of a session."""
    with store.write() as tx:
        tx.execute("UPDATE review_sessions SET notice = ? WHERE token = ?", (text, session.key))


def take_notice(store: Store, session: ReviewSession) -> str:
    """Return the sentence for this page, once."""
    sql = "SELECT notice FROM review_sessions WHERE token = ? AND notice != ''"
    rows = store.read(sql, (session.key,))
    if rows:
        set_notice(store, session, "")
    return str(rows[0][0]) if rows else ""


def set_letters(store: Store, session: ReviewSession, *, letters: bool) -> None:
    """Switch the keys of one letter on or off for a session (WCAG 2.2, 2.1.4)."""
    with store.write() as tx:
        tx.execute(
            "UPDATE review_sessions SET letters = ? WHERE token = ?", (int(letters), session.key)
        )
