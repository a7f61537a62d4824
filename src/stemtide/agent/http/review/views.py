# SPDX-License-Identifier: Apache-2.0
"""Pages of a person who is signed in: the queue, an item, a blind check, one decision for many."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from stemtide.agent.config.settings import Config
from stemtide.agent.http.review.access import ROOT, SentForm
from stemtide.agent.http.review.pages import HEADERS, render
from stemtide.agent.journal.key import JournalKeyError
from stemtide.agent.recognise.passages import SharedPassages, shared_passages
from stemtide.agent.review import (
    blind_checks,
    decisions,
    exposure,
    locks,
    questions,
    queue,
    sessions,
)
from stemtide.agent.review.account import ItemAccount, read_account
from stemtide.agent.review.blind_checks import BlindCheck
from stemtide.agent.review.decisions import ReviewVerdict
from stemtide.agent.review.kept_files import KeptFiles
from stemtide.agent.review.other_outcomes import OtherOutcomes
from stemtide.agent.review.questions import ReviewQuestion
from stemtide.agent.review.queue import QueueItem
from stemtide.agent.review.sessions import ReviewSession
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action, Outcome, Standing

logger = logging.getLogger(__name__)

_SHOWN = 100
_PREVIEWED = 20
_NOT_MODIFIED = 204

_VERDICTS = {
    ReviewVerdict.BLOCK: "blocked",
    ReviewVerdict.PASS: "let pass",
    ReviewVerdict.ESCALATE: "escalated",
    ReviewVerdict.DISPUTE: "let pass and disputed",
}
_ACTS = {
    Action.BLOCK: "is blocked",
    Action.HOLD: "is held for a person",
    Action.LOG: "is only logged",
}
_OUTCOMES = {
    Outcome.BLOCKED: "blocked content",
    Outcome.HELD: "held content",
    Outcome.REVERSED: "released content again",
    Outcome.LOGGED: "only logged matches",
}
_STANDINGS = {
    Standing.NEW: "new, so its word alone does not count",
    Standing.MEMBER: "a member",
    Standing.TRUSTED: "trusted",
    Standing.SUSPENDED: "suspended",
}


@dataclass(frozen=True, slots=True)
class ReviewVisit:
    """A request of a person who is signed in. form: empty unless it is a POST."""

    session: ReviewSession
    form: SentForm
    now: float

    def address(self, page: str = "", **query: str) -> str:
        """Return the address of a page of this session."""
        rest = f"?{urlencode(query)}" if query else ""
        return f"{ROOT}/s/{self.session.path}{'/' if page else ''}{page}{rest}"


@dataclass(frozen=True, slots=True)
class PictureChoice:
    """The picture that a person asked for, the frames of a film, or passages of a text.

    look:  its id; "" for none. clear: the number of the frame without a blur, 1 of a picture; 0
           for none. times: of the frames, in seconds; empty of a picture.
    passages: whether passages of a text are shown.
    """

    look: str
    clear: int = 0
    times: tuple[float, ...] = ()
    passages: bool = False

    @property
    def at(self) -> str:
        """Return the times for an address."""
        return format_times(self.times)


class ReviewViews:
    """Pages from the stored rows. They run in a thread."""

    def __init__(self, config: Config, store: Store, *, kept_files: KeptFiles) -> None:
        self._config = config
        self._kept = kept_files
        self._settings = config.review
        self._store = store

    def items(self, visit: ReviewVisit) -> list[QueueItem]:
        """Return the queue."""
        return queue.read_queue(self._store, config=self._config, now=visit.now)

    def same(self, visit: ReviewVisit, ref: str) -> list[QueueItem]:
        """Return the held content that one decision about content may take along, this first."""
        items = self.items(visit)
        item = next((item for item in items if item.ref == ref), None)
        return queue.same_items(items, item) if item else []

    def queue(self, visit: ReviewVisit) -> Response:
        """Return the page of the queue."""
        return render("queue.html", self.values(visit) | self._queue(visit))

    def queue_part(self, visit: ReviewVisit, state: str) -> Response:
        """Return the queue for htmx; an empty response if it is still as that state says."""
        if state == self._state(visit):
            return Response(status_code=_NOT_MODIFIED, headers=HEADERS)
        return render("_queue.html", {"visit": visit, "now": visit.now} | self._queue(visit))

    def _queue(self, visit: ReviewVisit) -> dict[str, Any]:
        state, items = self._state(visit), self.items(visit)
        return {
            "questions": self._questions(item.signal for item in items[:_SHOWN]),
            "state": state,
            "items": items[:_SHOWN],
            "total": len(items),
            "late": sum(item.due_at < visit.now for item in items),
            "escalated": sum(bool(item.escalated) for item in items),
            "blind_checks": len(blind_checks.checks_for(self._store, visit.session)),
            "agreement": blind_checks.count_agreement(self._store),
        }

    def _questions(self, signals: Iterable[str]) -> dict[str, ReviewQuestion]:
        """Return the latest question about each signal."""
        return questions.questions_about(self._store, signals)

    def _state(self, visit: ReviewVisit) -> str:
        """Return a mark that changes with the queue. It costs far less than the queue."""
        facts = queue.queue_state(self._store), int(visit.now // 60), visit.session.person
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def values(self, visit: ReviewVisit) -> dict[str, Any]:
        """Return the values that every page shows."""
        session, now = visit.session, visit.now
        last = decisions.last_decision(self._store, session.person, now=now)
        return {
            "visit": visit,
            "place": "",
            "session": session,
            "now": now,
            "verdicts": _VERDICTS,
            "standings": _STANDINGS,
            "acts": _ACTS,
            "outcomes": _OUTCOMES,
            "notice": sessions.take_notice(self._store, session),
            "last": last[0] if last else None,
            "last_number": last[1] if last else 0,
            "exposure": exposure.read_exposure(
                self._store.read, session.person, settings=self._settings, now=now
            ),
        }

    def item(
        self,
        visit: ReviewVisit,
        ref: str,
        choice: PictureChoice,
        others: OtherOutcomes | None,
    ) -> Response:
        """Return the page of content that is held, and lock it for the person.

        others: outcomes at other parties; None if the person did not ask for them.
        """
        account = read_account(self._store, ref, policies=self._config.policies)
        if account is None or not account.is_held:
            return self.not_held(visit)
        items = self.items(visit)
        item = next((item for item in items if item.ref == ref), None)
        here = partial(visit.address, "item", ref=ref)
        values = self._item(visit, account, here, choice) | {
            "item": item,
            "check": None,
            "others": others,
            "same": len(queue.same_items(items, item)) if item else 1,
            "history": decisions.decisions_about(self._store, ref),
        }
        return render("item.html", values)

    def check(self, visit: ReviewVisit, check: BlindCheck, choice: PictureChoice) -> Response:
        """Return the page of a blind check, which says nothing of the first decision."""
        account = read_account(
            self._store, check.ref, policies=self._config.policies, reasons=check.reasons
        )
        if account is None:
            return self.not_held(visit)
        here = partial(visit.address, "check", number=str(check.number))
        values = self._item(visit, account, here, choice)
        return render(
            "item.html", values | {"item": None, "check": check, "history": [], "others": None}
        )

    def _item(
        self,
        visit: ReviewVisit,
        account: ItemAccount,
        here: Callable[..., str],
        choice: PictureChoice,
    ) -> dict[str, Any]:
        """Return the values of the page of an item, and lock the item. here: the page's address."""
        lock = locks.take_lock(
            self._store,
            account.ref,
            session=visit.session,
            settings=self._settings,
            now=visit.now,
        )
        looked_at = exposure.picture_ref(
            self._store, choice.look, session=visit.session, now=visit.now
        )
        kept_until = self._kept.kept_until(account.ref)
        is_mine = lock.session == visit.session.key
        return self.values(visit) | {
            "account": account,
            "here": here,
            "lock": lock,
            "is_mine": is_mine,
            "passages": self._passages(account) if choice.passages and is_mine else {},
            "has_pictures": bool(kept_until or self._settings.picture_url),
            "questions": self._questions(account.reason_ids),
            "kept_until": kept_until,
            "keeps_files": self._kept.is_on,
            "look": choice.look if looked_at == account.ref else "",
            "choice": choice,
        }

    def _passages(self, account: ItemAccount) -> dict[str, SharedPassages | None]:
        """Return the passages that signals of texts share with the agent's copy of the upload.

        Without a copy that can be read there are none, and the page says so.
        """
        try:
            blob = self._kept.read(account.ref)
        except (JournalKeyError, OSError) as error:
            logger.warning("the copy of a held text cannot be read: %s", error)
            return {}
        ids = [row.reason.signal for row in account.signals if row.reason.kind == Kind.TEXT]
        if blob is None or not ids:
            return {}
        sql = "SELECT id, value FROM signals WHERE id IN (SELECT value FROM json_each(?))"
        rows = self._store.read(sql, (json.dumps(ids),))
        return {uid: shared_passages(blob, value) for uid, value in rows}

    def all(self, visit: ReviewVisit, ref: str) -> Response:
        """Return the preview of one decision about all content of the same cluster."""
        same = self.same(visit, ref)
        if not same:
            return self.not_held(visit)
        own = visit.session.key
        values = {
            "ref": ref,
            "same": same[:_PREVIEWED],
            "total": len(same),
            "taken": sum(bool(item.lock and item.lock.session != own) for item in same),
        }
        return render("all.html", self.values(visit) | values)

    def next(self, visit: ReviewVisit) -> Response:
        """Lead to the most urgent content that nobody has open."""
        item = queue.next_item(self.items(visit), visit.session, now=visit.now)
        return redirect(visit.address("item", ref=item.ref) if item else visit.address())

    def next_check(self, visit: ReviewVisit) -> Response:
        """Lead to the oldest blind check that nobody has open."""
        check = blind_checks.next_check(self._store, visit.session, now=visit.now)
        if check is None:
            return redirect(visit.address())
        return redirect(visit.address("check", number=str(check.number)))

    def not_held(self, visit: ReviewVisit) -> Response:
        """Lead back to the queue, with the reason."""
        self.note(visit, "That content is not held any more.")
        return redirect(visit.address())

    def note(self, visit: ReviewVisit, text: str) -> None:
        """Keep a sentence for the next page."""
        sessions.set_notice(self._store, visit.session, text)


def format_times(times: Iterable[float | None]) -> str:
    """Return times in seconds for an address; "" for a picture, which has none."""
    return "_".join(f"{at_s:.1f}" for at_s in times if at_s is not None)


def redirect(address: str) -> Response:
    """Lead to another page."""
    return RedirectResponse(address, status_code=303, headers=HEADERS)
