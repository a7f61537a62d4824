# SPDX-License-Identifier: Apache-2.0
"""Acts of the world outside: news, and agents that go dark."""

from stemtide.exercises.play.context import Context, NotPossibleError
from stemtide.scenarios import acts


def tell(_context: Context, act: acts.Tell) -> str:
    """Bring news. Bots have rules that wait for it."""
    return f"{act.kind.replace('_', ' ')} for {', '.join(act.to)}: {act.text}"


def stop_agent(context: Context, act: acts.StopAgent) -> str:
    """Stop an agent."""
    if act.at not in context.world.clients:
        raise NotPossibleError(f"the agent of {act.at} is stopped already")
    context.world.stop_agent(act.at)
    return f"the agent of {act.at} goes dark"


def start_agent(context: Context, act: acts.StartAgent) -> str:
    """Start an agent again."""
    if act.at in context.world.clients:
        raise NotPossibleError(f"the agent of {act.at} runs already")
    context.world.start_agent(act.at)
    return f"the agent of {act.at} is back"
