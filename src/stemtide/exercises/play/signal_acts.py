# SPDX-License-Identifier: Apache-2.0
"""Acts of bots on signals, and uploads from outside."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

from stemtide.exercises import fingerprints
from stemtide.exercises.play.context import Context, counted
from stemtide.exercises.results.record import UploadedCopy
from stemtide.exercises.stage import DemoError
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.messages.signals import BulkIn, BulkOut, OpinionIn, SignalIn, WithdrawIn
from stemtide.scenarios import acts

_REPORTED_WITHIN_S = 60.0


def share(context: Context, act: acts.ShareContent) -> str:
    """Share the fingerprints of content, and wait until every agent has them."""
    crisis = context.open_crisis if act.in_crisis else None
    content = uuid4()
    signals = tuple(
        SignalIn(
            kind=fields["kind"],
            value=fields["value"],
            quality=fields.get("quality"),
            content=content,
            labels=act.labels,
            severity=act.severity,
            confidence=act.confidence,
            crisis=crisis,
            exercise=context.world.exercise,
        )
        for fields in _fields(context, act.content)
    )
    context.share_began_s.setdefault(act.content, time.monotonic())
    result = context.hub.share_signals(BulkIn(signals=signals))
    if not isinstance(result, BulkOut):
        raise DemoError("the hub answered a share with a dry run")
    shared = [signal for signal in result.signals if signal is not None]
    context.made[context.step] = [signal.id for signal in shared]
    context.shared_at_min.setdefault(act.content, context.minutes)
    context.world.wait_for_all(position=max((signal.position for signal in shared), default=0))
    waiting = f", {result.waiting} wait for a second look" if result.waiting else ""
    return f"shares {counted(len(shared), 'signal')} of {act.content}{waiting}"


def _fields(context: Context, content: str) -> list[dict[str, object]]:
    """Return kind and value of each fingerprint of content."""
    if context.content.is_address(content):
        return [{"kind": Kind.URL, "value": context.content.address(content)}]
    return fingerprints.shareable_fields(context.content.file(content), sandbox=context.sandbox)


def opine(context: Context, act: acts.Opine) -> str:
    """Give an opinion of each signal of a share."""
    body = OpinionIn(opinion=act.opinion, note=act.note)
    changed = [context.hub.give_opinion(body, uid=uid) for uid in context.things(act.of)]
    context.world.wait_for_all(position=max((signal.position for signal in changed), default=0))
    return f"{act.opinion}s: {counted(len(changed), 'signal')} of {act.of}"


def withdraw(context: Context, act: acts.Withdraw) -> str:
    """Withdraw each signal of a share."""
    body = WithdrawIn(reason=act.reason, note="EXERCISE")
    ended = [context.hub.withdraw_signal(body, uid=uid) for uid in context.things(act.of)]
    context.world.wait_for_all(position=max((signal.position for signal in ended), default=0))
    return f"withdraws {counted(len(ended), 'signal')} of {act.of}"


def upload(context: Context, act: acts.UploadCopies) -> str:
    """Upload copies at providers, and wait until the hub has their outcomes."""
    if not act.at:
        return f"copies of {act.content} are given to people"
    context.content.make(act)
    with ThreadPoolExecutor(max_workers=len(act.at)) as pool:
        uploads = list(pool.map(partial(_upload_at, context, act), act.at))
    copies = [copy for at_provider in uploads for copy in at_provider]
    context.copies += [copy for copy, _ in copies]
    for provider in act.at if context.world.exercise else ():  # the demo waits once, at its end
        logged = sum(action and copy.provider == provider for copy, action in copies)
        context.reported[provider] = context.reported.get(provider, 0) + logged
        wait_for_report(context, provider)
    matched = sum(copy.is_match for copy, _ in copies)
    uploaded = counted(len(copies), "copy", "copies")
    return f"{uploaded} of {act.content} at {', '.join(act.at)}: {matched} matched"


def _upload_at(
    context: Context, act: acts.UploadCopies, provider: str
) -> list[tuple[UploadedCopy, bool]]:
    """Upload all copies of an act at a provider."""
    return [
        _upload_copy(context, act, provider=provider, variant=variant)
        for variant in act.variants
        for _ in range(act.copies)
    ]


def _upload_copy(
    context: Context, act: acts.UploadCopies, *, provider: str, variant: str
) -> tuple[UploadedCopy, bool]:
    """Upload one copy; return it, and whether the agent will report it."""
    ref = f"{act.content}-{uuid4().hex[:8]}"
    if context.content.is_address(act.content):
        url = context.content.address(act.content, variant=variant)
        result = context.world.post_link(provider, ref=ref, url=url)
    else:
        blob = context.content.file(act.content, variant=variant)
        result = context.world.upload(provider, ref=ref, blob=blob)
    is_harmless = context.content.is_harmless(act.content)
    is_match = bool(result.action) and not result.is_disputed
    if not context.world.exercise and not is_harmless:
        is_match = result.action == "block"
    if is_match and act.content in context.share_began_s:
        took_ms = (time.monotonic() - context.share_began_s[act.content]) * 1000
        context.match_took_ms.setdefault((provider, act.content), took_ms)
    copy = UploadedCopy(
        at_min=context.minutes,
        step=context.step,
        provider=provider,
        content=act.content,
        variant=variant,
        is_harmless=is_harmless,
        is_match=is_match,
    )
    return copy, bool(result.action)


def wait_for_report(context: Context, provider: str) -> None:
    """Wait until the hub has counted as many uploads of a provider as its agent matched.

    raises: DemoError if they never come.
    """
    ends = time.monotonic() + _REPORTED_WITHIN_S
    while time.monotonic() < ends:
        for entry in context.world.entries(after=context.read_until):
            context.read_until = entry.number
            if entry.kind == "outcomes.reported":
                actor = entry.actor.removeprefix("party:")
                context.counted[actor] += int(str(entry.detail.get("logged", 0)))
        if context.counted[provider] >= context.reported[provider]:
            return
        time.sleep(0.02)
    raise DemoError(f"the hub never heard of all that the agent of {provider} matched")
