# SPDX-License-Identifier: Apache-2.0
"""Statements of reasons made from what was blocked, and posted by themselves where that is set up.

A statement holds no id of content, no signal and nobody's name: what was done, on which ground,
how it was found, and two dates.

source: Regulation (EU) 2022/2065 Art. 17(3) and 24(5). Not for removal orders: Art. 17(5).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from stemtide.agent.backoff import Backoff
from stemtide.agent.posting import (
    FIRST_WAIT_S,
    Database,
    DatabaseAwayError,
    DatabaseError,
    Posting,
)
from stemtide.agent.restrictions import SENDING, Counts, Restriction, Restrictions
from stemtide.agent.store import Store
from stemtide.agent.transparency import Transparency, common_fields
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.dsa import lint
from stemtide.protocol.dsa_answers import Remark

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 60.0
_AT_ONCE = 1000

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


def statement(one: Restriction, settings: Transparency) -> dict[str, Any]:
    """The statement of reasons of one block, as the database takes it.

    The agent sees content when it is posted: that day is the content's date and the decision's.
    """
    kinds = [Kind(kind) for kind in one.kinds]
    known = [_TYPES[kind] for kind in kinds if kind in _TYPES]
    words = sorted({what for _, what in known}) or [
        _ADDRESS if kinds == [Kind.URL] else _FILE,
    ]
    types = sorted({name for name, _ in known}) or [settings.content_type]
    day = _day(one.began_at)
    found = {
        "puid": one.puid,
        **common_fields(settings),
        "content_type": types,
        "content_date": day,
        "application_date": day,
        "decision_facts": settings.facts or _FACTS.format(what=" and as ".join(words)),
    }
    if types == [_OTHER]:
        found["content_type_other"] = words[0]
    if one.ended_at is not None:
        found["end_date_visibility_restriction"] = _day(one.ended_at)
    return found


def _day(at: float) -> str:
    """The day of a moment, in UTC."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


class Statements:
    """Posts what is owed, for as long as run() runs.

    trouble: what is in the way; "" for nothing.
    """

    def __init__(
        self,
        *,
        settings: Transparency | None,
        store: Store,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.trouble = ""
        self._settings = settings
        self._rows = Restrictions(store)
        self._clock = clock

    def counts(self) -> Counts:
        """Statements that wait and that were refused; nought where nothing is posted."""
        if self._settings is None or not self._settings.is_posting:
            return Counts(0, 0)
        return self._rows.counts()

    def retry(self) -> int:
        """Let what the database refused be posted again; how many they are."""
        return self._rows.retry()

    async def run(self) -> None:
        """Post until cancelled; without an address, wait for ever."""
        settings = self._settings
        if settings is None or not settings.is_posting:
            await asyncio.Event().wait()
            return
        backoff = Backoff(first_s=FIRST_WAIT_S, cap_s=_LOOK_EVERY_S)
        while True:
            wait = min(_LOOK_EVERY_S, max(0.5, settings.wait_s))
            try:
                await self._post_due(settings)
                self.trouble = ""
                backoff.reset()
            except DatabaseError as error:
                if str(error) != self.trouble:
                    logger.warning("statements of reasons wait: %s", error)
                self.trouble = str(error)
                if isinstance(error, DatabaseAwayError):
                    wait = error.wait_s or backoff.next_s()
            await asyncio.sleep(wait)

    async def _post_due(self, settings: Transparency) -> None:
        """Post everything that is due. raises: DatabaseError."""
        if not await asyncio.to_thread(self._due, settings):
            return
        async with Database(settings.address, token=settings.token) as database:
            while due := await asyncio.to_thread(self._due, settings):
                unsure = {one.puid for one in due if one.state == SENDING}
                sound = await asyncio.to_thread(self._sound, due, settings)
                # A try is a round: so trouble is told at once, however long the next one waits.
                await Posting(database, self._rows, unsure=unsure, tries=1).post(sound)

    def _sound(self, due: Sequence[Restriction], settings: Transparency) -> list[dict[str, Any]]:
        """The statements that can be sent; the others are set aside."""
        made = [statement(one, settings) for one in due]
        bad = {
            one["puid"]: [Remark(problem.name, problem.message) for problem in problems]
            for one in made
            if (problems := lint(one))
        }
        self._rows.refuse(bad)
        return [one for one in made if one["puid"] not in bad]

    def _due(self, settings: Transparency) -> list[Restriction]:
        return self._rows.due(before=self._clock() - settings.wait_s, limit=_AT_ONCE)
