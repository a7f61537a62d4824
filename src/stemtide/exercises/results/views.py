# SPDX-License-Identifier: Apache-2.0
"""Views of a result: the common one, and that of a party. Pure.

The common view has what everybody in the crisis could see while it went on, and figures of all
together. What concerns one party alone, such as its delays, is in its own view.
"""

from dataclasses import dataclass

from stemtide.exercises.results.stored import (
    DelayRow,
    ObjectiveRow,
    ResultFigure,
    ResultFile,
    SpreadRow,
    StoredCopies,
    StoredEntry,
    StoredStep,
)

COMMON_ACTS = frozenset(
    {
        *("tell", "warn", "triage", "answer-checks", "consider-measure", "propose", "confirm"),
        *("decline-proposal", "close", "deescalate", "invite", "join", "post", "share", "opine"),
        *("withdraw", "upload", "spread"),
    }
)
"""Acts that all may see, of those who take part in the crisis. Of uploads without their matches."""

COMMON_KINDS = frozenset(
    {
        *("crisis.warned", "crisis.triaged", "crisis.activated", "crisis.deescalated"),
        *("crisis.closed", "check.answered", "measure.considered", "proposal.opened"),
        *("proposal.declined", "participant.invited", "participant.joined", "message.posted"),
        *("signal.shared", "signals.shared", "opinion.given", "signal.withdrawn"),
    }
)
"""Kinds of ledger entries about such acts."""

_DONE = "done"


@dataclass(frozen=True, slots=True)
class PartyView:
    """What a party reads about itself alone."""

    party: str
    objectives: tuple[ObjectiveRow, ...]
    figures: tuple[ResultFigure, ...]
    delays: tuple[DelayRow, ...]
    steps: tuple[StoredStep, ...]
    copies: tuple[StoredCopies, ...]
    entries: tuple[StoredEntry, ...]


def common_view(result: ResultFile) -> ResultFile:
    """Return a result without what concerns one party alone. It can be shared with all."""
    counts: dict[str, list[StoredCopies]] = {}
    for copy in result.copies:
        counts.setdefault(copy.step, []).append(copy)
    changes = {
        "is_common": True,
        "objectives": tuple(row for row in result.objectives if not row.party),
        "figures": tuple(row for row in result.figures if not row.party),
        "steps": tuple(
            _without_matches(step, counts.get(step.name, []))
            for step in result.steps
            if step.act in COMMON_ACTS and step.state == _DONE
        ),
        "copies": tuple(copy.model_copy(update={"provider": ""}) for copy in result.copies),
        "spread": result.spread and _without_providers(result.spread),
        "entries": tuple(entry for entry in result.entries if entry.kind in COMMON_KINDS),
        "delays": (),
        "observations": tuple(row for row in result.observations if not row.about),
        "actions": tuple(action for action in result.actions if not action.is_private),
    }
    return result.model_copy(update=changes)


def _without_providers(spread: SpreadRow) -> SpreadRow:
    """Return a spread without the places of its samples."""
    samples = tuple(sample.model_copy(update={"provider": ""}) for sample in spread.samples)
    return spread.model_copy(update={"samples": samples})


def _without_matches(step: StoredStep, copies: list[StoredCopies]) -> StoredStep:
    """Return a step; if it uploaded copies, without their places and matches."""
    if step.act == "spread":
        return step.model_copy(update={"note": "copies spread over the services"})
    if step.act != "upload":
        return step
    content = copies[0].content if copies else "content"
    return step.model_copy(update={"note": f"{len(copies)} copies of {content} are uploaded"})


def party_view(result: ResultFile, party: str) -> PartyView:
    """Return what concerns a party: its objectives, figures, delays, steps, copies and entries."""
    return PartyView(
        party,
        objectives=tuple(row for row in result.objectives if row.party == party),
        figures=tuple(row for row in result.figures if row.party == party),
        delays=tuple(row for row in result.delays if row.party == party),
        steps=tuple(step for step in result.steps if step.by == party),
        copies=tuple(copy for copy in result.copies if copy.provider == party),
        entries=tuple(entry for entry in result.entries if entry.actor == party),
    )
