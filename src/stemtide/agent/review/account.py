# SPDX-License-Identifier: Apache-2.0
"""Describe held content for the page: the signals it matched, their sharers, how sure, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from stemtide.agent.config.policy import Policies
from stemtide.agent.outbox import actions
from stemtide.agent.outbox.actions import UNREAD, MatchReason
from stemtide.agent.recognise.decisions import earlier_hit
from stemtide.agent.recognise.policy import decide
from stemtide.agent.review.decisions import deciding_reason, is_waiting
from stemtide.agent.store.database import Store
from stemtide.agent.store.own_banks import OwnSignal
from stemtide.agent.store.parties import Parties
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.trust.standing import PartyTrust

_MAX_STRETCHES = 20


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a film or sound that matches. Each in seconds: [from, to]."""

    query: tuple[float, float] | None
    signal: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class SignalAccount:
    """A matched signal, and how it matched.

    signal: None if the agent no longer has it. sharer, backers: with what their word counts.
    """

    reason: MatchReason
    signal: FeedSignal | None
    sharer: PartyTrust | None
    backers: tuple[PartyTrust, ...]
    stretches: tuple[Stretch, ...]

    @property
    def bank(self) -> str:
        """Return the own bank that it is an item of; "" for a signal of the hub."""
        return self.signal.bank if isinstance(self.signal, OwnSignal) else ""

    @property
    def about(self) -> str:
        """Describe the item of an own bank in words."""
        return self.signal.about if isinstance(self.signal, OwnSignal) else ""

    @property
    def ends_s(self) -> float:
        """Return the end of the last stretch; 0.0 without any."""
        return max((stretch.query[1] for stretch in self.stretches if stretch.query), default=0.0)


@dataclass(frozen=True, slots=True)
class ItemAccount:
    """Facts about held content.

    why:         the decision in words, by the signals and parties as they are now.
    is_unread:   part of it could not be read, or a person blocked it before.
    unread:      why it could not be read; empty if that is not known.
    uploaded_at: if the upload came before its signal. is_held: it still waits for a decision.
    catalogue:   if a scan of a catalogue found it: the catalogue's name; "" otherwise.
    has_digest:  the SHA-256 of the file is known.
    """

    ref: str
    why: str
    signals: tuple[SignalAccount, ...]
    is_unread: bool
    unread: tuple[str, ...]
    uploaded_at: datetime | None
    catalogue: str
    is_held: bool
    has_digest: bool

    @property
    def reason_ids(self) -> list[str]:
        """Return the ids of the signals and own items that match."""
        return [account.reason.signal for account in self.signals]


def read_account(
    store: Store, ref: str, *, policies: Policies, reasons: Sequence[MatchReason] = ()
) -> ItemAccount | None:
    """Return the facts about content that was acted on; None if there are none.

    reasons: those of an earlier time; without any, the present ones.
    """
    reasons = reasons or present_reasons(store, ref)
    if not reasons:
        return None
    event = _event(store, ref)
    by_signal = [reason for reason in reasons if reason.signal != UNREAD.signal]
    by_signal.sort(key=lambda reason: reason is not deciding_reason(reasons))
    ids = [reason.signal for reason in by_signal]
    signals = store.find_ids(ids) | store.find_items(ids)
    parties = store.parties(signals.values())
    spans = {match["signal"]: match.get("stretches", []) for match in event.get("matches", ())}
    accounts = [
        _account(reason, signals.get(reason.signal), parties, spans.get(reason.signal, ()))
        for reason in by_signal
    ]
    uploaded = event.get("uploaded_at")
    unread = tuple(event.get("unread", ())) if len(by_signal) < len(reasons) else ()
    return ItemAccount(
        ref=ref,
        why=_why(by_signal, signals, policies, parties, is_unread=bool(unread)),
        signals=tuple(accounts),
        is_unread=len(by_signal) < len(reasons),
        unread=unread,
        uploaded_at=datetime.fromisoformat(uploaded) if uploaded else None,
        catalogue=str(event.get("catalogue", "")),
        is_held=is_waiting(reasons),
        has_digest=bool(file_digest(store, ref)),
    )


def count_stopped(store: Store, signal: str) -> int:
    """Return how many pieces of content a signal or an own item holds or blocks now."""
    sql = "SELECT count(DISTINCT ref) FROM acted WHERE signal = ? AND action != 'log'"
    ((number,),) = store.read(sql, (signal,))
    return int(number)


def file_digest(store: Store, ref: str) -> str:
    """Return the SHA-256 of content that was acted on, in hex; "" if it is not known."""
    sql = "SELECT value FROM acted_prints WHERE ref = ? AND kind = 'sha256' AND part = ''"
    rows = store.read(sql, (ref,))
    return str(rows[0][0]) if rows else ""


def present_reasons(store: Store, ref: str) -> list[MatchReason]:
    """Return the reasons of the present action on content."""
    columns = actions.REASON_COLUMNS
    rows = store.read(f"SELECT {columns} FROM acted WHERE ref = ?", (ref,))  # noqa: S608 - our own names
    return [actions.read_reason(row) for row in rows]


def _event(store: Store, ref: str) -> dict[str, Any]:
    rows = store.read("SELECT body FROM review_events WHERE ref = ?", (ref,))
    return msgspec.json.decode(rows[0][0], type=dict[str, Any]) if rows else {}


def _account(
    reason: MatchReason,
    signal: FeedSignal | None,
    parties: Parties,
    stretches: Sequence[Mapping[str, Any]],
) -> SignalAccount:
    spans = [
        Stretch(stretch.get("query_span_s"), stretch.get("signal_span_s"))
        for stretch in stretches[:_MAX_STRETCHES]
    ]
    if signal is None:
        return SignalAccount(reason, None, None, (), tuple(spans))
    backers = tuple(parties.trust_of(name) for name in signal.confirmed_by)
    return SignalAccount(reason, signal, parties.trust_of(signal.shared_by), backers, tuple(spans))


def _why(
    reasons: Sequence[MatchReason],
    signals: Mapping[str, FeedSignal],
    policies: Policies,
    parties: Parties,
    *,
    is_unread: bool,
) -> str:
    """Return why the content is held, as an answer to POST /match says it."""
    hits = [
        earlier_hit(signals[reason.signal], reason)
        for reason in reasons
        if reason.signal in signals
    ]
    if not hits and is_unread:
        return "not all of it could be looked at, and no signal stops it"
    if not hits:
        return "no signal of it is left; it is held because it could not be read, or was blocked"
    return decide(hits, policies, parties).why
