# SPDX-License-Identifier: Apache-2.0
"""Template tags and filters of the desk: times, labels, marks, glyphs and bars."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, RadioSelect
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext as _

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.desk import labels, navigation, stylesheet, times
from stemtide.hub.desk.actions import Offer
from stemtide.hub.desk.inbox import views
from stemtide.hub.desk.labels import approvals, languages
from stemtide.hub.desk.signals import glyphs, names
from stemtide.hub.desk.situation import references
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.alerts.reads import alerts
from stemtide.hub.rooms.alerts.texts import errors
from stemtide.hub.rooms.exchanges.reads import exchanges
from stemtide.hub.rooms.exercises import reads as exercises
from stemtide.hub.rooms.exercises.rules import check_direct
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.signals.reads.signals import SelectedSignal
from stemtide.hub.rooms.signals.views import BoardRow, BoardSignal, Cluster, Outcomes
from stemtide.protocol import shared_words as shared
from stemtide.protocol.enums import Outcome, PartyKind, Provenance, Role, SignalState
from stemtide.protocol.exercises import RunOut
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.law.frameworks import Framework, framework
from stemtide.protocol.messages.crises import TriageOut
from stemtide.protocol.messages.signals import SignalOut
from stemtide.protocol.messages.situation import MessageOut
from stemtide.protocol.shared_words import Vocabulary

register = template.Library()

_EXACT = (Kind.SHA256, Kind.MD5, Kind.URL)
_KINDS = [*(kind for kind in Kind if kind not in _EXACT), *_EXACT]
"""Kinds of fingerprint, similarity before exact: these represent the content."""


@register.filter
def label(value: str, of: str) -> str:
    """Return the label of an enum value."""
    return labels.label(value, of)


@register.filter
def tone(value: str, of: str) -> str:
    """Return the colour of an enum value: good, warn, bad or calm."""
    return labels.tone(value, of)


@register.filter
def figure(word: str, of: str) -> str:
    """Return the label of a value among the figures of a report."""
    return labels.figure(word, of)


@register.filter
def cluster_name(cluster: Cluster) -> str:
    """Return the name of a cluster."""
    url = next((variant.url for variant in cluster.variants if variant.url), "")
    kinds = list(cluster.kinds)
    return names.content_name(
        title=cluster.title,
        kinds=kinds,
        url=url,
        since=cluster.first_at,
        lasts_ms=cluster.lasts_ms,
        shared_by=cluster.first_shared_by,
    )


@register.filter
def message_html(message: MessageOut) -> SafeString:
    """Return the text of a message of a situation log, with its mentions and links."""
    return references.message_html(message)


@register.filter
def language_title(tag: str) -> str:
    """Return the name of a language in the reader's own."""
    return languages.language_name(tag)


@register.filter
def row_name(row: BoardRow) -> str:
    """Return the name of a row of the board."""
    url = next((signal.url for signal in row.signals if signal.url), "")
    kinds = [signal.kind for signal in row.signals]
    return names.content_name(
        title=row.title,
        kinds=kinds,
        url=url,
        since=row.shared_at,
        lasts_ms=row.lasts_ms,
        shared_by=row.first_shared_by,
    )


@register.filter
def signal_name(signal: SelectedSignal) -> str:
    """Return the name of a signal in a list."""
    return names.signal_name(signal)


@register.filter
def shown(offers: Sequence[Offer]) -> list[Offer]:
    """Return the offers that a page shows one by one."""
    return [offer for offer in offers if not offer.is_folded]


@register.filter
def folded(offers: Sequence[Offer]) -> list[Offer]:
    """Return the offers that a page lists as not possible now."""
    return [offer for offer in offers if offer.is_folded]


@register.filter
def possible(acts: Sequence[Any]) -> list[Any]:
    """Return the acts that are possible now."""
    return [act for act in acts if not act.reason]


