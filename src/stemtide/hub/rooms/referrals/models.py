# SPDX-License-Identifier: Apache-2.0
"""Referrals with the questions about them, batches with their rows, and holds."""

from django.db import models
from django.db.models import Q

from stemtide.hub.platform.retention.columns import RetainedRow
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.rules.competences import shown_reference
from stemtide.hub.rooms.referrals.rules.referrals import STANDING
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums.referrals import (
    Answer,
    ContentType,
    DropReason,
    HoldReason,
    HoldState,
    ReceiptVia,
    ReferralState,
    RefusalReason,
    RowOutcome,
    TakeBackReason,
)


class Batch(models.Model):
    """Referrals that were sent together. name: its sender's, which opens it once."""

    uid = models.UUIDField(unique=True)
    sender = models.ForeignKey(Party, models.PROTECT, related_name="batches")
    name = models.CharField(max_length=120)
    crisis = models.ForeignKey(Crisis, models.PROTECT, null=True, related_name="batches")
    exercise = models.BooleanField(default=False)
    opened_at = models.DateTimeField()

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "name", "exercise"], name="one_batch_a_sender_and_name"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"batch:{self.uid}"


class Referral(RetainedRow):
    """One address, referred by one authority or agency to one provider, or assessed for it.

    digest:     SHA-256 in hex of the address' canonical spelling: how equal ones are found.
    url:        the address to send. It is stored here only, in no entry of the ledger.
    decided_at: when its sender first decided: to refer it, or not to.
    freed_at:   when the last hold on it was over.
    override:   the emergency for which it did not wait for a hold.
    despite:    why it was sent although another authority had referred the same.
    measure_at: when the content was removed, disabled or blocked, as the provider says.
    """

    uid = models.UUIDField(unique=True)
    reference = models.CharField(max_length=30)
    sender = models.ForeignKey(Party, models.PROTECT, related_name="referrals_sent")
    provider = models.ForeignKey(Party, models.PROTECT, related_name="referrals")
    url = models.CharField(max_length=4096)
    digest = models.CharField(max_length=64, db_index=True)
    content_type = models.CharField(max_length=12, choices=[(c, c) for c in ContentType])
    language = models.CharField(max_length=12, blank=True)
    ideology = models.CharField(max_length=30, blank=True)
    labels = models.JSONField(default=list)
    terms = models.CharField(max_length=300, blank=True)
    reason = models.TextField()
    crisis = models.ForeignKey(Crisis, models.PROTECT, null=True, related_name="referrals")
    signals = models.ManyToManyField(Signal, related_name="referrals")
    batch = models.ForeignKey(Batch, models.PROTECT, null=True, related_name="referrals")
    exercise = models.BooleanField(default=False)
    state = models.CharField(
        max_length=14, choices=[(s, s) for s in ReferralState], default=ReferralState.ASSESSED
    )
    assessed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    drop_reason = models.CharField(max_length=20, blank=True, choices=[(r, r) for r in DropReason])
    drop_note = models.CharField(max_length=500, blank=True)
    held_at = models.DateTimeField(null=True)
    freed_at = models.DateTimeField(null=True)
    override = models.CharField(max_length=500, blank=True)
    despite = models.CharField(max_length=500, blank=True)
    sent_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    received_via = models.CharField(max_length=10, blank=True, choices=[(v, v) for v in ReceiptVia])
    acknowledged_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=14, blank=True, choices=[(a, a) for a in Answer])
    measure_at = models.DateTimeField(null=True)
    countries = models.JSONField(default=list)
    refusal_reason = models.CharField(
        max_length=20, blank=True, choices=[(r, r) for r in RefusalReason]
    )
    answer_note = models.TextField(blank=True)
    provider_reference = models.CharField(max_length=100, blank=True)
    reinstated_at = models.DateTimeField(null=True)
    reinstate_note = models.CharField(max_length=500, blank=True)
    withdrawn_at = models.DateTimeField(null=True)
    take_back_reason = models.CharField(
        max_length=20, blank=True, choices=[(r, r) for r in TakeBackReason]
    )
    take_back_note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "reference"], name="one_referral_a_sender_and_reference"
            ),
            models.UniqueConstraint(
                fields=["digest", "provider", "sender", "exercise"],
                condition=Q(state__in=STANDING),
                name="one_standing_referral_a_sender_and_address",
            ),
        ]
        indexes = [
            models.Index("provider", "state", name="referrals_of_a_provider"),
            models.Index("sender", "state", name="referrals_of_a_sender"),
            models.Index("reference", name="referrals_by_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.state}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"referral:{self.uid}"

    @property
    def shown_reference(self) -> str:
        """Return the reference, with the sender's state in front of references that lack it."""
        return shown_reference(self.reference, state=self.sender.country)


class Question(models.Model):
    """A question that a provider asked before its decision, and the answer."""

    referral = models.ForeignKey(Referral, models.CASCADE, related_name="questions")
    question = models.TextField()
    asked_at = models.DateTimeField()
    context = models.TextField(blank=True)
    given_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["asked_at", "pk"]

    def __str__(self) -> str:
        return f"question {self.pk} of {self.referral_id}"


class BatchRow(models.Model):
    """A row of a batch and its outcome. url, provider: as spelled in the file."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField()
    url = models.CharField(max_length=4096, blank=True)
    provider = models.CharField(max_length=60, blank=True)
    outcome = models.CharField(max_length=20, choices=[(o, o) for o in RowOutcome])
    message = models.CharField(max_length=500, blank=True)
    referral = models.ForeignKey(Referral, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="one_row_a_batch_and_number")
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.outcome}"


class Hold(models.Model):
    """An authority's or agency's wish that content be left alone until a moment.

    digest:         as a referral's; "" where it is of a signal alone. The address is not kept.
    case_reference: the holder's own, for nobody else.
    """

    uid = models.UUIDField(unique=True)
    reference = models.CharField(max_length=30)
    holder = models.ForeignKey(Party, models.PROTECT, related_name="holds")
    digest = models.CharField(max_length=64, blank=True, db_index=True)
    signal = models.ForeignKey(Signal, models.PROTECT, null=True, related_name="holds")
    until = models.DateTimeField()
    reason = models.CharField(max_length=20, choices=[(r, r) for r in HoldReason])
    contact = models.CharField(max_length=200)
    case_reference = models.CharField(max_length=80, blank=True)
    exercise = models.BooleanField(default=False)
    state = models.CharField(
        max_length=10, choices=[(s, s) for s in HoldState], default=HoldState.PLACED
    )
    placed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    met = models.ManyToManyField(Referral, related_name="holds_met", through="Meeting")

    class Meta:
        ordering = ["-placed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["holder", "reference"], name="one_hold_a_holder_and_reference"
            )
        ]
        indexes = [
            models.Index("until", condition=Q(state=HoldState.PLACED), name="holds_by_end"),
            models.Index("reference", name="holds_by_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.state}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"hold:{self.uid}"


class Meeting(models.Model):
    """A pair of referral and hold: the referral waits for the hold, or was sent despite it."""

    hold = models.ForeignKey(Hold, models.CASCADE, related_name="meetings")
    referral = models.ForeignKey(Referral, models.CASCADE, related_name="meetings")
    met_at = models.DateTimeField()
    is_overridden = models.BooleanField(default=False)

    class Meta:
        ordering = ["met_at", "pk"]
        constraints = [
            models.UniqueConstraint("hold", "referral", name="one_meeting_a_hold_and_referral")
        ]

    def __str__(self) -> str:
        return f"{self.referral_id} met {self.hold_id}"
