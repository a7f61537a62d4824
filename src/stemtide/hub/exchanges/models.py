# SPDX-License-Identifier: Apache-2.0
"""Exchanges, the records that came through them, what is still to be pushed, and their log."""

from django.db import models
from django.db.models import Q

from stemtide.hub.parties.models import Party
from stemtide.hub.signals.models import Signal
from stemtide.protocol.exchanges import OutgoingState
from stemtide.protocol.words import ExchangeKind


class Exchange(models.Model):
    """One other hub that this one pulls from, pushes to, or both.

    secret:     sealed by the hub's own secret: a copy of the database opens nothing elsewhere.
    party:      whose signals its records become.
    hub:        the other side's id, once it told one.
    checkpoint: where pulling goes on, in the words of its kind.
    next_at:    when it is due; while a clock runs it, when its lease ends. None: paused or removed.
    taken:      how often a run was begun; who writes what it brought must have begun it.
    day, day_count: how many new signals came on the last day that any did.
    pushed_to:  up to which feed position signals were looked at for pushing.
    counts: records by their fate; not_taken_back: withdrawals that the other side refused for good.
    inside:     whether the other side is inside the circle that TLP:AMBER may reach.
    """

    uid = models.UUIDField(unique=True)
    name = models.SlugField(max_length=40, unique=True)
    kind = models.CharField(max_length=20, choices=[(k, k) for k in ExchangeKind])
    pulls = models.BooleanField(default=True)
    pushes = models.BooleanField(default=False)
    inside = models.BooleanField(default=False)
    address = models.CharField(max_length=300)
    push_address = models.CharField(max_length=300, blank=True)
    account = models.CharField(max_length=200, blank=True)
    secret = models.TextField(blank=True)
    party = models.ForeignKey(Party, models.PROTECT, related_name="exchanges")
    terms = models.JSONField(default=dict)
    every_s = models.PositiveIntegerField()
    is_paused = models.BooleanField(default=False)
    hub = models.CharField(max_length=36, blank=True)
    checkpoint = models.JSONField(default=dict)
    next_at = models.DateTimeField(null=True)
    taken = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=300, blank=True)
    last_ok_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)
    day = models.DateField(null=True)
    day_count = models.PositiveIntegerField(default=0)
    pushed_to = models.BigIntegerField(default=0)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> str:
        """How the ledger names this row."""
        return f"exchange:{self.name}"


class Record(models.Model):
    """A record of a source that stands for a signal here, or an event of MISP's that was read.

    signal:      None for an event. is_own: whether it is the source's party's signal; otherwise
                 another party's, of the same value.
    is_disputed: as the source last said. ended: the source took it back.
    part_of:     the record of the source's that it is one comparison of; "" for a whole one.
    """

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="records")
    key = models.CharField(max_length=300)
    version = models.CharField(max_length=80)
    signal = models.ForeignKey(Signal, models.PROTECT, null=True, related_name="records")
    is_own = models.BooleanField(default=True)
    is_disputed = models.BooleanField(default=False)
    ended = models.BooleanField(default=False)
    part_of = models.CharField(max_length=300, blank=True, db_default="")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("exchange", "key", name="one_record_an_exchange_and_key")
        ]
        indexes = [
            models.Index("exchange", "part_of", condition=~Q(part_of=""), name="records_by_whole"),
        ]

    def __str__(self) -> str:
        return self.key


class Line(models.Model):
    """One line of an exchange's log. It never holds a value."""

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="lines")
    at = models.DateTimeField()
    words = models.CharField(max_length=500)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.words


class Outgoing(models.Model):
    """A signal on its way to another hub, or there.

    remote:  its id there, where the other side gives it one; "" until it is known.
    next_at: when it is tried; None where nothing is to be done.
    attempts: how often it was begun to be sent, or how often taking it back was refused.
    refused_since: since when it is refused in runs in which nothing new is taken at all.
    """

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="outgoing")
    signal = models.ForeignKey(Signal, models.PROTECT, related_name="outgoing")
    state = models.CharField(max_length=20, choices=[(s, s) for s in OutgoingState])
    remote = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    refused_since = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "outgoing"
        constraints = [
            models.UniqueConstraint(
                "exchange", "signal", name="one_outgoing_an_exchange_and_signal"
            )
        ]
        indexes = [
            models.Index("exchange", "next_at", name="outgoing_by_due"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.signal_id}"
