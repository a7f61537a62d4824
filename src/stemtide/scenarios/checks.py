# SPDX-License-Identifier: Apache-2.0
"""Check a scenario beyond its schema: the references between its parts. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from stemtide.protocol.enums import PartyKind
from stemtide.protocol.law import frameworks
from stemtide.protocol.law.triage import triages
from stemtide.protocol.places import countries
from stemtide.scenarios import acts
from stemtide.scenarios.measures import MEASURES, MILESTONES
from stemtide.scenarios.schema import (
    VARIANTS,
    BotRule,
    ContentKind,
    Inject,
    Objective,
    Scenario,
)

_MADE_BY: dict[type[acts.BaseAct], type[acts.BaseAct]] = {
    acts.Confirm: acts.Propose,
    acts.DeclineProposal: acts.Propose,
    acts.Opine: acts.ShareContent,
    acts.Withdraw: acts.ShareContent,
    acts.ReceiveLead: acts.ReportLead,
    acts.PassOnLead: acts.ReportLead,
    acts.AnswerReferrals: acts.Refer,
    acts.ConfirmOrder: acts.IssueOrder,
    acts.ExecuteOrder: acts.IssueOrder,
    acts.SuspendOrder: acts.IssueOrder,
    acts.WithdrawOrder: acts.IssueOrder,
}
"""Acts that are about what an earlier step made, and the act of that step."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A problem: the table with its row, the key, and a message with the remedy."""

    table: str
    key: str
    message: str


def check(scenario: Scenario) -> Iterator[Mistake]:
    """Yield all problems of a scenario."""
    yield from _check_cast(scenario)
    yield from _check_framework(scenario)
    names = {step.name for step in scenario.steps} | set(MILESTONES)
    earlier: set[str] = set()
    for step in scenario.steps:
        table = _table_of(scenario, step)
        if step.name in earlier or step.name in MILESTONES:
            owner = "a milestone" if step.name in MILESTONES else "another step"
            yield Mistake(table, "name", f"{step.name} is the name of {owner}: use another name")
        earlier.add(step.name)
        for finding in (
            *_check_conditions(step, names=names),
            *_check_actor(scenario, step),
            *_check_act(scenario, step),
        ):
            yield Mistake(table, finding.key, finding.message)
    yield from _check_translations(scenario)
    yield from _check_spread(scenario)
    if scenario.lesson and scenario.lesson.plays not in scenario.cast:
        plays = scenario.lesson.plays
        message = unknown(plays, scenario.cast, noun="party in the cast named")
        yield Mistake("[lesson]", "plays", message)
    yield from _check_time(scenario)
    yield from _check_objectives(scenario)


def _table_of(scenario: Scenario, step: Inject | BotRule) -> str:
    """Return the table of a step with its number and name."""
    table = "injects" if isinstance(step, Inject) else "rules"
    rows = scenario.injects if isinstance(step, Inject) else scenario.rules
    number = next(number for number, row in enumerate(rows, start=1) if row is step)
    return f"[[{table}]] {number} ({step.name})"


def unknown(name: str, names: Collection[str], *, noun: str) -> str:
    """Return the message about a name that does not exist."""
    near = get_close_matches(name, names, n=1)
    listed = ", ".join(sorted(names)) or "none: add one"
    remedy = f"did you mean {near[0]}?" if near else f"there are {listed}"
    return f"there is no {noun} {name}: {remedy}"


def _check_cast(scenario: Scenario) -> Iterator[Mistake]:
    """Require one agency, which makes the others members, an authority, and known countries."""
    kinds = [member.kind for member in scenario.cast.values()]
    if kinds.count(PartyKind.AGENCY) != 1:
        message = "the cast needs exactly one agency, which makes the other parties members"
        yield Mistake("[cast]", "", f"{message}: add or remove one")
    if PartyKind.AUTHORITY not in kinds:
        yield Mistake("[cast]", "", "the cast needs an authority: add one")
    for name, member in scenario.cast.items():
        if member.country not in countries():
            message = f"{member.country} is no country code: use ISO 3166-1 alpha-2, such as BE"
            yield Mistake(f"[cast.{name}]", "country", message)


