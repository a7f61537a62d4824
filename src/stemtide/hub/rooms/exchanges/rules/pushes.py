# SPDX-License-Identifier: Apache-2.0
"""Rules for signals that leave to another hub. The strictest rule wins; in doubt a signal stays."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from stemtide.fingerprints.kinds import Kind
from stemtide.interop.exchanges import Terms
from stemtide.interop.misp.events import TYPE_OF as MISP_TYPE_OF
from stemtide.interop.stopncii.records import TYPE_OF
from stemtide.protocol.enums import ExchangeKind
from stemtide.protocol.handling import Pap, Tlp

ONWARD = {
    Tlp.RED: False,
    Tlp.AMBER_STRICT: False,
    Tlp.AMBER: False,
    Tlp.GREEN: True,
    Tlp.CLEAR: True,
}
"""Whether each TLP may leave to any partner. source: TLP 2.0, FIRST, August 2022."""

EXPRESSED: Mapping[ExchangeKind, Collection[Kind]] = {
    ExchangeKind.STOPNCII: TYPE_OF,
    ExchangeKind.MISP: MISP_TYPE_OF,
    ExchangeKind.THREATEXCHANGE: (Kind.PDQ, Kind.MD5, Kind.SHA256, Kind.URL),
}
"""Kinds of signals that each format expresses, besides TAXII's, which expresses all."""

OF_MANY = frozenset({ExchangeKind.MISP, ExchangeKind.THREATEXCHANGE})
"""Kinds of the other side whose members are many, and change without our knowing."""

TAKE_BACK_AFTER = (
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
"""Delays before a refused withdrawal is sent again; after the last one it is given up."""


@dataclass(frozen=True, slots=True)
class OutgoingFacts:
    """The facts about a signal that the rules need. via: the hubs that it came through.

    is_brought: whether an exchange brought it, so that its mark was given to us and not to others.
    has_audience: whether its sharer named the parties that may see it.
    """

    kind: Kind
    tlp: Tlp
    pap: Pap
    url: str
    reach: str | None
    is_disputed: bool
    exercise: bool
    crisis: UUID | None
    via: tuple[str, ...]
    is_brought: bool = False
    has_audience: bool = False


def may_leave(
    signal: OutgoingFacts, *, kind: ExchangeKind, terms: Terms, inside: bool, hub: str
) -> bool:
    """Whether a live signal that the partner's party may see is sent to the partner.

    inside: whether the partner belongs to the community that TLP:AMBER may reach, as configured.
    hub: the partner's id, if known. Signals that an exchange brought, or that came through other
    hubs, leave only if their mark allows anyone.
    """
    is_from_here = not signal.via and not signal.is_brought
    is_tlp_allowed = ONWARD[signal.tlp] or (signal.tlp is Tlp.AMBER and inside and is_from_here)
    is_within_terms = (
        signal.exercise is terms.exercise
        and (terms.crisis is None or signal.crisis == terms.crisis)
        and (not terms.kinds or signal.kind in terms.kinds)
    )
    # The groups of a MISP whose organisations are parties here are compared when it is sent.
    is_for_others = (
        signal.has_audience
        and kind in OF_MANY
        and not (kind is ExchangeKind.MISP and terms.organisations)
    )
    is_known_there = bool(hub) and hub in signal.via
    is_supported = kind is ExchangeKind.TAXII or (
        signal.kind in EXPRESSED[kind]
        and not signal.reach
        and (signal.kind is not Kind.URL or bool(signal.url))
    )
    # ThreatExchange has no mark for an exercise: its members would block the content.
    is_supported = is_supported and not (signal.exercise and kind is ExchangeKind.THREATEXCHANGE)
    # PAP:RED stays: a partner's machines may act on every signal that they receive.
    is_safe = signal.pap is not Pap.RED and not signal.is_disputed
    is_kept = is_for_others or is_known_there
    return is_tlp_allowed and is_within_terms and is_supported and is_safe and not is_kept


def reaction_to(*, is_disputed: bool, is_confirmed: bool, is_seen: bool) -> str:
    """Return ThreatExchange's reaction to what a source brought; "" for none."""
    if is_disputed:
        return "DISAGREE_WITH_TAGS"
    if is_confirmed:
        return "HELPFUL"
    return "SAW_THIS_TOO" if is_seen else ""


def take_back_at(refusals: int, *, now: datetime) -> datetime | None:
    """Return when a withdrawal refused so often is sent again; None if it is given up."""
    is_given_up = refusals > len(TAKE_BACK_AFTER)
    return None if is_given_up else now + TAKE_BACK_AFTER[max(refusals, 1) - 1]
