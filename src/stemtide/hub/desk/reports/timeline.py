# SPDX-License-Identifier: Apache-2.0
"""Rows of a crisis' timeline: who did what, its facts in words, and repeated acts in one row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _, gettext_lazy

from stemtide.hub.desk.labels import label, translated
from stemtide.hub.desk.ledger_sentences import ENTRY_PHRASES, NOISE
from stemtide.protocol.law.frameworks import Framework
from stemtide.protocol.messages.reports import TimelineEntry

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

SUBJECTS: "dict[str, tuple[str | _StrPromise, tuple[str, ...]]]" = {
    "steps": (
        gettext_lazy("Steps of the crisis"),
        ("crisis", "check", "measure", "proposal", "review", "neighbour"),
    ),
    "participants": (
        gettext_lazy("Participants and tasks"),
        ("participant", "role", "task"),
    ),
    "signals": (
        gettext_lazy("Signals"),
        (
            *(
                "signal",
                "signals",
                "adoption",
                "adoptions",
                "approval",
                "opinion",
                "dispute",
                "disputes",
                "runaway",
            ),
            *("preview", "previews", "local_features", "outcomes", "outlier"),
        ),
    ),
    "requests": (
        gettext_lazy("Requests"),
        (
            *("referral", "referrals", "batch", "hold", "order", "copy", "scrutiny", "lead"),
            *("preservation", "recheck", "redress"),
        ),
    ),
    "log": (gettext_lazy("Situation log"), ("message", "line")),
    "report": (gettext_lazy("Report"), ("report", "action", "timeline")),
    "alerts": (gettext_lazy("Alerts"), ("alert", "alerts", "delivery")),
}
"""What the timeline can be filtered by: titles, and the first words of the kinds."""

_FACTS: "dict[str, str | _StrPromise]" = {
    "act": gettext_lazy("act"),
    "countries": gettext_lazy("countries"),
    "country": gettext_lazy("country"),
    "from": gettext_lazy("before"),
    "harm": gettext_lazy("harm"),
    "virality": gettext_lazy("virality"),
    "parties": gettext_lazy("parties"),
    "owner": gettext_lazy("owner"),
    "due": gettext_lazy("due"),
    "languages": gettext_lazy("languages"),
    "reason": gettext_lazy("reason"),
    "reasons": gettext_lazy("reasons"),
    "opinion": gettext_lazy("opinion"),
    "purpose": gettext_lazy("purpose"),
    "kind": gettext_lazy("kind"),
    "urgency": gettext_lazy("urgency"),
    "role": gettext_lazy("role"),
    "state": gettext_lazy("state"),
    "signals": gettext_lazy("signals"),
    "count": gettext_lazy("number"),
    "blocked": gettext_lazy("blocked"),
    "held": gettext_lazy("held"),
    "logged": gettext_lazy("logged"),
    "reversed": gettext_lazy("reversed"),
    "matches": gettext_lazy("matches"),
    "lookups": gettext_lazy("look-ups"),
}
"""Titles of the facts that are shown. Others, such as ids and positions, are in the exports."""

_LABELS = {
    "message.posted kind": "message",
    "urgency": "urgency",
    "opinion": "opinion",
    "reason": "reason",
    "reasons": "approval-reason",
    "purpose": "purpose",
    "role": "response-role",
    "approval act": "approval-act",
    "act": "proposal",
    "line state": "line",
}
"""Labels by fact, or by kind or thing and fact."""


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """An act, or a run of the same act by the same party.

    hand: the person or key that acted, of one's own party; facts: one text for each act.
    """

    first: TimelineEntry
    last: TimelineEntry
    who: str
    hand: str
    act: str
    times: int
    facts: tuple[str, ...]


def things_of(subject: str) -> tuple[str, ...]:
    """Return the first words of kinds that a filter selects; a word of the API for itself."""
    if not subject:
        return ()
    return SUBJECTS[subject][1] if subject in SUBJECTS else (subject,)


def rows(
    entries: Iterable[TimelineEntry],
    *,
    titles: Mapping[str, str],
    framework: Framework,
    with_alerts: bool,
) -> list[TimelineRow]:
    """Return entries as rows, oldest first. titles: of actors by their ledger reference."""
    shown = [entry for entry in entries if with_alerts or entry.kind not in NOISE]
    runs = groupby(shown, key=lambda entry: (entry.actor, _hand(entry), entry.kind, entry.exercise))
    return [_row(list(run), titles=titles, framework=framework) for _key, run in runs]


def _row(
    run: Sequence[TimelineEntry], *, titles: Mapping[str, str], framework: Framework
) -> TimelineRow:
    """Return a run as a row. Facts that its acts share are named once."""
    first, facts = run[0], [_facts(entry, titles=titles, framework=framework) for entry in run]
    return TimelineRow(
        first=first,
        last=run[-1],
        who=titles.get(first.actor, first.actor),
        hand=_hand(first),
        act=str(ENTRY_PHRASES.get(first.kind, first.kind)),
        times=len(run),
        facts=tuple(dict.fromkeys(fact for fact in facts if fact)),
    )


def _hand(entry: TimelineEntry) -> str:
    """Return which person or key acted, of an entry of one's own party; "" of all others."""
    hand, _colon, name = str(entry.detail.get("through", "")).partition(":")
    if hand == "person":
        return _("by person %(number)s") % {"number": name}
    return _("by key %(key)s") % {"key": name} if hand == "key" else ""


def _facts(entry: TimelineEntry, *, titles: Mapping[str, str], framework: Framework) -> str:
    """Return the facts of an entry as text; "" if it has none for people."""
    detail = entry.detail
    if test := framework.tests.get(str(detail.get("test"))):
        return f"{translated(test.question)} {label(str(detail.get('answer')), 'answer')}"
    return ", ".join(
        f"{title}{_(':')} {_value(entry, name, titles=titles, framework=framework)}"
        for name, title in _FACTS.items()
        if detail.get(name) not in (None, "", [])
    )


def _value(
    entry: TimelineEntry, name: str, *, titles: Mapping[str, str], framework: Framework
) -> str:
    """Return a fact in words."""
    value = entry.detail[name]
    if isinstance(value, list):
        return ", ".join(
            _word(entry, name, str(part), titles=titles, framework=framework) for part in value
        )
    return _word(entry, name, str(value), titles=titles, framework=framework)


def _word(
    entry: TimelineEntry, name: str, word: str, *, titles: Mapping[str, str], framework: Framework
) -> str:
    """Return one word of a fact: a title of a party or stage, a label, or the word itself."""
    if name == "parties":
        return titles.get(f"party:{word}", word)
    if name == "from" and word in framework.stages:
        return translated(framework.stages[word].title)
    thing = entry.kind.partition(".")[0]
    for key in (f"{entry.kind} {name}", f"{thing} {name}", name):
        if key in _LABELS:
            return label(word, _LABELS[key])
    return titles.get(word, word)
