# SPDX-License-Identifier: Apache-2.0
"""Acts of bots on signals, and uploads from outside."""

import time
from uuid import uuid4

from stemtide.exercises import fingerprints
from stemtide.exercises.play.context import Context, counted
from stemtide.exercises.results.record import UploadedCopy
from stemtide.exercises.scenarios import acts
from stemtide.exercises.stage import DemoError
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.messages.signals import BulkIn, BulkOut, OpinionIn, SignalIn, WithdrawIn

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
            exercise=True,
        )
        for fields in _fields(context, act.content)
    )
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
    copies = [
        _upload_copy(context, act, provider=provider, variant=variant)
        for provider in act.at
        for variant in act.variants
        for _ in range(act.copies)
    ]
    context.copies += [copy for copy, _ in copies]
    for provider in act.at:
        logged = sum(action and copy.provider == provider for copy, action in copies)
        context.reported[provider] = context.reported.get(provider, 0) + logged
        _wait_for_report(context, provider)
    matched = sum(copy.is_match for copy, _ in copies)
    return f"{len(copies)} copies of {act.content} at {', '.join(act.at)}: {matched} matched"


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
    copy = UploadedCopy(
        at_min=context.minutes,
        step=context.step,
        provider=provider,
        content=act.content,
        variant=variant,
        is_harmless=context.content.is_harmless(act.content),
        is_match=bool(result.action) and not result.is_disputed,
    )
    return copy, bool(result.action)


def _wait_for_report(context: Context, provider: str) -> None:
    """Wait until the hub has counted as many uploads of a provider as its agent matched.

    raises: DemoError if they never come.
    """
    ends = time.monotonic() + _REPORTED_WITHIN_S
    while time.monotonic() < ends:
        counted = sum(
            int(str(entry.detail.get("logged", 0)))
            for entry in context.world.entries(after=0)
            if entry.kind == "outcomes.reported" and entry.actor == f"party:{provider}"
        )
        if counted >= context.reported[provider]:
            return
        time.sleep(0.02)
    raise DemoError(f"the hub never heard of all that the agent of {provider} matched")