@register.filter
def by_reason(acts: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Return acts that are not possible now, by the reason that they share."""
    reasons: dict[str, list[Any]] = {}
    for act in acts:
        if act.reason:
            reasons.setdefault(act.reason, []).append(act)
    return list(reasons.items())


@register.filter
def found_words(note: str, reason: str) -> str:
    """Translate what was found of a signal that waits."""
    return approvals.translated_note(note, reason)


@register.filter
def wait_words(words: str) -> str:
    """Translate why a signal waits."""
    return approvals.translated_reason(words)


@register.filter
def delivery_error(error: str) -> str:
    """Translate why an alert or a webhook's event was not delivered."""
    return errors.translated_error(error)


@register.filter
def translated(text: str) -> str:
    """Translate a text of our data files, such as the title of a stage."""
    return labels.translated(text)


@register.filter
def sentence(text: str) -> str:
    """Return a refusal with a capital letter and a full stop."""
    words = str(text)
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


@register.filter
def framework_title(name: str) -> str:
    """Return the title of a version of a crisis protocol."""
    return labels.translated(framework(name).title)


@register.filter
def rating_text(triage: TriageOut, framework: Framework) -> str:
    """Return the explanation of a rating."""
    return labels.rating_text(triage, framework)


@register.filter
def content_label(name: str) -> str:
    """Return the title of a label."""
    return labels.label_title(name)


@register.filter
def suggestion(name: str) -> str:
    """Return why a signal is pre-selected to stay: the title of a label, or its maker."""
    makers = {
        Provenance.PERPETRATOR.value: _("made by a perpetrator"),
        Provenance.ACCOMPLICE.value: _("made by an accomplice"),
    }
    return makers.get(name) or labels.label_title(name)


@register.filter
def ideology(name: str) -> str:
    """Return the title of an ideology."""
    return labels.ideology_title(name)


@register.filter
def kind_name(kind: str) -> str:
    """Return the short name of a kind of fingerprint."""
    return labels.KINDS_SHORT[Kind(kind)]


@register.filter
def tlp_says(tlp: str) -> str:
    """Return how far a recipient may pass a signal on."""
    return labels.tlp_says(Tlp(tlp))


@register.filter
def tlp_seen_by(tlp: str) -> str:
    """Return which parties may see a TLP mark, if no recipients are named."""
    return labels.tlp_seen_by(Tlp(tlp))


@register.filter
def pap_says(pap: str) -> str:
    """Return which actions an agent may take on a signal."""
    return labels.pap_says(Pap(pap))


@register.filter
def shared_words(signal: SignalOut) -> list[tuple[Vocabulary, list[str]]]:
    """Return the closest words of other vocabularies for a signal's labels."""
    vocabularies = shared.shared_words().vocabularies
    words = shared.words_of(signal.labels, provenance=signal.provenance)
    return [(vocabularies[name], several) for name, several in words.items()]


@register.filter
def thousands(number: float) -> str:
    """Format a number with thin spaces between thousands: "1 204 311"."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


@register.filter
def counted(count: int, outcome: str) -> str:
    """Return a number of outcomes in words, as in "41 blocked"."""
    return labels.counted_outcome(outcome, count, number=thousands(count))


@register.filter
def of(titles: Mapping[str, str], name: str) -> str:
    """Return a party's title by its name; the name itself if there is no such party."""
    return titles.get(name, name)


@register.filter
def count_of(counts: Mapping[str, float], name: str) -> float | None:
    """Return a count by its name; None if there is none."""
    return counts.get(name)


@register.filter
def beside(cells: Sequence[object], heads: Sequence[object]) -> list[tuple[object, object]]:
    """Pair the cells of a row with the heads of their columns."""
    return list(zip(heads, cells, strict=True))


@register.filter
def main_signal(signals: Sequence[BoardSignal]) -> BoardSignal:
    """Return the signal that represents a piece of content: a live one, the first in kind."""
    return min(
        signals, key=lambda signal: (signal.state != SignalState.LIVE, _KINDS.index(signal.kind))
    )


@register.filter
def others(signals: Sequence[BoardSignal], first: BoardSignal) -> list[BoardSignal]:
    """Return the other signals of a piece of content, kind by kind."""
    rest = [signal for signal in signals if signal is not first]
    return sorted(rest, key=lambda signal: _KINDS.index(signal.kind))


@register.filter
def outcomes(counts: Outcomes) -> list[tuple[str, int]]:
    """Return the outcomes that occurred, with their counts."""
    count_of = [(str(outcome), int(getattr(counts, outcome))) for outcome in Outcome]
    return [(outcome, count) for outcome, count in count_of if count]


register.simple_tag(stylesheet.address, name="url_of_styles")


@register.simple_tag
def mark(value: str, of: str) -> SafeString:
    """Return a state or severity as a coloured label; its text alone is enough."""
    return format_html(
        '<span class="mark mark--{}">{}</span>', labels.tone(value, of), labels.label(value, of)
    )


@register.simple_tag
def tlp_mark(tlp: str) -> SafeString:
    """Return a TLP label in the colours of its standard."""
    return format_html(
        '<span class="mark mark--tlp mark--tlp-{}">TLP:{}</span>',
        tlp.replace("+", "-"),
        tlp.upper(),
    )


@register.simple_tag
def pap_mark(pap: str) -> SafeString:
    """Return a PAP label."""
    return format_html('<span class="mark mark--pap">PAP:{}</span>', pap.upper())


@register.simple_tag
def stamp(at: datetime) -> SafeString:
    """Return a time in full in the reader's time zone; UTC in datetime and title."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        _iso_utc(at),
        times.in_utc(at),
        times.stamp(at),
    )


@register.filter(expects_localtime=True)
def day(on: date) -> str:
    """Return a day, a datetime's in the reader's time zone."""
    return times.day(on)


@register.simple_tag
def ago(at: datetime, now: datetime) -> SafeString:
    """Return a relative time, with the full time as its title."""
    return format_html(
        '<time class="ago" datetime="{}" title="{}">{}</time>',
        _iso_utc(at),
        times.stamp(at),
        times.relative(at, now=now),
    )


@register.simple_tag
def as_of(at: datetime) -> SafeString:
    """Return the time at which the figures of a page were read."""
    return format_html(
        '<time data-as-of datetime="{}">{} {}</time>',
        at.isoformat(),
        times.of_day(at),
        times.zone(at),
    )


@register.simple_tag
def clock(since: datetime, now: datetime) -> SafeString:
    """Return a clock that runs since a time; the script keeps it running."""
    return format_html(
        '<time class="clock__value" data-clock datetime="{}" title="{}">{}</time>',
        _iso_utc(since),
        times.stamp(since),
        times.elapsed(since, until=now),
    )


@register.simple_tag
def countdown(due: datetime, now: datetime) -> SafeString:
    """Return a countdown that goes on past its deadline; the script keeps it running."""
    return format_html(
        '<time class="clock__value{}" data-due datetime="{}" title="{}" data-over="{}">{}</time>',
        " clock__value--over" if now > due else "",
        _iso_utc(due),
        times.stamp(due),
        _("over by %(clock)s"),
        times.remaining(due, now=now),
    )


@register.simple_tag
def exact(at: datetime) -> SafeString:
    """Return a time to the second in the reader's time zone, and in UTC if that differs."""
    local, utc = times.stamp(at), times.in_utc(at)
    if local == utc:
        return stamp(at)
    return format_html(
        '<time datetime="{}">{} <span class="exact__utc">{}</span></time>',
        _iso_utc(at),
        local,
        utc,
    )


@register.simple_tag
def lasted(seconds: float) -> str:
    """Format a duration."""
    return times.span(seconds)


@register.simple_tag(takes_context=True)
def alerts_waiting(context: Context) -> alerts.UnacknowledgedAlerts:
    """Return the alerts that wait for somebody of the signed-in person's party."""
    person, now = context["request"].user, datetime.now(UTC)
    muted_kinds = alerts.muted_kinds(viewer=person, now=now)
    return alerts.waiting(viewer=person.party, muted=muted_kinds, now=now)


@register.inclusion_tag("desk/_glyph.html")
def glyph(kind: str, value: str, size: str = "") -> dict[str, str]:
    """Return a fingerprint as a drawing; the kind's name for kinds that cannot be drawn."""
    path = glyphs.pdq_path(value) if kind == Kind.PDQ and value else ""  # "" once it is erased
    return {"path": path, "kind": labels.KINDS_SHORT[Kind(kind)], "size": size}


@register.inclusion_tag("desk/_spread.html")
def spread(counts: Mapping[str, int], largest: int) -> dict[str, Any]:
    """Return outcome counts as one stacked bar, in thousandths of the largest bar."""
    segments, offset = [], 0.0
    for outcome in Outcome:
        width = 1000 * counts.get(outcome, 0) / max(largest, 1)
        segments.append({"outcome": str(outcome), "x": f"{offset:.1f}", "width": f"{width:.1f}"})
        offset += width
    return {"bars": [bar for bar in segments if bar["width"] != "0.0"]}


@register.simple_tag
def time_zone_name() -> str:
    """Return the name of the reader's time zone: "Europe/Brussels"."""
    return timezone.get_current_timezone_name()


def _iso_utc(at: datetime) -> str:
    """Return a time in UTC, in ISO 8601."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


@register.simple_tag
def clock_to(since: datetime, until: datetime | None, now: datetime) -> SafeString:
    """Return a clock since a time; it is stopped if `until` is given."""
    if until is None:
        return clock(since, now)
    return format_html(
        '<time class="clock__value" datetime="{}" title="{}">{}</time>',
        since.isoformat(timespec="seconds"),
        times.in_utc(since),
        times.elapsed(since, until=until),
    )


@register.filter
def get(mapping: Mapping[str, Any], name: str) -> object:
    """Return the value of a key; None if it is missing."""
    return mapping.get(name)


@register.filter
def overlaps(left: frozenset[Any], right: set[Any]) -> bool:
    """Whether two sets have an element in common."""
    return not left.isdisjoint(right)


@register.filter
def plain(number: float) -> str:
    """Format a number for SVG: with a decimal point in every language."""
    return f"{number:g}"


@register.filter
def is_box(field: BoundField) -> bool:
    """Whether a form field is a single checkbox."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def is_many(field: BoundField) -> bool:
    """Whether a form field is a group of checkboxes or radio buttons."""
    return isinstance(field.field.widget, RadioSelect)


@register.simple_tag(takes_context=True)
def menu(context: Mapping[str, Any]) -> list[navigation.MenuGroup]:
    """Return the entries of the menu with their pages."""
    user = context["user"]
    kind = PartyKind(user.party.kind)
    return navigation.menu(context["request"].path, role=Role(user.role), kind=kind)


@register.simple_tag(takes_context=True)
def lesson_of(context: Mapping[str, Any]) -> exercises.RunLesson | None:
    """Return the hints of the guided exercise that the signed-in person plays; None for others."""
    request = context["request"]
    return exercises.lesson(
        viewer=request.user.party, now=datetime.now(UTC), language=get_language() or "en"
    )


@register.simple_tag(takes_context=True)
def inbox_counts(context: Mapping[str, Any]) -> views.InboxCounts | None:
    """Return the open items of the signed-in person's inbox; None for parties without an inbox."""
    request = context["request"]
    if request.user.party.kind != PartyKind.PROVIDER:
        return None
    return views.counts_of(request)


@register.simple_tag(takes_context=True)
def exercise_to_pause(context: Mapping[str, Any]) -> RunOut | None:
    """Return the exercise that the signed-in person can pause for a real crisis, or None."""
    user = context["request"].user
    if not allows(check_direct, parties.actor(user)):
        return None
    return exercises.directed_now(viewer=user.party)


@register.simple_tag(takes_context=True)
def exchanges_in_trouble(context: Mapping[str, Any]) -> int:
    """Return how many exchanges with other hubs need attention, for viewers who may see them."""
    viewer = context["request"].user.party
    return exchanges.in_trouble(viewer=viewer, now=datetime.now(UTC))
