# SPDX-License-Identifier: Apache-2.0
"""Run due exchanges, a few at a time, outside every transaction.

1 A run fetches a page, writes it with its checkpoint, and fetches the next.
2 It stops at the end, or at its limit of time, bytes or pages, and then soon continues from there.
3 Errors are recorded in words, and the source is polled again with growing delays.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.platform.jobs import HUB_FAILED, JobRunner
from stemtide.hub.rooms.exchanges import encryption
from stemtide.hub.rooms.exchanges.encryption import LostSecretError
from stemtide.hub.rooms.exchanges.reads import (
    exchanges as reads,
    groups as groups_reads,
    pushes,
)
from stemtide.hub.rooms.exchanges.reads.exchanges import ClaimedRun
from stemtide.hub.rooms.exchanges.rules.exchanges import OF_THE_PACKAGE, TooManyNewError
from stemtide.hub.rooms.exchanges.sources import (
    misp,
    misp_push,
    opencti,
    sharing_groups,
    stopncii,
    stopncii_push,
    taxii,
    taxii_push,
)
from stemtide.hub.rooms.exchanges.sources.source import (
    AllRefusedError,
    Endpoint,
    GroupsError,
    Puller,
    Pusher,
    Reactor,
    SourceClient,
    SourceError,
)
from stemtide.hub.rooms.exchanges.sources.tx import pull as tx_pull, push as tx_push
from stemtide.hub.rooms.exchanges.writes import (
    exchanges as writes,
    groups as groups_writes,
    proposals,
    pulls,
    pushes as pushes_writes,
)
from stemtide.interop.misp.groups import SharingGroup
from stemtide.protocol.enums import ExchangeKind

log = logging.getLogger(__name__)

THREADS = 2
"""Exchanges that run at the same time."""

RUN_S = 120.0
MAX_PAGES = 100
"""The time in which one run starts new requests, and its pages; then other exchanges run.
If an exchange pulls and pushes, each has half of the time.
"""


PULLERS: Mapping[ExchangeKind, Puller] = {
    ExchangeKind.TAXII: taxii.pull,
    ExchangeKind.STOPNCII: stopncii.pull,
    ExchangeKind.MISP_FEED: misp.pull,
    ExchangeKind.MISP: misp.pull_by_api,
    ExchangeKind.OPENCTI: opencti.pull,
    **{kind: tx_pull.puller_of(kind) for kind in OF_THE_PACKAGE},
}

PUSHERS: Mapping[ExchangeKind, Pusher] = {
    ExchangeKind.TAXII: taxii_push.push,
    ExchangeKind.STOPNCII: stopncii_push.push,
    ExchangeKind.MISP: misp_push.push,
    ExchangeKind.THREATEXCHANGE: tx_push.push,
}

REACTORS: Mapping[ExchangeKind, Reactor] = {ExchangeKind.THREATEXCHANGE: tx_push.react}

BATCH_SIZE = 100
"""Signals that are sent in one batch."""


@dataclass(kw_only=True, eq=False)
class ExchangeRunner(JobRunner[ClaimedRun]):
    """Runner of due exchanges.

    loopback: whether it connects to this machine as well.
    jitter: random numbers, injected by the caller.
    """

    name = "exchanges"
    threads: int = THREADS
    loopback: bool
    jitter: Callable[[], float]

    def claim_due(self, now: datetime, *, limit: int) -> list[ClaimedRun]:
        """Claim due runs, and end proposals that nobody confirmed in time."""
        proposals.expire(now=now)
        return writes.claim_due(now, limit=limit)

    def run(self, job: ClaimedRun) -> dict[str, int]:
        """Run one exchange and record the result; return the number of records by fate."""
        counts: Counter[str] = Counter()
        try:
            more = self._run(job, counts=counts)
        except (SourceError, RefusalError, LostSecretError) as error:
            retry_after_s = getattr(error, "retry_after_s", None)
            answers = isinstance(error, TooManyNewError | AllRefusedError | GroupsError)
            self._trouble(job, str(error), retry_after_s=retry_after_s, answers=answers)
            return dict(+counts)
        except Exception:
            log.exception("exchange %s failed; it is tried again", job.name)
            self._trouble(job, HUB_FAILED)
            return dict(+counts)
        writes.note_done(job, more=more, jitter=self.jitter(), now=self.now())
        return dict(+counts)

    def _run(self, run: ClaimedRun, *, counts: Counter[str]) -> bool:
        """Pull and push; return whether there is more. raises: SourceError, RefusalError."""
        endpoint = Endpoint(
            address=run.address,
            push_address=run.push_address,
            account=run.account,
            secret=encryption.decrypt_secret(run.secret),
            hub=reads.own_hub(),
            loopback=self.loopback,
            feedback=run.feedback,
            sharing_group=run.sharing_group,
            tlp_strictest=run.tlp_strictest,
            organisations=run.organisations,
        )
        part_s = RUN_S / 2 if run.pulls and run.pushes else RUN_S

        def client() -> SourceClient:
            return SourceClient(endpoint, until=time.monotonic() + part_s, now=self.now())

        more, day_is_full, trouble = False, None, None
        try:
            more = run.pulls and self._pull(run, client=client(), counts=counts)
        except TooManyNewError as error:
            day_is_full = error  # pushing goes on
        if run.pushes:
            sender = client()
            trouble = self._place_audiences(run, client=sender)
            more = self._push(run, client=sender, counts=counts) or more
            if run.kind is ExchangeKind.MISP:
                self._push_sightings(run, client=sender, counts=counts)
            more = self._react(run, client=sender) or more
        for problem in (day_is_full, trouble):
            if problem is not None:
                raise problem
        return more

    def _pull(self, run: ClaimedRun, *, client: SourceClient, counts: Counter[str]) -> bool:
        """Pull page by page; return whether there is more. raises: SourceError, RefusalError."""
        checkpoint = dict(run.checkpoint)

        def versions_of(keys: Iterable[str]) -> Mapping[str, str]:
            return reads.versions(run, keys)

        more, day_is_full = True, None
        for _ in range(MAX_PAGES):
            page = PULLERS[run.kind](checkpoint, client=client, versions_of=versions_of)
            counted: Mapping[str, int] | None
            try:
                counted = pulls.import_page(
                    run, page, now=self.now(), is_full=day_is_full is not None
                )
            except TooManyNewError as error:
                # Withdrawals on later pages must not wait for the next day.
                day_is_full, counted = error, error.counts
            if counted is None:  # paused, removed, or run by another scheduler meanwhile
                return False
            counts.update(counted)
            more = page.more
            if not more or client.is_over:
                break
            checkpoint = page.checkpoint
        if day_is_full is not None:
            raise day_is_full
        return more

    def _place_audiences(self, run: ClaimedRun, *, client: SourceClient) -> GroupsError | None:
        """Compare the sharing groups of a MISP with audiences: delete events there, queue signals.

        Signals that changed are queued on the way. Return an error that stops nothing else.
        """
        groups: Mapping[int, SharingGroup] = {}
        trouble = None
        uses_groups = run.kind is ExchangeKind.MISP and groups_reads.uses_groups(run)
        try:
            if uses_groups:
                groups = sharing_groups.read(client, address=client.endpoint.push_address)
                self._delete_events(run, groups, client=client)
        except GroupsError as error:
            trouble = error
        for _ in range(MAX_PAGES):
            if not pushes_writes.note_waiting(run, now=self.now()):
                break
        for _ in range(MAX_PAGES if groups else 0):
            if not groups_writes.place_held(run, groups, now=self.now()):
                break
        return trouble

    def _delete_events(
        self, run: ClaimedRun, groups: Mapping[int, SharingGroup], *, client: SourceClient
    ) -> None:
        """Delete events whose sharing group others may read by now. raises: GroupsError."""
        trouble = None
        for event in groups_writes.end_events(run, groups):
            try:
                misp_push.delete_event(event.uuid, client=client)
            except GroupsError as error:
                trouble = error
                continue
            groups_writes.note_deleted(run, event, now=self.now())
        if trouble is not None:
            raise trouble

    def _push(self, run: ClaimedRun, *, client: SourceClient, counts: Counter[str]) -> bool:
        """Push batch by batch; return whether there is more. raises: SourceError."""
        for _ in range(MAX_PAGES):
            row = reads.claimed_exchange(run)
            if row is None:
                return False
            outgoing_signals = pushes.outgoing_signals(
                run, viewer=row.party, now=self.now(), limit=BATCH_SIZE
            )
            if not outgoing_signals:
                return False
            if not pushes_writes.note_begun(
                run, [outgoing_signal.pk for outgoing_signal in outgoing_signals]
            ):
                return False
            try:
                results, remotes = PUSHERS[run.kind](outgoing_signals, client=client)
            except AllRefusedError as error:
                self._note_all_refused(run, error, counts=counts)
                raise
            if not self._note_sent(run, results, remotes=remotes, counts=counts):
                return False
            if client.is_over:
                break
        return True

    def _push_sightings(
        self, run: ClaimedRun, *, client: SourceClient, counts: Counter[str]
    ) -> None:
        """Report signals that were met again since the last run. raises: SourceError."""
        for sighting in pushes.due_sightings(run, limit=BATCH_SIZE):
            if client.is_over:
                break
            is_taken = misp_push.push_sighting(sighting.remote, client=client)
            pushes_writes.note_sighting(run, sighting.pk, total=sighting.total)
            counts["sightings"] += is_taken

    def _react(self, run: ClaimedRun, *, client: SourceClient) -> bool:
        """Send opinions on what the source brought; return whether there is more.

        raises: SourceError.
        """
        if run.kind not in REACTORS or client.is_over:
            return False
        due = pushes.reactions_due(run, limit=BATCH_SIZE)
        if not due:
            return False
        results = REACTORS[run.kind](due, client=client)
        pushes_writes.note_reactions(
            run, {pk: (due[pk][1], words) for pk, words in results.items()}, now=self.now()
        )
        return len(due) == BATCH_SIZE

    def _note_all_refused(
        self, run: ClaimedRun, error: AllRefusedError, *, counts: Counter[str]
    ) -> None:
        """Record that everything new was refused, and the results of withdrawals if known."""
        pushes_writes.note_all_refused(run, error.outgoing_signals, now=self.now())
        if error.results:
            self._note_sent(run, error.results, remotes={}, counts=counts)

    def _note_sent(
        self,
        run: ClaimedRun,
        results: Mapping[int, str],
        *,
        remotes: Mapping[int, str],
        counts: Counter[str],
    ) -> bool:
        """Record and count the results of a batch; return False if another run has taken over."""
        noted = pushes_writes.note_sent(run, results, remotes=remotes, now=self.now())
        if noted is None:
            return False
        counts.update({"pushed": noted[0], "push_refused": noted[1]})
        return True

    def _trouble(
        self,
        run: ClaimedRun,
        words: str,
        *,
        retry_after_s: float | None = None,
        answers: bool = False,
    ) -> None:
        """Record an error."""
        writes.note_trouble(
            run,
            words=words,
            jitter=self.jitter(),
            now=self.now(),
            retry_after_s=retry_after_s,
            answers=answers,
        )
