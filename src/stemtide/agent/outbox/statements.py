# SPDX-License-Identifier: Apache-2.0
"""Build statements of reasons for blocks, and post them automatically if configured.

A statement has no id of content, no signal and no name: only the measure, its legal ground,
how the content was detected, and two dates.

source: Regulation (EU) 2022/2065 Art. 17(3) and 24(5). Not for removal orders: Art. 17(5).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from stemtide.agent.config.transparency import Transparency, common_fields
from stemtide.agent.outbox.engine import Outbox, QueueCounts
from stemtide.agent.outbox.restrictions import SENDING, BlockedContent, Restrictions
from stemtide.agent.outbox.transparency import (
    FIRST_WAIT_S,
    DatabaseError,
    StatementPoster,
    TransparencyDatabase,
)
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.law.dsa.answers import Remark
from stemtide.protocol.law.dsa.statements import lint

_POLL_S = 60.0
_BATCH = 1000

_TYPES = {
    Kind.PDQ: ("CONTENT_TYPE_IMAGE", "a picture"),
    Kind.VIDEO: ("CONTENT_TYPE_VIDEO", "a film"),
    Kind.GOP: ("CONTENT_TYPE_VIDEO", "a film"),
    Kind.AUDIO: ("CONTENT_TYPE_AUDIO", "a sound"),
    Kind.TEXT: ("CONTENT_TYPE_TEXT", "a text"),
}
_FILE, _ADDRESS = "a file, byte for byte", "a web address"
_OTHER = "CONTENT_TYPE_OTHER"
_FACTS = (
    "When it was posted, the content was compared by automated means with fingerprints of terrorist"
    " content that authorities and providers share under the EU Crisis Protocol. It matched as"
    " {what}. There was no notice under Article 16."
)

_BY_PERSON = " A person then decided."


def statement(restriction: BlockedContent, settings: Transparency) -> dict[str, Any]:
    """Build the statement of reasons about one block, in the database's format.

    The agent sees content when it is posted: that day is the content's date, and the decision's
    unless a person decided later. source: Regulation (EU) 2022/2065 Art. 17(3)(c).
    """
    kinds = [Kind(kind) for kind in restriction.kinds]
    media = [_TYPES[kind] for kind in kinds if kind in _TYPES]
    phrases = sorted({phrase for _, phrase in media}) or [
        _ADDRESS if kinds == [Kind.URL] else _FILE,
    ]
    types = sorted({name for name, _ in media}) or [settings.content_type]
    day, is_by_person = _day(restriction.began_at), restriction.content_at is not None
    facts = _FACTS.format(what=" and as ".join(phrases)) + (_BY_PERSON if is_by_person else "")
    fields = {
        "puid": restriction.puid,
        **common_fields(settings),
        "content_type": types,
        "content_date": _day(restriction.content_at or restriction.began_at),
        "application_date": day,
        "decision_facts": settings.facts or facts,
    }
    if is_by_person:
        fields["automated_decision"] = "AUTOMATED_DECISION_PARTIALLY"
    if types == [_OTHER]:
        fields["content_type_other"] = phrases[0]
    if restriction.ended_at is not None:
        fields["end_date_visibility_restriction"] = _day(restriction.ended_at)
    return fields


def _day(at: float) -> str:
    """Return the date of a Unix time, in UTC."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


class Statements(Outbox):
    """Outbox of statements. They become due by themselves, some time after the block."""

    title = "statements of reasons wait"
    failures = (DatabaseError,)
    first_wait_s = FIRST_WAIT_S
    longest_wait_s = _POLL_S
    counts_sql = """
SELECT count(*) FILTER (WHERE state IN ('owed', 'sending')),
    count(*) FILTER (WHERE state = 'refused'),
    coalesce(max(why) FILTER (WHERE state = 'refused'), '')
  FROM restrictions"""
    retry_sql = ("UPDATE restrictions SET state = 'owed', why = '' WHERE state = 'refused'",)

    def __init__(
        self,
        *,
        settings: Transparency | None,
        store: Store,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(store)
        self._posting = settings if settings and settings.is_posting else None
        self._rows = Restrictions(store)
        self._clock = clock

    def counts(self) -> QueueCounts:
        """Count waiting and rejected statements; zero if nothing is posted."""
        return super().counts() if self._posting else QueueCounts(0, 0)

    async def _rest_s(self) -> float:
        longest = await super()._rest_s()
        return min(_POLL_S, max(0.5, self._posting.wait_s)) if self._posting else longest

    async def _send_batch(self) -> bool:
        """Post statements that are due. raises: DatabaseError."""
        settings = self._posting
        due = await asyncio.to_thread(self._due, settings) if settings else []
        if settings is None or not due:
            return False
        unsure = {restriction.puid for restriction in due if restriction.state == SENDING}
        sound = await asyncio.to_thread(self._valid_statements, due, settings)
        async with TransparencyDatabase(settings.address, token=settings.token) as database:
            # One attempt, so that errors surface immediately.
            await StatementPoster(database, self._rows, unsure=unsure, tries=1).post(sound)
        return True

    def _valid_statements(
        self, due: Sequence[BlockedContent], settings: Transparency
    ) -> list[dict[str, Any]]:
        """Return the statements that pass the lint; set the others aside."""
        drafts = [statement(restriction, settings) for restriction in due]
        bad = {
            draft["puid"]: [Remark(problem.name, problem.message) for problem in problems]
            for draft in drafts
            if (problems := lint(draft))
        }
        self._rows.refuse(bad)
        return [draft for draft in drafts if draft["puid"] not in bad]

    def _due(self, settings: Transparency) -> list[BlockedContent]:
        return self._rows.due(before=self._clock() - settings.wait_s, limit=_BATCH)
