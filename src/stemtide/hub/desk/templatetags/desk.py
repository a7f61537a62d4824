# SPDX-License-Identifier: Apache-2.0
"""What the desk's templates can say: times, words, marks, glyphs and bars."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, RadioSelect
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.alerts import reads as alerts
from stemtide.hub.desk import glyphs, inbox, navigation, times, words
from stemtide.hub.exchanges import reads_trouble
from stemtide.hub.signals.rows import BoardSignal, Outcomes
from stemtide.protocol.crises import TriageOut
from stemtide.protocol.frameworks import Framework
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.words import Outcome, PartyKind, Role, SignalState

register = template.Library()

_EXACT = (Kind.SHA256, Kind.MD5, Kind.URL)
_KINDS = [*(kind for kind in Kind if kind not in _EXACT), *_EXACT]
"""Those that know altered content first: they say what the content is."""


@register.filter
def phrase(value: str, of: str) -> str:
    """What people read for a stored word."""
    return words.phrase(value, of)


@register.filter
def looks(value: str, of: str) -> str:
    """How a stored word looks: good, warn, bad or calm."""
    return words.looks(value, of)


@register.filter
def figure(word: str, of: str) -> str:
    """What people read for a stored word among the figures of a report."""
    return words.figure(word, of)


@register.filter
def told(text: str) -> str:
    """A text from our data, such as the title of a stage, in the reader's language."""
    return words.told(text)


@register.filter
def explained(triage: TriageOut, framework: Framework) -> str:
    """Why a rating comes to what it does."""
    return words.explained(triage, framework)


@register.filter
def label(name: str) -> str:
    """What people read for a label."""
    return words.label_title(name)


@register.filter
def ideology(name: str) -> str:
    """What people read for an ideology."""
    return words.ideology_title(name)


@register.filter
def kind_name(kind: str) -> str:
    """The short name of a kind of fingerprint."""
    return words.KINDS_SHORT[Kind(kind)]


@register.filter
def tlp_says(tlp: str) -> str:
    """How far a recipient may pass a signal on."""
    return words.tlp_says(Tlp(tlp))


@register.filter
def tlp_seen_by(tlp: str) -> str:
    """Which parties a mark lets in, where no recipients are named."""
    return words.tlp_seen_by(Tlp(tlp))


@register.filter
def pap_says(pap: str) -> str:
    """What an agent may do because of a signal."""
    return words.pap_says(Pap(pap))


@register.filter
def thousands(number: int) -> str:
    """A whole number with thin spaces between thousands: "1 204 311"."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


@register.filter
def of(titles: Mapping[str, str], name: str) -> str:
    """A party's title by its name; the name itself where there is no such party."""
    return titles.get(name, name)


@register.filter
def beside(cells: Sequence[object], heads: Sequence[object]) -> list[tuple[object, object]]:
    """Cells of a row with the heads of their columns."""
    return list(zip(heads, cells, strict=True))


@register.filter
def lead(signals: Sequence[BoardSignal]) -> BoardSignal:
    """The signal that stands for a piece of content: a live one, the first in kind."""
    return min(signals, key=lambda one: (one.state != SignalState.LIVE, _KINDS.index(one.kind)))


@register.filter
def others(signals: Sequence[BoardSignal], first: BoardSignal) -> list[BoardSignal]:
    """The other signals of a piece of content, kind by kind."""
    rest = [signal for signal in signals if signal is not first]
    return sorted(rest, key=lambda one: _KINDS.index(one.kind))


@register.filter
def outcomes(counts: Outcomes) -> list[tuple[str, int]]:
    """The outcomes that occurred, with their counts."""
    each = [(str(outcome), int(getattr(counts, outcome))) for outcome in Outcome]
    return [(outcome, count) for outcome, count in each if count]


@register.simple_tag
def mark(value: str, of: str) -> SafeString:
    """A state or a severity as a mark: its word, and a colour that only helps."""
    return format_html(
        '<span class="mark mark--{}">{}</span>', words.looks(value, of), words.phrase(value, of)
    )


@register.simple_tag
def tlp_mark(tlp: str) -> SafeString:
    """A TLP label in the colours that its standard gives."""
    return format_html(
        '<span class="mark mark--tlp mark--tlp-{}">TLP:{}</span>',
        tlp.replace("+", "-"),
        tlp.upper(),
    )


@register.simple_tag
def pap_mark(pap: str) -> SafeString:
    """A PAP label."""
    return format_html('<span class="mark mark--pap">PAP:{}</span>', pap.upper())


@register.simple_tag
def stamp(moment: datetime) -> SafeString:
    """A moment in full on the reader's clock; datetime and title say it in UTC."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        _machine(moment),
        times.in_utc(moment),
        times.stamp(moment),
    )


@register.simple_tag
def ago(moment: datetime, now: datetime) -> SafeString:
    """A moment in relative words, with the moment in full as its title."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        _machine(moment),
        times.stamp(moment),
        times.relative(moment, now=now),
    )


