# SPDX-License-Identifier: Apache-2.0
"""Look signals up by id, by value, by how a value begins, and by web address, through indexes.

Each lookup reads one range of one index, so that a search among millions of signals takes no longer
than one among a few. Values have an index for each state: a lookup asks one state after another.
"""

from collections.abc import Callable, Iterable
from uuid import UUID

from django.db.models import QuerySet

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.signals.address_index import HEAD_CHARS, AddressHead
from stemtide.hub.rooms.signals.models import ContentItem, Signal
from stemtide.hub.rooms.signals.reads.signals import readable
from stemtide.protocol.enums import SignalState

_STATES = (SignalState.LIVE, SignalState.WITHDRAWN, SignalState.EXPIRED)
_AFTER_HEX = "g"
_SAME_VALUE = 1000
_UUID_DIGITS = 32
_UUID_PREFIX = 8
_HOST_ENDS = ("/", ":", "?", "#")

Narrow = Callable[[QuerySet[Signal]], QuerySet[Signal]]


def by_id(uid: UUID, *, viewer: Party, limit: int) -> list[Signal]:
    """Return the signal of an id, or the signals of a content item, that a party may read."""
    rows = Signal.objects.filter(readable(viewer))
    signal = rows.filter(uid=uid).first()
    if signal is not None:
        return [signal]
    # The index of content items begins with the sharer: each party is one look into it.
    sharers = [party.pk for party in parties.parties()]
    items = ContentItem.objects.filter(shared_by__in=sharers, uid=uid)
    contents = list(items.values_list("pk", flat=True))
    return list(rows.filter(content__in=contents).order_by("-position")[:limit])


def by_value(value: str, *, viewer: Party, limit: int, kind: Kind | None = None) -> list[Signal]:
    """Return the signals of exactly this value, live ones first, then the latest.

    They are sorted here: a database that is asked for the latest may read the feed backwards.
    """

    def narrow(rows: QuerySet[Signal]) -> QuerySet[Signal]:
        rows = rows.filter(value=value).order_by()
        return rows.filter(kind=kind) if kind else rows

    signals = _each_state(narrow, viewer=viewer, limit=max(limit, _SAME_VALUE))
    signals.sort(key=lambda row: (_STATES.index(SignalState(row.state)), -row.position))
    return signals[:limit]


def by_prefix(digits: str, *, viewer: Party, limit: int) -> list[Signal]:
    """Return the signals whose value or id begins with these hexadecimal digits.

    digits: lower-case. Those found by value come first: live ones, then by value.
    """

    def narrow(rows: QuerySet[Signal]) -> QuerySet[Signal]:
        return rows.filter(value__gte=digits, value__lt=digits + _AFTER_HEX).order_by("value", "pk")

    signals = _each_state(narrow, viewer=viewer, limit=limit)
    if _UUID_PREFIX <= len(digits) <= _UUID_DIGITS:
        first, last = (UUID(digits.ljust(_UUID_DIGITS, filler)) for filler in "0f")
        rows = Signal.objects.filter(readable(viewer), uid__gte=first, uid__lte=last)
        signals += rows.order_by("uid")[: limit - len(signals)]
    return signals


def by_address(spelled: str, *, viewer: Party, limit: int) -> list[Signal]:
    """Return the signals of web addresses that begin like this one, in the order of the alphabet.

    spelled: a host, whose addresses are those at this host; or the beginning of an address, in its
             canonical spelling (fingerprints.url.canonical). Signals that came as a digest alone
             have no address to look for.
    """
    if len(spelled) > HEAD_CHARS:
        return []
    signals: list[Signal] = []
    for first, end in _address_ranges(spelled):
        rows = Signal.objects.filter(readable(viewer), kind=Kind.URL).annotate(
            head=AddressHead("url")
        )
        ordered = rows.filter(head__gte=first, head__lt=end).order_by("head", "pk")
        signals += ordered[: limit - len(signals)]
    return signals


@needs_no_viewer("the head of the feed, which every party reads")
def newest_position() -> int:
    """Return the highest position of the feed; 0 where there is no signal."""
    return Signal.objects.order_by("-position").values_list("position", flat=True).first() or 0


def _each_state(narrow: Narrow, *, viewer: Party, limit: int) -> list[Signal]:
    """Return the signals of each state in turn, until there are enough."""
    signals: list[Signal] = []
    for state in _STATES:
        rows = narrow(Signal.objects.filter(readable(viewer), state=state))
        signals += rows[: limit - len(signals)]
        if len(signals) >= limit:
            break
    return signals


def _address_ranges(spelled: str) -> Iterable[tuple[str, str]]:
    """Yield the ranges of addresses that begin like this one; of a host, no longer hosts."""
    if "/" in spelled:
        yield spelled, spelled + "\x7f"
        return
    yield spelled, spelled + "\x01"
    for end in _HOST_ENDS:
        yield spelled + end, spelled + chr(ord(end) + 1)
