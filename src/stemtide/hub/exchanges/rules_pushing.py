# SPDX-License-Identifier: Apache-2.0
"""What may leave to another hub. Strictest wins; what is not sure to be allowed stays."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.exchanges import Terms
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.stopncii import TYPE_OF
from stemtide.protocol.words import ExchangeKind

ONWARD = {
    Tlp.RED: False,
    Tlp.AMBER_STRICT: False,
    Tlp.AMBER: False,
    Tlp.GREEN: True,
    Tlp.CLEAR: True,
}
"""Which marks leave to any partner. source: TLP 2.0, FIRST, August 2022."""

TAKE_BACK_AFTER = (
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
"""When a withdrawal that a partner refuses is told it again; after the last it is given up."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """What the rules must know of a signal. via: the hubs that it came through."""

    kind: Kind
    tlp: Tlp
    pap: Pap
    url: str
    reach: str | None
    is_disputed: bool
    exercise: bool
    crisis: UUID | None
    via: tuple[str, ...]


def may_leave(one: Leaving, *, kind: ExchangeKind, terms: Terms, inside: bool, hub: str) -> bool:
    """Whether a live signal that the partner's party may see is told to it.

    inside: whether the partner is in the circle that TLP:AMBER may reach, as the operator said.
    hub: the partner's id, if known. What came from others leaves only where anybody may have it.
    """
    is_marked_so = ONWARD[one.tlp] or (one.tlp is Tlp.AMBER and inside and not one.via)
    is_of_terms = (
        one.exercise is terms.exercise
        and (terms.crisis is None or one.crisis == terms.crisis)
        and (not terms.kinds or one.kind in terms.kinds)
    )
    is_known_there = bool(hub) and hub in one.via
    is_told = kind is ExchangeKind.TAXII or (
        one.kind in TYPE_OF and not one.reach and (one.kind is not Kind.URL or bool(one.url))
    )
    # PAP:RED tells nobody whom it was not meant for: a partner's machines may act on what is there.
    is_safe = one.pap is not Pap.RED and not one.is_disputed
    return is_marked_so and is_of_terms and is_told and is_safe and not is_known_there


def take_back_at(refusals: int, *, now: datetime) -> datetime | None:
    """When a withdrawal is told again that was refused so many times; None where it is given up."""
    is_given_up = refusals > len(TAKE_BACK_AFTER)
    return None if is_given_up else now + TAKE_BACK_AFTER[max(refusals, 1) - 1]
