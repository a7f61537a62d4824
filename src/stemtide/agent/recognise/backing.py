# SPDX-License-Identifier: Apache-2.0
"""Who supports a match, and how far that may lead. Pure.

1 Behind a match stand the sharer of its signal, the parties that agree with the signal, and the
  sharers of other matched signals of the same kind and value that ask for as much themselves.
2 What they are worth is decided by protocol/trust/standing.py. If it is not enough for a block,
  the match leads to a hold at most, and only logs if its sharer is suspended.
3 A rule lifts this only by naming it: the reach, for a folder or a host; the standing "new", for
  a new member; any condition on parties, for one party alone. Nothing lifts a suspension.
4 The agent's own party needs nobody else, except for folders and hosts.
"""

from dataclasses import dataclass

from stemtide.agent.config.policy import Rule
from stemtide.agent.store.parties import Parties
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action, Reach, Standing
from stemtide.protocol.trust.standing import WHOLE_SITES, Basis, PartyTrust, basis_of, independent


@dataclass(frozen=True, slots=True)
class Backing:
    """The parties behind one match.

    others: those that agree with the signal, or share the same value and ask for as much.
    known:  as the store has it, to say what is unknown.
    """

    sharer: PartyTrust
    others: tuple[PartyTrust, ...]
    known: Parties

    @property
    def is_own(self) -> bool:
        """Whether the agent's own party shares the signal, and is not suspended."""
        is_suspended = self.sharer.standing is Standing.SUSPENDED
        return self.sharer.name == self.known.own and not is_suspended

    @property
    def independent(self) -> int:
        """Return how many independent parties stand behind the match."""
        return independent([self.sharer, *self.others])

    def confirms(self, rule: Rule) -> bool:
        """Whether the conditions of a rule on the number and kinds of parties hold."""
        return self.independent >= (rule.min_parties or 0) and (
            not rule.confirmed_by_kinds
            or any(
                party.kind in rule.confirmed_by_kinds and _is_another(party, self.sharer)
                for party in self.others
            )
        )

    def cap(
        self, rule: Rule | None, *, kind: Kind, reach: Reach | None, is_earlier: bool
    ) -> tuple[Action, str] | None:
        """Return how far the match may lead and why no further; None if to a block.

        is_earlier: the content was acted on before; a suspension then leaves a hold.
        """
        if rule and reach in rule.reach:
            reach = Reach.ADDRESS
        basis = basis_of(self.sharer, self.others, kind=kind, reach=reach)
        if basis.is_enough:
            return None
        if basis is Basis.SUSPENDED:
            return Action.HOLD if is_earlier else Action.LOG, self._reason(basis, reach)
        if self._is_lifted(rule, basis):
            if reach not in WHOLE_SITES:
                return None
            basis = Basis.WHOLE_SITE
        return Action.HOLD, self._reason(basis, reach)

    def _is_lifted(self, rule: Rule | None, basis: Basis) -> bool:
        """Whether one party alone is enough for the rule."""
        if self.is_own:
            return True
        if basis is Basis.UNVETTED:
            return rule is not None and Standing.NEW in rule.sharer_standing
        return rule is not None and rule.names_parties

    def _reason(self, basis: Basis, reach: Reach | None) -> str:
        """Return the missing condition as part of a sentence."""
        name, who = self.sharer.name, f"{self.sharer.kind} {self.sharer.name}"
        if basis is Basis.WHOLE_SITE:
            return f"block of a whole {reach} needs a second independent party; {self._alone(who)}"
        if not self.known.are_sent:
            return (
                "this hub does not send the standing of parties, so signals of others lead to hold"
                " at most: upgrade the hub"
            )
        if name not in self.known.by_name:
            return f"the hub does not name {name} among its parties, so it leads to hold at most"
        if basis is Basis.SUSPENDED:
            return f"{who} is suspended, so its signals only log, and what they blocked is held"
        if basis is Basis.UNVETTED:
            return (
                "block needs an authority or two independent members; "
                f"{who}, which shares it, is a new member"
            )
        return f"block needs a second independent party or an authority; {self._alone(who)}"

    def _alone(self, who: str) -> str:
        """Say that only one party counts."""
        if not self.others:
            return f"{who} alone shares it"
        return f"{who} shares it, and nobody else behind it counts as independent"


def _is_another(party: PartyTrust, sharer: PartyTrust) -> bool:
    """Whether a party counts, and does not belong together with the sharer."""
    return party.counts and (party.group or party.name) != (sharer.group or sharer.name)