def _check_framework(scenario: Scenario) -> Iterator[Mistake]:
    if scenario.framework not in frameworks.names():
        message = unknown(scenario.framework, frameworks.names(), noun="framework")
        yield Mistake("", "framework", message)


def _check_conditions(step: Inject | BotRule, *, names: Collection[str]) -> Iterator[Mistake]:
    """Require that conditions name steps or milestones, and not the step itself."""
    named = [("only_if", name) for name in step.only_if]
    named += [("unless", name) for name in step.unless]
    if isinstance(step, BotRule):
        named.append(("after", step.after))
    for key, name in named:
        if name == step.name:
            yield Mistake("", key, f"{name} is this step itself: name another one")
        elif name not in names:
            yield Mistake("", key, unknown(name, names, noun="inject, rule or milestone"))
    for name in sorted(set(step.only_if) & set(step.unless)):
        yield Mistake("", "unless", f"{name} is also in only_if: the step could never happen")


def _check_actor(scenario: Scenario, step: Inject | BotRule) -> Iterator[Mistake]:
    """Require a party of the cast whose kind may do the act, or none for acts of the world."""
    act = step.do
    name = getattr(act, "act", "")
    if not act.BY:
        if step.by:
            yield Mistake("", "by", f"nobody does {name}: it comes from outside: remove by")
        return
    if not step.by:
        yield Mistake("", "by", f"{name} needs a party that does it: add by")
    elif step.by not in scenario.cast:
        yield Mistake("", "by", unknown(step.by, scenario.cast, noun="party in the cast named"))
    elif scenario.cast[step.by].kind not in act.BY:
        kind, kinds = scenario.cast[step.by].kind, ", ".join(sorted(act.BY))
        yield Mistake("", "by", f"{step.by} is of kind {kind}, but {name} is done by: {kinds}")


def _check_act(scenario: Scenario, step: Inject | BotRule) -> Iterator[Mistake]:
    """Check the references of an act: parties, content, earlier steps, tests, levels."""
    yield from _check_parties(scenario, step.do)
    yield from _check_content(scenario, step.do)
    yield from _check_law(scenario, step.do)
    of = getattr(step.do, "of", None)
    if of is None:
        return
    made_by = _MADE_BY[type(step.do)]
    makers = [other.name for other in scenario.steps if isinstance(other.do, made_by)]
    if of not in makers:
        noun = f"step that does {made_by.model_fields['act'].annotation.__args__[0]} named"  # type: ignore[union-attr]  # a Literal has arguments
        yield Mistake("", "of", unknown(of, makers, noun=noun))


def _check_parties(scenario: Scenario, act: acts.BaseAct) -> Iterator[Mistake]:
    """Require that addressees are in the cast, and that providers with copies have an agent."""
    to = getattr(act, "to", ())
    for name in (to,) if isinstance(to, str) else to:
        if name not in scenario.cast:
            yield Mistake("", "to", unknown(name, scenario.cast, noun="party in the cast named"))
        elif message := _wrong_addressee(act, scenario.cast[name].kind):
            yield Mistake("", "to", message)
    at = getattr(act, "at", ())
    agents = {name for name, member in scenario.cast.items() if member.agent}
    for name in (at,) if isinstance(at, str) else at:
        if name not in agents:
            yield Mistake("", "at", unknown(name, agents, noun="provider with agent = true named"))
    for country in (*getattr(act, "countries", ()), getattr(act, "country", "BE")):
        if country not in countries():
            key = "countries" if hasattr(act, "countries") else "country"
            yield Mistake("", key, f"{country} is no country code: use ISO 3166-1 alpha-2")


def _wrong_addressee(act: acts.BaseAct, kind: PartyKind) -> str:
    """Return why an act cannot be addressed to a party of a kind; "" if it can."""
    if isinstance(act, acts.Refer | acts.IssueOrder) and kind is not PartyKind.PROVIDER:
        return f"only a provider gets it, and this party is of kind {kind}"
    if isinstance(act, acts.ReportLead) and kind not in {PartyKind.AUTHORITY, PartyKind.AGENCY}:
        return f"only an authority or agency gets it, and this party is of kind {kind}"
    return ""


