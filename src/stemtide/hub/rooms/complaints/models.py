# SPDX-License-Identifier: Apache-2.0
"""Tables of complaints. A row exists only once somebody complains; its words are encrypted."""

from django.db import models

from stemtide.hub.platform.retention.columns import LawfulRow
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums.complaints import (
    ComplaintBasis,
    ComplaintFinding,
    ComplaintState,
    Exemption,
    RedressState,
    Restriction,
)


class Complaint(LawfulRow):
    """A complaint about one decision of one provider.

    reference, acted_by: the provider's own opaque names of the decision and of who took it.
    text, reasons: sealed (encryption.py); erased by the clock after erase_due, with the salt.
    salt:      what makes the digest in the ledger say nothing to those who guess.
    code_hash: SHA-256 of the code that its uploader asks with.
    reviewer:  who reviews: a person of the desk, or the provider's own name of one.
    redress:   what was asked of asked_of, who asked for the measure; "" where nothing was.
    note, answer: what provider and they say to each other.
    """

    uid = models.UUIDField(unique=True)
    party = models.ForeignKey(Party, models.PROTECT, related_name="complaints")
    number = models.CharField(max_length=20)
    state = models.CharField(
        max_length=12,
        choices=[(s.value, s.value) for s in ComplaintState],
        default=ComplaintState.FILED.value,
    )
    reference = models.CharField(max_length=120)
    basis = models.CharField(max_length=10, choices=[(b.value, b.value) for b in ComplaintBasis])
    signal = models.ForeignKey(Signal, models.PROTECT, null=True, related_name="complaints")
    referral = models.ForeignKey(Referral, models.PROTECT, null=True, related_name="complaints")
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="complaints")
    measure = models.CharField(max_length=12, choices=[(m.value, m.value) for m in Restriction])
    acted_at = models.DateTimeField()
    acted_by = models.CharField(max_length=80, blank=True)
    is_automatic = models.BooleanField(default=False)
    exercise = models.BooleanField(default=False)
    text = models.TextField(blank=True)
    language = models.CharField(max_length=3)
    salt = models.CharField(max_length=64, blank=True)
    code_hash = models.CharField(max_length=64, unique=True)
    filed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    overdue_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)
    reviewer = models.CharField(max_length=80, blank=True)
    decided_at = models.DateTimeField(null=True)
    exemption = models.CharField(
        max_length=15, blank=True, choices=[(e.value, e.value) for e in Exemption]
    )
    finding = models.CharField(
        max_length=10, blank=True, choices=[(f.value, f.value) for f in ComplaintFinding]
    )
    reasons = models.TextField(blank=True)
    note = models.CharField(max_length=500, blank=True)
    asked_of = models.ForeignKey(Party, models.PROTECT, null=True, related_name="redress_asked")
    redress = models.CharField(
        max_length=10, blank=True, choices=[(r.value, r.value) for r in RedressState]
    )
    answer = models.CharField(max_length=500, blank=True)
    answered_at = models.DateTimeField(null=True)
    erase_due = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["filed_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["party", "reference", "exercise"], name="one_complaint_a_decision"
            )
        ]
        indexes = [
            models.Index(
                "erase_due",
                condition=models.Q(erased_at__isnull=True),
                name="complaints_by_erasure",
            ),
            models.Index(
                "due_at",
                condition=models.Q(
                    overdue_at__isnull=True,
                    state__in=[ComplaintState.FILED.value, ComplaintState.IN_REVIEW.value],
                ),
                name="complaints_by_due",
            ),
            models.Index("party", "number", name="complaints_by_number"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.state}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"complaint:{self.uid}"
