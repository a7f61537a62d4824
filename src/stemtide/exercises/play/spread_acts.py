# SPDX-License-Identifier: Apache-2.0
"""Spread copies over simulated services, with real agents at the providers that take part."""

from uuid import uuid4

from stemtide.exercises.play import signal_acts
from stemtide.exercises.play.context import Context
from stemtide.exercises.spread.live import LiveSpread, SpreadOutcome
from stemtide.exercises.spread.model import SpreadPlan
from stemtide.scenarios import acts


def spread(context: Context, act: acts.SpreadCopies) -> str:
    """Begin the spread, or run it up to now; then ask the agents about the next sample."""
    if context.spread is None:
        context.spread = _begin(context, act)
        context.spread_step, context.spread_began_min = context.step, context.minutes
    else:
        _run_until(context, context.minutes)
    before = dict(context.reported)
    sampled = context.spread.ask_agents(context.minutes)
    for provider in act.at:
        if context.reported.get(provider, 0) != before.get(provider, 0):
            signal_acts.wait_for_report(context, provider)
    return _summary(context.spread, sampled=sampled)


def finish(context: Context, minutes: float) -> None:
    """Run the spread up to the end of the exercise, if one began."""
    if context.spread is not None:
        _run_until(context, minutes)


def outcome(context: Context) -> SpreadOutcome | None:
    """Return the outcome of the spread; None if none began."""
    run = context.spread
    if run is None:
        return None
    step = next(step for step in context.scenario.steps if step.name == context.spread_step)
    content = step.do.content if isinstance(step.do, acts.SpreadCopies) else ""
    return SpreadOutcome(
        step=step.name,
        content=content,
        services=run.plan.services,
        providers=tuple(run.providers),
        points=tuple(run.points),
        samples=tuple(run.samples),
    )


def _begin(context: Context, act: acts.SpreadCopies) -> LiveSpread:
    """Return a spread whose copies at real agents are real pictures."""

    def ask(provider: str, variant: int) -> bool:
        blob = context.content.copy(act.content, number=variant)
        ref = f"{act.content}-{variant}-{uuid4().hex[:8]}"
        result = context.world.upload(provider, ref=ref, blob=blob)
        context.reported[provider] = context.reported.get(provider, 0) + bool(result.action)
        return bool(result.action) and not result.is_disputed

    plan = SpreadPlan(
        services=act.services,
        agents=len(act.at),
        interest=act.uploads_per_min,
        peak=act.peak_min,
    )
    return LiveSpread(plan, context.seed, act.at, act.sample, ask)


def _run_until(context: Context, minutes: float) -> None:
    if context.spread is not None:
        passed = round(minutes - context.spread_began_min)
        context.spread.run_until(passed, at_min=minutes)


def _summary(run: LiveSpread, *, sampled: int) -> str:
    """Return how far the copies came."""
    begin = f"{sampled} copies reach {len(run.providers)} agents"
    if not run.points:
        return f"{begin}; others spread over {run.plan.services:,} services"
    last = run.points[-1]
    return (
        f"{begin}; so far {last.uploads:,} uploads at {run.plan.services:,} services,"
        f" {last.stopped:,} blocked, {last.visible:,} visible"
    )
