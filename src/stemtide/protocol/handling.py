# SPDX-License-Identifier: Apache-2.0
"""Handling marks: who may see a signal, and which actions it allows.

source: TLP 2.0, FIRST, August 2022; PAP as in the MISP taxonomies (docs/understand/handling.md).
"""

from dataclasses import dataclass
from enum import StrEnum

from stemtide.protocol.enums import Action, PartyKind


class Tlp(StrEnum):
    """The Traffic Light Protocol's labels, strictest first. Never translated."""

    RED = "red"
    AMBER_STRICT = "amber+strict"
    AMBER = "amber"
    GREEN = "green"
    CLEAR = "clear"


class Pap(StrEnum):
    """The Permissible Actions Protocol's labels, strictest first."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class TlpAllowance:
    """Permissions of a TLP label.

    needs_audience: only the parties that the sharer named receive the signal.
    to_kinds:       kinds of party that receive it if no audience is named.
    onward:         how far a recipient may pass it on, in words for people.
    """

    needs_audience: bool
    to_kinds: frozenset[PartyKind]
    onward: str


_WORKING = frozenset(PartyKind) - {PartyKind.OBSERVER}

TLP_ALLOWS = {
    Tlp.RED: TlpAllowance(True, frozenset(), "nobody: for the named recipients only"),
    Tlp.AMBER_STRICT: TlpAllowance(False, _WORKING, "only inside the recipient's organisation"),
    Tlp.AMBER: TlpAllowance(
        False, _WORKING, "inside the recipient's organisation and to its clients who need to know"
    ),
    Tlp.GREEN: TlpAllowance(False, frozenset(PartyKind), "the community, not the public"),
    Tlp.CLEAR: TlpAllowance(False, frozenset(PartyKind), "everyone"),
}

PAP_ALLOWS = {
    # Passive and undetectable only: removing content would alert its uploader.
    Pap.RED: Action.LOG,
    # Passive checks: a person may look, nothing happens to the content by itself.
    Pap.AMBER: Action.HOLD,
    Pap.GREEN: Action.BLOCK,
    Pap.CLEAR: Action.BLOCK,
}
"""Strongest automatic action that each PAP label allows (our reading: see the docs)."""


def may_receive(
    party: str, kind: PartyKind, *, tlp: Tlp, audience: frozenset[str], shared_by: str
) -> bool:
    """Whether a party may see a signal: the one rule that pages, APIs and feeds all use.

    party, shared_by: party names (slugs). audience: the named recipients, empty if none are named.
    """
    if party == shared_by:
        return True
    allowance = TLP_ALLOWS[tlp]
    if audience or allowance.needs_audience:
        return party in audience
    return kind in allowance.to_kinds