@register.simple_tag
def as_of(moment: datetime) -> SafeString:
    """The moment from which the figures of a page are."""
    return format_html(
        '<time data-as-of datetime="{}">{} {}</time>',
        moment.isoformat(),
        times.of_day(moment),
        times.zone(moment),
    )


@register.simple_tag
def clock(since: datetime, now: datetime) -> SafeString:
    """A clock that runs since a moment; the script keeps it running."""
    return format_html(
        '<time class="clock__value" data-clock datetime="{}" title="{}">{}</time>',
        _machine(since),
        times.stamp(since),
        times.elapsed(since, until=now),
    )


@register.simple_tag
def countdown(due: datetime, now: datetime) -> SafeString:
    """A clock that counts down to a moment, and goes on past it; the script keeps it running."""
    return format_html(
        '<time class="clock__value{}" data-due datetime="{}" title="{}" data-over="{}">{}</time>',
        " clock__value--over" if now > due else "",
        _machine(due),
        times.stamp(due),
        _("over by %(clock)s"),
        times.remaining(due, now=now),
    )


@register.simple_tag
def exact(moment: datetime) -> SafeString:
    """A moment to the second: on the reader's clock, and in UTC where that is another."""
    here, there = times.stamp(moment), times.in_utc(moment)
    if here == there:
        return stamp(moment)
    return format_html(
        '<time datetime="{}">{} <span class="exact__utc">{}</span></time>',
        _machine(moment),
        here,
        there,
    )


@register.simple_tag
def lasted(seconds: float) -> str:
    """How long something lasted."""
    return times.span(seconds)


@register.simple_tag(takes_context=True)
def alerts_waiting(context: Context) -> alerts.Waiting:
    """The alerts that wait for somebody of the signed-in person's party."""
    return alerts.waiting(viewer=context["request"].user.party)


@register.inclusion_tag("desk/_glyph.html")
def glyph(kind: str, value: str, size: str = "") -> dict[str, str]:
    """A fingerprint as a drawing; for kinds that cannot be drawn, the kind's name."""
    path = glyphs.pdq_path(value) if kind == Kind.PDQ else ""
    return {"path": path, "kind": words.KINDS_SHORT[Kind(kind)], "size": size}


@register.inclusion_tag("desk/_spread.html")
def spread(counts: Mapping[str, int], largest: int) -> dict[str, Any]:
    """Outcome counts as one stacked bar, drawn in thousandths of the largest bar."""
    bars, at = [], 0.0
    for outcome in Outcome:
        width = 1000 * counts.get(outcome, 0) / max(largest, 1)
        bars.append({"outcome": str(outcome), "x": f"{at:.1f}", "width": f"{width:.1f}"})
        at += width
    return {"bars": [bar for bar in bars if bar["width"] != "0.0"]}


@register.simple_tag
def time_zone_name() -> str:
    """The reader's time zone by its name: "Europe/Brussels"."""
    return timezone.get_current_timezone_name()


def _machine(moment: datetime) -> str:
    """A moment as machines read it, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


@register.simple_tag
def clock_to(since: datetime, until: datetime | None, now: datetime) -> SafeString:
    """A clock since a moment; one that stands still where until is given."""
    if until is None:
        return clock(since, now)
    return format_html(
        '<time class="clock__value" datetime="{}" title="{}">{}</time>',
        since.isoformat(timespec="seconds"),
        times.in_utc(since),
        times.elapsed(since, until=until),
    )


@register.filter
def get(found: Mapping[str, Any], name: str) -> object:
    """What is kept under a name; None where nothing is."""
    return found.get(name)


@register.filter
def overlaps(one: frozenset[Any], other: set[Any]) -> bool:
    """Whether two sets have anything in common."""
    return not one.isdisjoint(other)


@register.filter
def plain(number: float) -> str:
    """A number as drawings want it: with a point, in every language."""
    return f"{number:g}"


@register.filter
def is_box(field: BoundField) -> bool:
    """Whether a field of a form is one box to tick."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def is_many(field: BoundField) -> bool:
    """Whether a field of a form is several boxes or buttons to choose from."""
    return isinstance(field.field.widget, RadioSelect)


@register.simple_tag(takes_context=True)
def places(context: Mapping[str, Any]) -> list[navigation.Place]:
    """The pages of the bar."""
    user = context["user"]
    kind = PartyKind(user.party.kind)
    return navigation.places(context["request"].path, role=Role(user.role), kind=kind)


@register.simple_tag(takes_context=True)
def inbox_counts(context: Mapping[str, Any]) -> inbox.Counts | None:
    """What waits in the inbox of the signed-in person's provider; None where it has none."""
    request = context["request"]
    if request.user.party.kind != PartyKind.PROVIDER:
        return None
    return inbox.counts_of(request)


@register.simple_tag(takes_context=True)
def exchanges_in_trouble(context: Mapping[str, Any]) -> int:
    """How many exchanges with other hubs need a look by those who may see them."""
    viewer = context["request"].user.party
    return reads_trouble.in_trouble(viewer=viewer, now=datetime.now(UTC))
