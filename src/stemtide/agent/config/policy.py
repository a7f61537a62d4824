# SPDX-License-Identifier: Apache-2.0
"""The policy of an agent: rules that act, and shadows, which only say what they would do.

1 The [policy] table has the rules in order, what to do with content that cannot be read, and what
  is in shadow.
2 A rule with shadow = true is taken out of the rules that act. The signals of a party in shadow
  only log, and its word confirms no signal of another.
3 What each shadow would have done is judged by a policy of its own, which never acts.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from stemtide.agent.config import values
from stemtide.agent.config.tables import ConfigError, read_table
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action, PartyKind, Provenance, Reach, Severity, Standing
from stemtide.protocol.handling import Tlp
from stemtide.protocol.signing.signatures import SignerKey
from stemtide.protocol.trust.standing import PartyTrust


class OnDispute(StrEnum):
    """Whether a rule applies to signals that a party disputes."""

    NO = "no"
    ALSO = "also"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the policy. It applies if every condition that is set holds.

    max_distance_bits: matters for PDQ only; exact kinds match at 0 bits.
    min_match_percent: how sure it must be that this is the signal's content.
    min_matched_s:     video and audio only: seconds of the content that must be the signal's.
    reach:             URLs only: whether the signal covers the address, its folder or its host.
    sharers, sharer_kinds, sharer_standing: who shared the signal.
    min_parties:       independent parties that stand behind the signal, its sharer included.
    confirmed_by_kinds: another independent party of one of these kinds supports it.
    signed_with:       its sharer signed it with one of these keys.
    shadow:            the rule does not act; the agent only says what it would have done.
    """

    name: str
    action: Annotated[Action, f"say one of {', '.join(Action)}"]
    labels: frozenset[Annotated[str, values.label]] = frozenset()
    min_severity: Severity = Severity.LOW
    min_confidence: Annotated[int, values.number(0, 100)] = 0
    max_distance_bits: Annotated[int, values.number(0, 256)] | None = None
    min_match_percent: Annotated[int, values.number(0, 100)] = 0
    min_matched_s: Annotated[float, values.seconds(0, 86_400)] = 0.0
    kinds: frozenset[Kind] = frozenset()
    reach: frozenset[Reach] = frozenset()
    provenance: frozenset[Provenance] = frozenset()
    tlp: frozenset[Tlp] = frozenset()
    disputed: OnDispute = OnDispute.NO
    sharers: frozenset[str] = frozenset()
    sharer_kinds: frozenset[PartyKind] = frozenset()
    sharer_standing: frozenset[Standing] = frozenset()
    min_parties: Annotated[int, values.number(1, 100)] | None = None
    confirmed_by_kinds: frozenset[PartyKind] = frozenset()
    signed_with: Annotated[tuple[SignerKey, ...], values.signer_keys] = ()
    shadow: bool = False

    @property
    def names_parties(self) -> bool:
        """Whether the rule has a condition on who supports a signal."""
        who = self.sharers or self.sharer_kinds or self.sharer_standing or self.confirmed_by_kinds
        return bool(who) or self.min_parties is not None


class OnUnread(StrEnum):
    """Whether to hold or pass content that could not be read and that no match stops."""

    HOLD = "hold"
    PASS = "pass"  # noqa: S105  # no password


@dataclass(frozen=True, slots=True)
class Unread:
    """The policy for content that could not be read, by the word that its remark begins with.

    undecodable: damaged, encrypted, of an unsupported type, or its decoder failed.
    limit:       only part was read: it is too large, too long or too deep, or took too long.
    """

    undecodable: OnUnread = OnUnread.HOLD
    limit: OnUnread = OnUnread.HOLD


_CONTEXT = frozenset({Provenance.VICTIM, Provenance.MEDIA, Provenance.BYSTANDER})

