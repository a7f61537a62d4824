# SPDX-License-Identifier: Apache-2.0
"""Tables of the review page: decisions of people, who has which content open, sessions, pictures.

Of a person they hold the name, typed at sign-in or given by an OpenID provider, with the
provider's id, their decisions, and when they were shown a picture. Tokens of links, sign-ins and
sessions are stored as digests.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

TABLES = {
    # How content that is held was matched, as in the event about it. For the page only.
    "review_events": """CREATE TABLE review_events (
      ref TEXT PRIMARY KEY, at REAL NOT NULL, body TEXT NOT NULL
    ) WITHOUT ROWID""",
    "review_decisions": """CREATE TABLE review_decisions (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, batch TEXT NOT NULL, ref TEXT NOT NULL,
      at REAL NOT NULL, person TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
      signal TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, undone_at REAL,
      disputed INTEGER NOT NULL
    )""",
    "review_locks": """CREATE TABLE review_locks (
      ref TEXT PRIMARY KEY, session TEXT NOT NULL, person TEXT NOT NULL, until REAL NOT NULL
    ) WITHOUT ROWID""",
    "review_links": """CREATE TABLE review_links (
      token TEXT PRIMARY KEY, ends_at REAL NOT NULL, reason TEXT NOT NULL
    ) WITHOUT ROWID""",
    "review_sessions": """CREATE TABLE review_sessions (
      token TEXT PRIMARY KEY, path TEXT NOT NULL UNIQUE, form_token TEXT NOT NULL,
      person TEXT NOT NULL, began_at REAL NOT NULL, active_at REAL NOT NULL,
      notice TEXT NOT NULL DEFAULT '', letters INTEGER NOT NULL DEFAULT 1
    ) WITHOUT ROWID""",
    # People who signed in at an OpenID provider. name: theirs alone, also if two have the same.
    "review_people": """CREATE TABLE review_people (
      subject TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL UNIQUE, seen_at REAL NOT NULL
    ) WITHOUT ROWID""",
    # Sign-ins that were begun there. link: digest of a link that the person opened before, or "".
    "review_sign_ins": """CREATE TABLE review_sign_ins (
      state TEXT PRIMARY KEY, browser TEXT NOT NULL, client TEXT NOT NULL, nonce TEXT NOT NULL,
      verifier TEXT NOT NULL, address TEXT NOT NULL, link TEXT NOT NULL, ends_at REAL NOT NULL
    ) WITHOUT ROWID""",
    "review_pictures": """CREATE TABLE review_pictures (
      id TEXT PRIMARY KEY, person TEXT NOT NULL, session TEXT NOT NULL, ref TEXT NOT NULL,
      at REAL NOT NULL
    ) WITHOUT ROWID""",
    "review_allowances": """CREATE TABLE review_allowances (
      person TEXT NOT NULL, at REAL NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (person, at)
    ) WITHOUT ROWID""",
    # Blocks that a person decided, with the time at which the content was checked or uploaded.
    "review_blocks": """CREATE TABLE review_blocks (
      puid TEXT PRIMARY KEY, content_at REAL NOT NULL
    ) WITHOUT ROWID""",
    # decision: the number of the first one. verdict: block or pass; "" until it is given.
    "review_blind_checks": """CREATE TABLE review_blind_checks (
      decision INTEGER PRIMARY KEY, person TEXT NOT NULL DEFAULT '', at REAL,
      verdict TEXT NOT NULL DEFAULT '', agrees INTEGER
    )""",
    # Questions to sharers. sent_at: when the hub had it. checked_at: when an answer was looked for.
    "review_questions": """CREATE TABLE review_questions (
      signal TEXT PRIMARY KEY, text TEXT NOT NULL, person TEXT NOT NULL, at REAL NOT NULL,
      sent_at REAL, refused TEXT NOT NULL DEFAULT '', answer TEXT NOT NULL DEFAULT '',
      answered_at REAL, checked_at REAL NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    # Copies of held files. name: of the file. at: when it was written first.
    "kept_files": """CREATE TABLE kept_files (
      name TEXT PRIMARY KEY, ref TEXT NOT NULL, at REAL NOT NULL, size_bytes INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "review_disputes": """CREATE TABLE review_disputes (
      signal TEXT PRIMARY KEY, opinion TEXT NOT NULL, note TEXT NOT NULL, at REAL NOT NULL,
      sent INTEGER NOT NULL DEFAULT 0, refused TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID""",
}

INDEXES = (
    "CREATE INDEX review_decisions_by_ref ON review_decisions (ref)",
    "CREATE INDEX review_decisions_by_person ON review_decisions (person, seq)",
    "CREATE INDEX review_pictures_by_person ON review_pictures (person, at)",
    "CREATE INDEX acted_to_review ON acted (ref) WHERE action = 'hold'",
)

IS_WAITING = (
    "action = 'hold' AND NOT EXISTS (SELECT 1 FROM acted AS blocked"
    " WHERE blocked.ref = acted.ref AND blocked.action = 'block')"
)
"""SQL: whether a row of acted is a reason to hold content that is held, and not blocked."""

COUNT_WAITING = f"SELECT count(DISTINCT ref) FROM acted WHERE {IS_WAITING}"  # noqa: S608 - our own names
COUNT_LATE = f"{COUNT_WAITING} AND at < ?"

_NOW = "CAST(strftime('%s', 'now') AS REAL)"
_KEPT = ("matches", "uploaded_at", "catalogue", "found_by")
_MAX_REMARKS, _MAX_REMARK = 10, 500


def remember_event(
    tx: sqlite3.Connection, ref: str, facts: Mapping[str, Any], *, now: datetime
) -> None:
    """Keep how held content was matched, for the page."""
    body = msgspec.json.encode({name: facts[name] for name in _KEPT if name in facts}).decode()
    tx.execute(
        "INSERT OR REPLACE INTO review_events VALUES (?, ?, ?)", (ref, now.timestamp(), body)
    )


def remember_unread(
    tx: sqlite3.Connection, ref: str, remarks: Sequence[str], *, now: datetime
) -> None:
    """Keep why held content could not be read, for the page."""
    short = [remark[:_MAX_REMARK] for remark in remarks[:_MAX_REMARKS]]
    body = msgspec.json.encode(short).decode()
    tx.execute(
        "INSERT INTO review_events VALUES (?, ?, json_object('unread', json(?)))"
        " ON CONFLICT (ref) DO UPDATE SET body = json_set(body, '$.unread', json(?))",
        (ref, now.timestamp(), body, body),
    )


def content_time(tx: sqlite3.Connection, ref: str) -> float:
    """Return when content that was acted on was uploaded, or checked if that is not known."""
    (at,) = tx.execute("SELECT max(at) FROM acted WHERE ref = ?", (ref,)).fetchone()
    row = tx.execute(
        "SELECT json_extract(body, '$.uploaded_at') FROM review_events WHERE ref = ?", (ref,)
    ).fetchone()
    return datetime.fromisoformat(row[0]).timestamp() if row and row[0] else float(at)


def forget(tx: sqlite3.Connection, *, before: datetime) -> None:
    """Delete decisions and matches older than a time, and rows that only the last days need."""
    old = (before.timestamp(),)
    tx.execute("DELETE FROM review_events WHERE at < ?", old)
    tx.execute("DELETE FROM review_decisions WHERE at < ?", old)
    tx.execute(
        "DELETE FROM review_blind_checks WHERE decision NOT IN (SELECT seq FROM review_decisions)"
    )
    tx.execute("DELETE FROM review_allowances WHERE at < ?", old)
    tx.execute("DELETE FROM review_blocks WHERE puid NOT IN (SELECT puid FROM restrictions)")
    tx.execute(f"DELETE FROM review_pictures WHERE at < {_NOW} - 2 * 86400")  # noqa: S608 - our own
    tx.execute(f"DELETE FROM review_sessions WHERE began_at < {_NOW} - 86400")  # noqa: S608 - our own
    tx.execute(
        "DELETE FROM review_people WHERE seen_at < ? AND name NOT IN"
        " (SELECT person FROM review_sessions)",
        old,
    )
    tx.execute("DELETE FROM review_questions WHERE at < ?", old)
    tx.execute("DELETE FROM review_disputes WHERE at < ? AND sent = 1", old)
