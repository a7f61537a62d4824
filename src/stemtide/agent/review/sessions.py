# SPDX-License-Identifier: Apache-2.0
"""Sessions of the review page, which begin with a link that works once or at an OpenID provider.

1 Those who can write the agent's folder can make a link; the file has only a digest of its token.
2 The link is used once, within LINK_TERM, by a person who types a name. Where people sign in at an
  OpenID provider, such a name is marked: nobody proved it.
3 A session is a cookie and a secret folder of the address. Browsers send a cookie to every port of
  a host, so that another program on this machine could receive it; but this cookie is sent only to
  addresses in that folder, which no other program knows.
4 A session ends when it is idle, at its term, or by hand. source: OWASP Session Management Cheat
  Sheet (2024).
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from stemtide.agent.config.review import ReviewSettings, SignInBy
from stemtide.agent.store import schema
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.schema import StoreError

LINK_TERM = timedelta(minutes=15)
MAX_NAME = 60
BY_LINK = " (by link)"
"""Follows a name that was typed, where the names of others were proved."""

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
    if settings.sign_in is not SignInBy.LINK:
        person += BY_LINK
    with store.write() as tx:
        reason = _use_link(tx, digest(token), now=now)
        if reason is None:
            return None
        _allow_more(tx, person, reason, now=now)
        return _begin(tx, person, settings=settings, now=now)


def sign_in_proved(
    store: Store, *, subject: str, name: str, link: str, settings: ReviewSettings, now: float
) -> ReviewSignIn:
    """Begin a session of a person that an OpenID provider identified.

    subject: who it is, for ever. name: for colleagues. link: digest of a link that the person
    opened before, for its new allowance of pictures; "" for none.
    """
    with store.write() as tx:
        person = _name_of(tx, subject, name, now=now)
        reason = _use_link(tx, link, now=now) if link else None
        _allow_more(tx, person, reason, now=now)
        return _begin(tx, person, settings=settings, now=now)


def _use_link(tx: Transaction, token: str, *, now: float) -> str | None:
    """Use a link up, by its digest; return its reason, or None if it does not work."""
    rows = tx.execute(
        "DELETE FROM review_links WHERE token = ? AND ends_at > ? RETURNING reason", (token, now)
    ).fetchall()
    return str(rows[0][0]) if rows else None


def _allow_more(tx: Transaction, person: str, reason: str | None, *, now: float) -> None:
    """Give a person a new allowance of pictures, if there is a reason."""
    if reason:
        tx.execute(
            "INSERT OR REPLACE INTO review_allowances VALUES (?, ?, ?)",
            (person_key(person), now, reason),
        )


def _name_of(tx: Transaction, subject: str, name: str, *, now: float) -> str:
    """Return the name of a person, which is theirs alone and stays the same."""
    rows = tx.execute(
        "UPDATE review_people SET seen_at = ? WHERE subject = ? RETURNING name", (now, subject)
    ).fetchall()
    if rows:
        return str(rows[0][0])
    number, mine = 1, name
    while (
        mine.endswith(BY_LINK)
        or tx.execute("SELECT 1 FROM review_people WHERE key = ?", (person_key(mine),)).fetchone()
    ):
        number += 1
        mine = f"{name} ({number})"
    tx.execute(
        "INSERT INTO review_people VALUES (?, ?, ?, ?)", (subject, mine, person_key(mine), now)
    )
    return mine


def _begin(tx: Transaction, person: str, *, settings: ReviewSettings, now: float) -> ReviewSignIn:
    """Begin a session."""
    _remove_ended(tx, settings, now=now)
    cookie, path = secrets.token_urlsafe(_TOKEN_BYTES), secrets.token_hex(12)
    form_token = secrets.token_urlsafe(_TOKEN_BYTES)
    tx.execute(
        f"INSERT INTO review_sessions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 1)",  # noqa: S608 - our own names
        (digest(cookie), path, form_token, person, now, now),
    )
    session = ReviewSession(digest(cookie), path, form_token, person, now, now, letters=True)
    return ReviewSignIn(session, cookie)


def end_sessions_of_others(store: Store, *, issuer: str, people: Collection[str]) -> int:
    """End the sessions of people who may not review any more; return how many.

    people: those who may, as the provider names them.
    """
    sql = (
        "SELECT s.token, p.subject FROM review_sessions AS s JOIN review_people AS p"
        " ON p.name = s.person"
    )
    may = {subject_of(issuer, person) for person in people}
    ended = [token for token, subject in store.read(sql) if subject not in may]
    if ended:
        with store.write() as tx:
            for token in ended:
                tx.execute("DELETE FROM review_sessions WHERE token = ?", (token,))
                tx.execute("DELETE FROM review_locks WHERE session = ?", (token,))
    return len(ended)


def subject_of(issuer: str, person: str) -> str:
    """Return who a person is, in all the world: the issuer, and its own name of the person."""
    return f"{issuer} {person}"


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
