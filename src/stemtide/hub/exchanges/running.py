# SPDX-License-Identifier: Apache-2.0
"""Runs exchanges that are due: outside every transaction, a few at a time.

1 A run asks for a page, writes it with its checkpoint, and asks for the next.
2 It ends when there is no more, or with its time, bytes or pages; then it goes on soon, from there.
3 What goes wrong is noted in words, and the source is asked again later and later.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from stemtide.hub.exchanges import (
    reads,
    reads_pushing,
    seals,
    writes,
    writes_pulling,
    writes_pushing,
)
from stemtide.hub.exchanges.reads import Errand
from stemtide.hub.exchanges.rules import TooManyNewError
from stemtide.hub.exchanges.seals import LostSecretError
from stemtide.hub.exchanges.sources import misp, stopncii, stopncii_push, taxii, taxii_push
from stemtide.hub.exchanges.sources.port import (
    AllRefusedError,
    Asking,
    Place,
    Puller,
    Pusher,
    SourceError,
)
from stemtide.hub.outside.crew import Crew
from stemtide.hub.parties.rules import RefusalError
from stemtide.protocol.words import ExchangeKind

log = logging.getLogger(__name__)

THREADS = 2
"""Exchanges that are run at once."""

RUN_S = 120.0
MAX_PAGES = 100
"""How long one run begins with something new, and how many pages it asks for; then others get
their turn. Where there is pulling and pushing, each has half of the time.
"""

CLOCK = "clock"

PULLERS: Mapping[ExchangeKind, Puller] = {
    ExchangeKind.TAXII: taxii.pull,
    ExchangeKind.STOPNCII: stopncii.pull,
    ExchangeKind.MISP_FEED: misp.pull,
}

PUSHERS: Mapping[ExchangeKind, Pusher] = {
    ExchangeKind.TAXII: taxii_push.push,
    ExchangeKind.STOPNCII: stopncii_push.push,
}

PARCELS = 100
"""Signals that are told at once."""


@dataclass(frozen=True, slots=True)
class Way:
    """How this hub reaches others. loopback: whether this machine too."""

    loopback: bool = False


def way_of_settings() -> Way:
    """How this hub reaches others, as its settings say."""
    return Way(loopback=settings.EXCHANGE_LOOPBACK)


class Running:
    """Runs what is due, a few at a time; who calls it never waits for another hub.

    now, chance: the clock and the dice, of the door that made it.
    """

    def __init__(
        self,
        *,
        way: Way,
        now: Callable[[], datetime],
        chance: Callable[[], float],
        threads: int = THREADS,
    ) -> None:
        self._way = way
        self._now = now
        self._chance = chance
        self._crew: Crew[Errand] = Crew(self.run, threads=threads, name="exchanges")

    def start_due(self, now: datetime) -> int:
        """Begin as many due runs as there are free threads; returns how many."""
        free = self._crew.free
        if free <= 0:
            return 0
        errands = writes.claim_due(now, limit=free)
        self._crew.start(errands)
        return len(errands)

    def settle(self) -> None:
        """Wait for what is under way: tests and the end of the process."""
        self._crew.settle()

    def close(self) -> None:
        """End, after what is under way; what was not run stays due."""
        self._crew.close()

    def run(self, errand: Errand) -> dict[str, int]:
        """Run one exchange, and note how it went; what became of records, by their fate."""
        counts: Counter[str] = Counter()
        try:
            more = self._run(errand, counts=counts)
        except (SourceError, RefusalError, LostSecretError) as error:
            asked_s = getattr(error, "retry_after_s", None)
            answers = isinstance(error, TooManyNewError | AllRefusedError)
            self._trouble(errand, str(error), asked_s=asked_s, answers=answers)
            return dict(+counts)
        except Exception:
            log.exception("exchange %s failed; it is tried again", errand.name)
            self._trouble(errand, "the hub itself failed; its operator finds why in its log")
            return dict(+counts)
        writes.note_done(errand, more=more, chance=self._chance(), now=self._now())
        return dict(+counts)

    def _run(self, errand: Errand, *, counts: Counter[str]) -> bool:
        """Pull page by page; whether there is more. raises: SourceError, RefusalError."""
        place = Place(
            address=errand.address,
            push_address=errand.push_address,
            account=errand.account,
            secret=seals.unseal(errand.secret),
            hub=reads.own_hub(by=CLOCK),
            loopback=self._way.loopback,
        )
        part_s = RUN_S / 2 if errand.pulls and errand.pushes else RUN_S

        def asking() -> Asking:
            return Asking(place, until=time.monotonic() + part_s, now=self._now())

        more, full = False, None
        try:
            more = errand.pulls and self._pull(errand, asking=asking(), counts=counts)
        except TooManyNewError as error:
            full = error  # says nothing against pushing
        if errand.pushes:
            more = self._push(errand, asking=asking(), counts=counts) or more
        if full is not None:
            raise full
        return more

    def _pull(self, errand: Errand, *, asking: Asking, counts: Counter[str]) -> bool:
        """Pull page by page; whether there is more. raises: SourceError, RefusalError."""
        checkpoint = dict(errand.checkpoint)

        def known(keys: Iterable[str]) -> Mapping[str, str]:
            return reads.versions(errand, keys, by=CLOCK)

        more, full = True, None
        for _ in range(MAX_PAGES):
            page = PULLERS[errand.kind](checkpoint, asking=asking, known=known)
            took: Mapping[str, int] | None
            try:
                took = writes_pulling.take(errand, page, now=self._now(), is_full=full is not None)
            except TooManyNewError as error:
                # What is taken back on the pages behind it must not wait for the day to end.
                full, took = error, error.counts
            if took is None:  # paused, removed, or run by another clock meanwhile
                return False
            counts.update(took)
            more = page.more
            if not more or asking.is_over:
                break
            checkpoint = page.checkpoint
        if full is not None:
            raise full
        return more

    def _push(self, errand: Errand, *, asking: Asking, counts: Counter[str]) -> bool:
        """Push parcel by parcel; whether there is more. raises: SourceError."""
        for _ in range(MAX_PAGES):
            if not writes_pushing.note_waiting(errand, now=self._now()):
                break
        for _ in range(MAX_PAGES):
            row = reads.held(errand, by=CLOCK)
            if row is None:
                return False
            parcels = reads_pushing.parcels(
                errand, viewer=row.party, now=self._now(), limit=PARCELS
            )
            if not parcels:
                return False
            if not writes_pushing.note_begun(errand, [parcel.pk for parcel in parcels]):
                return False
            try:
                said, remotes = PUSHERS[errand.kind](parcels, asking=asking)
            except AllRefusedError as error:
                self._note_all_refused(errand, error, counts=counts)
                raise
            if not self._note_sent(errand, said, remotes=remotes, counts=counts):
                return False
            if asking.is_over:
                break
        return True

    def _note_all_refused(
        self, errand: Errand, error: AllRefusedError, *, counts: Counter[str]
    ) -> None:
        """Note what is refused, and beside that what is known of withdrawals."""
        writes_pushing.note_all_refused(errand, error.parcels, now=self._now())
        if error.said:
            self._note_sent(errand, error.said, remotes={}, counts=counts)

    def _note_sent(
        self,
        errand: Errand,
        said: Mapping[int, str],
        *,
        remotes: Mapping[int, str],
        counts: Counter[str],
    ) -> bool:
        """Note and count what was said of parcels; False: the run is not ours any more."""
        noted = writes_pushing.note_sent(errand, said, remotes=remotes, now=self._now())
        if noted is None:
            return False
        counts.update({"pushed": noted[0], "push_refused": noted[1]})
        return True

    def _trouble(
        self, errand: Errand, words: str, *, asked_s: float | None = None, answers: bool = False
    ) -> None:
        """Note what went wrong."""
        writes.note_trouble(
            errand,
            words=words,
            chance=self._chance(),
            now=self._now(),
            asked_s=asked_s,
            answers=answers,
        )
