# SPDX-License-Identifier: Apache-2.0
"""Sessions whose database key is a digest of the cookie's value.

A copy of the database contains no value that a browser could send, so nobody can sign in with it.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session


def stored_key(session_key: str) -> str:
    """Return the primary key under which the session of a cookie's value is stored.

    160 bits of SHA-256: as long as Django's column. The cookie's value is random with 165 bits, so
    a plain digest cannot be reversed by guessing.
    """
    return hashlib.sha256(b"stemtide session " + session_key.encode()).hexdigest()[:40]


class SessionStore(db.SessionStore):
    """Django's database sessions, read and written under `stored_key`."""

    def exists(self, session_key: str) -> bool:
        """Whether a session with this cookie value is stored."""
        return super().exists(stored_key(session_key))

    async def aexists(self, session_key: str) -> bool:
        """Do the same as exists, asynchronously."""
        return await super().aexists(stored_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Return the row to save."""
        session = super().create_model_instance(data)
        session.session_key = stored_key(session.session_key)
        return session

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Do the same as create_model_instance, asynchronously."""
        session = await super().acreate_model_instance(data)
        session.session_key = stored_key(session.session_key)
        return session

    def delete(self, session_key: str | None = None) -> None:
        """Delete a session by its cookie value; without one, this session."""
        if session_key := session_key or self.session_key:
            super().delete(stored_key(session_key))

    async def adelete(self, session_key: str | None = None) -> None:
        """Do the same as delete, asynchronously."""
        if session_key := session_key or self.session_key:
            await super().adelete(stored_key(session_key))

    def _get_session_from_db(self) -> Session | None:
        """Return the stored row; an unknown or expired cookie value is forgotten."""
        session = Session.objects.filter(**self._unexpired()).first()
        if session is None:
            self._session_key = None
        return session

    async def _aget_session_from_db(self) -> Session | None:
        """Do the same as _get_session_from_db, asynchronously."""
        session = await Session.objects.filter(**self._unexpired()).afirst()
        if session is None:
            self._session_key = None
        return session

    def _unexpired(self) -> dict[str, object]:
        """Return the filter that finds this session's row."""
        return {
            "session_key": stored_key(self.session_key or ""),
            "expire_date__gt": datetime.now(UTC),
        }
