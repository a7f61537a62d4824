# SPDX-License-Identifier: Apache-2.0
"""Draft the sections of a report from the record of a crisis, in the active language.

A draft states times, decisions, measures and figures. It judges nothing: sections that ask for a
judgement alone (victims, lessons) begin empty.

source: Regulation (EU) 2022/2065 Art. 48.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from stemtide.protocol.enums import JoinState, ProposalAct
from stemtide.protocol.messages.crises import CrisisLife, ProposalOut
from stemtide.protocol.messages.reports import MAX_SECTION, Cell, Figures

TitleOf = Callable[[str, str], str]
"""Returns the label of a stored word of a given type, as pages show it."""


def plain_title(word: str, of: str) -> str:  # noqa: ARG001  # the same signature as the desk's labels
    """Return a stored word unchanged."""
    return word.replace("_", " ")


def draft_sections(
    crisis: CrisisLife,
    figures: Figures,
    *,
    framework: str,
    titles: Mapping[str, str],
    title_of: TitleOf,
) -> dict[str, str]:
    """Return the drafts of sections by name, without empty ones.

    framework: its title. titles: parties' titles by name. title_of: returns the label of a stored
    word of a given type.
    """
    drafts = {
        "parameters": _parameters(crisis, framework=framework),
        "roles": _roles(crisis, titles=titles),
        "activation": _activation(crisis, titles=titles),
        "duration": _duration(crisis),
        "safeguards": _safeguards(figures, title_of=title_of),
        "outcomes": _outcomes(figures, title_of=title_of),
    }
    texts = {name: "\n".join(lines)[:MAX_SECTION].strip() for name, lines in drafts.items()}
    return {name: text for name, text in texts.items() if text}


def _parameters(crisis: CrisisLife, *, framework: str) -> Iterable[str]:
    """Yield what happened, where, and how it was rated."""
    yield f"{crisis.name}. {framework}."
    if crisis.summary:
        yield crisis.summary
    if crisis.countries:
        yield _("Countries concerned: %s.") % ", ".join(crisis.countries)
    yield _fact(_("Event"), crisis.happened_at)
    if crisis.triages:
        last = crisis.triages[-1]
        yield _("Rating: harm %(harm)s, virality %(virality)s. Outcome: %(outcome)s.") % {
            "harm": last.harm,
            "virality": last.virality,
            "outcome": _word(last.outcome),
        }


def _roles(crisis: CrisisLife, *, titles: Mapping[str, str]) -> Iterable[str]:
    """Yield who took part, and the national measures that were considered."""
    opener = titles.get(crisis.opened_by, crisis.opened_by)
    yield _("The early warning was raised by %s.") % opener
    joined = [party for party in crisis.participants if party.state is JoinState.JOINED]
    if joined:
        yield _("Participants:")
    for participant in joined:
        yield f"- {participant.title} ({_word(participant.kind)})"
    if crisis.measures:
        yield _("National measures that were considered:")
    for measure in crisis.measures:
        yield f"- {measure.country}: {measure.measure}"
        yield _("  Insufficient because: %s") % measure.insufficient


def _activation(crisis: CrisisLife, *, titles: Mapping[str, str]) -> Iterable[str]:
    """Yield the warning, the answered tests, and the proposals to activate."""
    yield _fact(_("Early warning"), crisis.warned_at)
    yield _fact(_("Activation"), crisis.activated_at)
    for check in crisis.checks:
        if check.answered_at is not None:
            yield f"- {_(check.question)} {_word(check.answer)}."
            if check.evidence:
                yield _("  Evidence: %s") % check.evidence
    for proposal in crisis.proposals:
        if proposal.act is ProposalAct.ACTIVATE:
            yield _proposal(proposal, titles=titles)


def _proposal(proposal: ProposalOut, *, titles: Mapping[str, str]) -> str:
    """Return a sentence about a proposal to activate, and its decision."""
    by = titles.get(proposal.by.party, proposal.by.party)
    facts = {"by": by, "at": _moment(proposal.at), "reason": f"{proposal.reason.rstrip('.')}."}
    text = _("%(by)s proposed to activate on %(at)s: %(reason)s") % facts
    if proposal.decided_by is None or proposal.decided_at is None:
        return text
    decider = titles.get(proposal.decided_by.party, proposal.decided_by.party)
    state, at = _word(proposal.state), _moment(proposal.decided_at)
    return f"{text} {state.capitalize()}: {decider}, {at}."


def _duration(crisis: CrisisLife) -> Iterable[str]:
    """Yield the times of its stages, the reviews, and why it was closed."""
    yield _fact(_("Activation"), crisis.activated_at)
    yield _fact(_("De-escalation"), crisis.deescalated_at)
    yield _fact(_("Closure"), crisis.closed_at)
    if crisis.activated_at and crisis.closed_at:
        length_s = int((crisis.closed_at - crisis.activated_at).total_seconds())
        yield _("From activation to closure: %s.") % _hours(length_s)
    for review in crisis.reviews:
        if review.at is not None and review.decision is not None:
            yield f"- {_moment(review.at)}: {_word(review.decision)}. {review.reason}".rstrip()
    if crisis.close_reason:
        yield _("Reason for closing: %s") % crisis.close_reason


def _safeguards(figures: Figures, *, title_of: TitleOf) -> Iterable[str]:
    """Yield counts of disputes and withdrawals."""
    yield _("Disputed signals: %s.") % figures.disputed
    if figures.withdrawn_by_reason:
        yield _("Withdrawn signals: %s.") % _cells(
            figures.withdrawn_by_reason, "reason", title_of=title_of
        )
    yield _("Public lines agreed: %s.") % figures.public_lines


def _outcomes(figures: Figures, *, title_of: TitleOf) -> Iterable[str]:
    """Yield counts of signals and of what providers reported."""
    yield _("Signals shared: %s.") % figures.signals
    if figures.signals_by_kind:
        yield _("By kind: %s.") % _cells(figures.signals_by_kind, "kind", title_of=title_of)
    yield _("Providers that reported: %s.") % figures.providers
    yield _("Matches: %s.") % _count(figures.matches)
    if any(cell.count != 0 for cell in figures.outcomes):
        yield _("Outcomes: %s.") % _cells(figures.outcomes, "outcome", title_of=title_of)


def _cells(cells: Iterable[Cell], of: str, *, title_of: TitleOf) -> str:
    """Return counts in words. of: the type of their words."""
    return ", ".join(f"{title_of(cell.name, of)}: {_count(cell.count)}" for cell in cells)


def _count(count: int | None) -> str:
    """Return a count, or that it is withheld."""
    return _("withheld") if count is None else str(count)


def _fact(title: str, at: datetime | None) -> str:
    """Return what happened when."""
    return f"{title}: {_moment(at) if at else _('not known')}."


def _moment(at: datetime) -> str:
    """Return a time as reports show it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _hours(length_s: int) -> str:
    """Return a length of time in hours and minutes."""
    return f"{length_s // 3600} h {length_s % 3600 // 60:02d} min"


def _word(value: object) -> str:
    """Return a stored word in the active language, where a page has it too."""
    return _(str(value).replace("_", " "))
