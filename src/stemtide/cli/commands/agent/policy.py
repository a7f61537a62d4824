# SPDX-License-Identifier: Apache-2.0
"""stemtide agent policy: show an agent's policy, and try another one on what it decided."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.output import AsJson, fail_on, print_note, print_result

if TYPE_CHECKING:  # at run time they are imported where used, so that --help stays fast
    from stemtide.agent.config.policy import Policy, Rule
    from stemtide.agent.recognise.decisions import Difference, Trial

policy = typer.Typer(no_args_is_help=True, help="An agent's policy.")

_Config = Annotated[
    Path | None,
    typer.Option(help="Path of agent.toml; without it, ./agent.toml or the environment."),
]
_NONE = "none"


@policy.command("try")
def try_file(
    file: Annotated[
        Path, typer.Argument(help="A file with a [policy] table, such as a changed agent.toml.")
    ],
    config: _Config = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"],
            help="Only decisions since this day or time (UTC). Default: as far back as keep_days.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Differences to list, the newest first; 0 for all.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Say what another policy would have done with past uploads.

    Judges the agent's past decisions again, with its signals and parties of now, and lists those
    that differ. Nothing is changed, and the agent may be running. With --json, the first line has
    the numbers and each other line a difference.
    """
    from stemtide.agent.config.policy import read_policy_file
    from stemtide.agent.config.settings import ConfigError, load
    from stemtide.agent.recognise.decisions import try_policy
    from stemtide.agent.store.schema import StoreError

    with fail_on(ConfigError, StoreError):
        tried = read_policy_file(file).acting
        settings = load(config)
        first = datetime.now(UTC) - timedelta(days=settings.keep_days)
        first = since.replace(tzinfo=UTC) if since else first
        trial = try_policy(settings.data_dir, tried, in_force=settings.policy, since=first)
    print_result(_numbers(trial, first), as_json=as_json, line=_table(trial, file.name, first))
    differences = trial.differences[:limit] if limit else trial.differences
    for difference in differences:
        print_result(_row(difference), as_json=as_json, line=_line(difference))
    if len(differences) < len(trial.differences):
        print_note(
            f"{len(differences):,} of {len(trial.differences):,} listed: --limit 0 lists all."
        )


@policy.command("show")
def show(config: _Config = None, as_json: AsJson = False) -> None:
    """Print the rules of an agent in order, and what is in shadow."""
    from stemtide.agent.config.settings import ConfigError, Shadow, load

    with fail_on(ConfigError):
        policies = load(config).policies
    in_shadow = policies.shadows.get(Shadow.RULES)
    for rule in (in_shadow or policies.acting).rules:
        row = {"rule": rule.name, "action": rule.action, "shadow": rule.shadow}
        row["conditions"] = _conditions(rule)
        print_result(row, as_json=as_json, line=_rule_line(rule))
    for line in _other_lines(policies.acting):
        print_note(line)


def _other_lines(acting: "Policy") -> list[str]:
    """Describe the settings of a policy that are no rules."""
    lines = [f"undecodable: {acting.unread.undecodable}, limit: {acting.unread.limit}"]
    names = [*sorted(acting.parties), *(f"group {group}" for group in sorted(acting.groups))]
    return lines + ([f"in shadow: {', '.join(names)}"] if names else [])


def _rule_line(rule: "Rule") -> str:
    """Describe a rule on one line."""
    conditions = [f"{name} = {value}" for name, value in _conditions(rule).items()]
    mark = " (in shadow)" if rule.shadow else ""
    return f"{rule.action:<6}{rule.name}{mark}: {'; '.join(conditions) or 'everything else'}"


def _conditions(rule: "Rule") -> dict[str, str]:
    """Return the conditions that a rule sets, in words."""
    from dataclasses import fields

    conditions = {}
    for field in fields(rule):
        value = getattr(rule, field.name)
        if field.name not in ("name", "action", "shadow") and value != field.default:
            words = sorted(value) if isinstance(value, frozenset) else [value]
            conditions[field.name] = ", ".join(str(word) for word in words)
    return conditions


def _numbers(trial: "Trial", since: datetime) -> dict[str, object]:
    """Return the numbers of a trial."""
    return {
        "since": since.isoformat(timespec="seconds"),
        "lookups": trial.lookups,
        "decisions": trial.decisions,
        "not_judged": trial.gone,
        "differ": len(trial.differences),
        "done": dict(trial.done),
        "would": {action or _NONE: number for action, number in trial.would.items()},
        "in_force": {action or _NONE: number for action, number in trial.in_force.items()},
    }


def _table(trial: "Trial", name: str, since: datetime) -> str:
    """Describe the numbers of a trial for people."""
    from stemtide.protocol.enums import Action

    matched = trial.decisions + trial.gone
    lines = [
        f"{trial.lookups:,} look-ups since {since:%Y-%m-%d %H:%M} UTC, {matched:,} matched",
        f"{'':8}{'done':>10}{'in force':>12}{name:>{_width(name)}}",
    ]
    for action in (*sorted(Action, key=lambda word: -word.rank), None):
        if action or trial.would[None] or trial.in_force[None]:
            done = trial.done[action] if action else 0
            would = f"{trial.would[action]:>{_width(name)},}"
            lines.append(f"{action or _NONE:8}{done:>10,}{trial.in_force[action]:>12,}{would}")
    if trial.gone:
        lines.append(f"{trial.gone:,} were not judged: their signals have expired")
    moves = Counter(
        f"{difference.done} -> {difference.would or _NONE}" for difference in trial.differences
    )
    counts = ", ".join(f"{number:,} {move}" for move, number in moves.most_common())
    lines.append(
        f"{len(trial.differences):,} of {trial.lookups:,} would differ"
        + (f": {counts}" if counts else "")
    )
    return "\n".join(lines)


def _width(name: str) -> int:
    return max(10, len(name) + 2)


def _row(difference: "Difference") -> dict[str, object]:
    """Return a difference as a row."""
    return {
        "ref": difference.ref,
        "at": difference.at.isoformat(timespec="seconds"),
        "done": difference.done,
        "would": difference.would,
        "in_force": difference.in_force,
        "signal": difference.signal or None,
        "shared_by": difference.shared_by or None,
        "rule": difference.rule or None,
        "why": difference.why,
    }


def _line(difference: "Difference") -> str:
    """Describe a difference for people."""
    would = difference.would or _NONE
    ref = "".join(char if char.isprintable() else "?" for char in difference.ref)
    line = f"{difference.at:%Y-%m-%d %H:%M}  {ref}  {difference.done} -> {would}"
    if difference.rule:
        line += f"  rule {difference.rule}"
    if difference.signal:
        line += f"  signal {difference.signal} of {difference.shared_by}"
    if difference.would == difference.in_force:
        line += "  (the policy in force would now do the same)"
    return line
