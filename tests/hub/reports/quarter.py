# SPDX-License-Identifier: Apache-2.0
"""A busy quarter, made by the real writes: signals, disputes, complaints, orders and referrals."""

from datetime import datetime, timedelta

from stemtide.hub.rooms.complaints.writes import complaints
from stemtide.hub.rooms.referrals.writes import answers, referrals
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.signals.writes.opinions import give_opinion
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.complaints import (
    ComplaintIn,
    ComplaintOutcomeIn,
    ComplaintTakeIn,
)
from stemtide.protocol.messages.referrals import AnswerIn, AssessIn, SendIn
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.hub.orders import cast
from tests.world import NOON, World, add_member, hex_value, signal_in

DUE = datetime.fromisoformat("2027-01-11T00:00:00+00:00")
"""When the figures of the quarter of NOON are due."""

LATER = timedelta(hours=5)


class Quarter:
    """The world of a hub with five providers and six sharers, and what they do."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.providers = [
            world.big_provider,
            world.small_provider,
            *(
                add_member(f"service-{n}", title=f"Service {n}", kind="provider", country="FR")
                for n in range(3)
            ),
        ]
        self.sharers = [world.authority, world.other_authority, world.agency, *self.providers]
        self._values = 100

    def share(self, by, *labels: str, at: datetime = NOON, **facts):
        """Share a signal of a value of its own."""
        self._values += 1
        facts = {"labels": labels or ("incitement",), "value": hex_value(self._values)} | facts
        return signals.share(signal_in(**facts), by=by, now=at)

    def share_some(self) -> list:
        """Two signals of each sharer with one label, and two of one sharer with another."""
        shared = [self.share(by) for by in self.sharers for _ in range(2)]
        return shared + [self.share(self.world.authority, "manifesto") for _ in range(2)]

    def withdraw(self, signal, *, by=None, reason="mistake", at=NOON + LATER):
        body = WithdrawIn(reason=reason)
        signals.withdraw(signal.id, body=body, by=by or self.world.authority, now=at)

    def opine(self, signal, opinion="dispute", *, by, at=NOON + LATER):
        body = OpinionIn(opinion=opinion, note="a news report" if opinion == "dispute" else "")
        give_opinion(signal.id, body=body, by=by, now=at)

    def complain(self, provider, signal, *, is_upheld=True, days=2):
        """Complain to a provider about a signal; it decides some days later."""
        by = self.world.actor(provider, role="duty_officer")
        self._values += 1
        body = ComplaintIn(
            reference=f"case-{self._values}",
            basis="signal",
            ground=signal.id,
            measure="blocked",
            acted_at=NOON - timedelta(hours=1),
            text="This is a news report.",
        )
        filed = complaints.file_for(body, by=by, now=NOON).complaint
        at = NOON + timedelta(days=days)
        complaints.take(filed.id, body=ComplaintTakeIn(), by=by, now=at)
        body = ComplaintOutcomeIn(
            is_upheld=is_upheld,
            exemption="news" if is_upheld else "none",
            finding="content" if is_upheld else None,
            reasons="It reports on the attack.",
        )
        complaints.decide(filed.id, body=body, by=by, now=at)

    def refer(self, provider, *, answer="removed", hours=3.0, ideology="right-wing", language="en"):
        """Refer content to a provider, which answers some hours later; or not."""
        self._values += 1
        body = AssessIn(
            provider=provider.name,
            url=f"https://video.example/watch/{self._values}",
            content_type="video",
            language=language,
            ideology=ideology,
            labels=("incitement",),
            reason="It calls for an attack on a market.",
        )
        by = self.world.actor(self.world.authority, role=Role.DUTY_OFFICER)
        sent = referrals.refer(body, assessment=SendIn(), by=by, now=NOON)
        if answer:
            body = AnswerIn(answer=answer, reason="within_terms" if answer == "refused" else None)
            at = NOON + timedelta(hours=hours)
            answers.answer(sent.id, body=body, by=self.world.actor(provider), now=at)
        return sent

    def refer_some(self) -> None:
        """Referrals to all providers that are removed, and to two that are refused."""
        for number, provider in enumerate(self.providers):
            for hours in (0.5, 3, 30):
                self.refer(provider, hours=hours, language="en" if number else "fr")
        for provider in self.providers[:2]:
            self.refer(provider, answer="refused", ideology="jihadist")

    def order(self, *, executed_after: float | None = 30):
        """A removal order that is executed some minutes later; or not."""
        issued = cast.issue(self.world)
        if executed_after is not None:
            cast.receive(issued.id)
            cast.execute(self.world, issued.id, at=cast.after(executed_after))
        return issued