DEFAULT_RULES = (
    Rule(name="context-needs-a-person", action=Action.HOLD, provenance=_CONTEXT),
    Rule(name="grave-and-sure", action=Action.BLOCK, min_severity=Severity.HIGH, min_confidence=80),
    Rule(name="a-person-looks", action=Action.HOLD, disputed=OnDispute.ALSO),
)
"""The policy of an agent whose agent.toml has none. docs/use/agent.md explains each rule."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules that decide about content.

    parties, groups: names of parties in shadow, and of groups whose parties are.
    """

    rules: tuple[Rule, ...] = DEFAULT_RULES
    unread: Unread = Unread()
    parties: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def is_in_shadow(self, party: PartyTrust) -> bool:
        """Whether the party's signals only log, and its word confirms nothing."""
        return party.name in self.parties or (bool(party.group) and party.group in self.groups)


class Shadow(StrEnum):
    """The parts in shadow: rules, parties, or a whole policy."""

    RULES = "rules"
    PARTIES = "parties"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class _ShadowTable:
    """The [policy.shadow] table.

    parties: names of parties whose signals only log. groups: the same, of groups of parties.
    file:    a whole policy that is judged beside the one in force.
    """

    parties: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Policies:
    """The policy in force, and what would decide without each shadow. Only the first one acts."""

    acting: Policy = field(default_factory=Policy)
    shadows: Mapping[Shadow, Policy] = field(default_factory=dict)


def read_policies(table: object, *, root: Path) -> Policies:
    """Read the [policy] table; defaults apply to everything it leaves out. raises: ConfigError.

    root: where the path of a shadow policy starts from.
    """
    if not isinstance(table, dict):
        raise ConfigError("policy", "must be a table: write [[policy.rules]] above each rule")
    plain = {name: value for name, value in table.items() if name not in ("rules", "shadow")}
    unread = read_table(Unread, plain, name="policy", root=root, also=("rules", "shadow"))
    names = table.get("shadow", {})
    shadow = read_table(_ShadowTable, names, name="policy.shadow", root=root)
    rules = _read_rules(table.get("rules"))
    # Rules that are all in shadow leave the default rules in force, as without them.
    acting_rules = tuple(rule for rule in rules if not rule.shadow) or DEFAULT_RULES
    acting = Policy(acting_rules, unread, shadow.parties, shadow.groups)
    shadows: dict[Shadow, Policy] = {}
    if any(rule.shadow for rule in rules):
        shadows[Shadow.RULES] = replace(acting, rules=rules)
    if shadow.parties or shadow.groups:
        shadows[Shadow.PARTIES] = replace(acting, parties=frozenset(), groups=frozenset())
    if shadow.file:
        shadows[Shadow.POLICY] = read_policy_file(shadow.file).acting
    return Policies(acting, shadows)


def read_policy_file(path: Path) -> Policies:
    """Read the [policy] table of a file that has nothing else, or is a whole agent.toml.

    raises: ConfigError, which names the file and the setting or line.
    """
    try:
        return _read_policy_file(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read ({error}); check the path") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), f"is not TOML: {error}; correct that line") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.setting}", error.trouble) from error


def _read_policy_file(path: Path) -> Policies:
    raw = tomllib.loads(path.read_text("utf-8"))
    if "policy" not in raw:
        hint = f" (found {', '.join(sorted(raw))})" if raw else ""
        raise ConfigError("policy", f"is missing{hint}: write [[policy.rules]] above each rule")
    return read_policies(raw["policy"], root=path.parent)


def _read_rules(rows: object) -> tuple[Rule, ...]:
    """Parse the [[policy.rules]] tables in order; the default rules if there are none."""
    if rows is None:
        return DEFAULT_RULES
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ConfigError("policy.rules", "must be tables: write [[policy.rules]] above each rule")
    rules = tuple(
        read_table(
            Rule, {"name": f"rule {number}", **row}, name=f"policy.rules[{number}]", root=Path()
        )
        for number, row in enumerate(rows, start=1)
    )
    names = [rule.name for rule in rules]
    for rule in rules:
        if names.count(rule.name) > 1:
            raise ConfigError("policy.rules", f"two rules are called {rule.name!r}; rename one")
    return rules