def _check_content(scenario: Scenario, act: acts.BaseAct) -> Iterator[Mistake]:
    """Require that content exists, has the variants, and is an address where one is needed."""
    name = getattr(act, "content", None)
    if name is None:
        return
    content = scenario.content.get(name)
    if content is None:
        yield Mistake("", "content", unknown(name, scenario.content, noun="content"))
        return
    if isinstance(act, acts.UploadCopies):
        for variant in set(act.variants) - set(VARIANTS[content.kind]):
            message = unknown(variant, VARIANTS[content.kind], noun=f"variant of a {content.kind}")
            yield Mistake("", "variants", message)
    if isinstance(act, acts.SpreadCopies) and content.kind is not ContentKind.PICTURE:
        yield Mistake("", "content", f"{name} is a {content.kind}: name content of kind picture")
    needs_address = isinstance(act, acts.Refer | acts.IssueOrder | acts.PlaceHold)
    if needs_address and content.kind is not ContentKind.ADDRESS:
        message = f"{name} is a {content.kind}: name content of kind address"
        yield Mistake("", "content", message)


def _check_law(scenario: Scenario, act: acts.BaseAct) -> Iterator[Mistake]:
    """Require tests of the framework, and levels of its matrix."""
    if scenario.framework not in frameworks.names():
        return
    framework = frameworks.framework(scenario.framework)
    if isinstance(act, acts.AnswerChecks):
        for test in set(act.others) - set(framework.tests):
            noun = f"test of {scenario.framework} named"
            yield Mistake("", "others", unknown(test, framework.tests, noun=noun))
    if isinstance(act, acts.RateCrisis):
        matrix = triages()[framework.triage]
        for key, level, levels in (
            ("harm", act.harm, matrix.harm),
            ("virality", act.virality, matrix.virality),
        ):
            if level >= len(levels):
                yield Mistake("", key, f"{level} is no level: use 0 to {len(levels) - 1}")


def _check_spread(scenario: Scenario) -> Iterator[Mistake]:
    """Require at most one spread: its curves are those of the exercise."""
    spreads = [step for step in scenario.steps if isinstance(step.do, acts.SpreadCopies)]
    for step in spreads[1:]:
        message = f"{spreads[0].name} begins a spread already: remove one of them"
        yield Mistake(_table_of(scenario, step), "act", message)


def _check_translations(scenario: Scenario) -> Iterator[Mistake]:
    """Require all news in each language in which some of it is."""
    news = [step for step in scenario.steps if isinstance(step.do, acts.Tell)]
    for language in acts.LANGUAGES:
        missing = [step for step in news if getattr(step.do, language) is None]
        if len(missing) == len(news):
            continue
        for step in missing:
            message = f"is missing, and other news has it: translate text, or remove {language}"
            yield Mistake(_table_of(scenario, step), language, f"{message} there")


def _check_time(scenario: Scenario) -> Iterator[Mistake]:
    """Require injects before the end, and rules that something begins."""
    for inject in scenario.injects:
        if inject.at_min > scenario.duration_min:
            message = f"is after the end of the exercise (duration_min = {scenario.duration_min:g})"
            yield Mistake(_table_of(scenario, inject), "at_min", f"{message}: move it forward")
    rules = {rule.name: rule for rule in scenario.rules}
    for rule in scenario.rules:
        chain = [rule.name]
        while (after := rules[chain[-1]].after) in rules and after not in chain:
            chain.append(after)
        if after == rule.name and len(chain) > 1:
            message = f"waits for itself: {' waits for '.join([*chain, after])}: change one of them"
            yield Mistake(_table_of(scenario, rule), "after", message)


def _check_objectives(scenario: Scenario) -> Iterator[Mistake]:
    for number, objective in enumerate(scenario.objectives, start=1):
        for finding in _check_objective(scenario, objective):
            yield Mistake(f"[[objectives]] {number}", finding.key, finding.message)


def _check_objective(scenario: Scenario, objective: Objective) -> Iterator[Mistake]:
    """Require a known measure, and a party of the cast if one is named."""
    if objective.measure not in MEASURES:
        yield Mistake("", "measure", unknown(objective.measure, MEASURES, noun="measure"))
    if objective.party and objective.party not in scenario.cast:
        message = unknown(objective.party, scenario.cast, noun="party in the cast named")
        yield Mistake("", "party", message)
