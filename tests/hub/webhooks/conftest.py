# SPDX-License-Identifier: Apache-2.0
"""A receiver that verifies as its library says, and a hub's clock whose hands are turned here."""

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Verifier

from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.webhooks.models import Delivery, Webhook
from stemtide.hub.rooms.webhooks.sender import WebhookSender
from stemtide.hub.rooms.webhooks.writes import (
    deliveries as writes_sending,
    events as writes_events,
    webhooks as writes,
)
from stemtide.protocol.messages.webhooks import WebhookIn
from tests.hub.alerts.receivers import answer, parts, receiver
from tests.world import World


@dataclass
class Ear:
    """A receiver on this machine. reply: the bytes of its next answers, the last one for ever."""

    stack: ExitStack
    replies: list[bytes] = field(default_factory=lambda: [answer(204)])
    secret: str = ""

    def __post_init__(self):
        self._to = self.stack.enter_context(receiver(self._reply))
        self.url = f"http://127.0.0.1:{self._to.port}/hook"

    def _reply(self, connection):
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        connection.sendall(reply)

    @property
    def requests(self):
        """Headers and bodies, as they came."""
        return [parts(one)[1:] for one in self._to.requests]

    @property
    def ids(self):
        return [headers["webhook-id"] for headers, _ in self.requests]

    @property
    def heard(self):
        """What was said, each checked by the library against the secret."""
        return [Verifier(self.secret).verify(body, headers) for headers, body in self.requests]

    @property
    def types(self):
        return [json.loads(body)["type"] for _, body in self.requests]


@dataclass
class Hub:
    """The world, its webhooks and their clock.

    Signatures are checked against the real time, so that the clock's hands start there.
    """

    world: World
    stack: ExitStack
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self):
        self._start = self.now
        self.calling = WebhookSender(
            home="https://hub.example",
            loopback=True,
            now=lambda: self.now,
            jitter=lambda: 0.5,
            threads=2,
        )
        self.stack.callback(self.calling.close)

    def caller(self, party=None, *, scopes=None):
        text = self.world.key(party or self.world.authority, scopes=scopes)
        return parties.caller(text, now=self.now)

    def listen(self, *types, party=None, by=None, exercise=False, replies=()):
        """A receiver that a party registered for some events, all by default."""
        ear = Ear(self.stack)
        ear.replies = list(replies) or ear.replies
        body = WebhookIn(url=ear.url, event_types=types or ("*",), exercise=exercise)
        by = by or self.caller(party)
        made = writes.add(body, by=by, now=self.now, loopback=True)
        ear.secret, ear.id, ear.by = made.secret, made.id, by
        return ear

    def row(self, ear) -> Webhook:
        return Webhook.objects.get(uid=ear.id)

    def last(self, ear) -> Delivery:
        return Delivery.objects.filter(webhook__uid=ear.id).first()

    def states(self, ear):
        rows = Delivery.objects.filter(webhook__uid=ear.id).order_by("pk")
        return list(rows.values_list("kind", "state"))

    def follow(self):
        return writes_events.follow_ledger(self.now)

    def send(self, *, times=1):
        """Let everything leave that is due; here and now, in this thread."""
        for _ in range(times):
            for taken in writes_sending.claim_due(self.now, limit=10):
                self.calling.run(taken)

    def tick(self, **later):
        """Turn the hands, then do what the clock does until nothing is due."""
        self.now += timedelta(**later)
        self.follow()
        while taken := writes_sending.claim_due(self.now, limit=10):
            for one in taken:
                self.calling.run(one)


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def hub(world, stack):
    return Hub(world, stack)


@pytest.fixture
def committed_hub(committed_world, stack):
    return Hub(committed_world, stack)
