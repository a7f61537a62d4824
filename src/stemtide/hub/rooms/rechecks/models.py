# SPDX-License-Identifier: Apache-2.0
"""Tables of re-checks and their visits. The content of an address is stored nowhere."""

from django.db import models
from django.db.models import Q

from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.protocol.enums.rechecks import Reason, RequestKind, Verdict


class Recheck(models.Model):
    """The re-check of one address of a referral or of an order.

    place:     of the address in its order, from 0; 0 for a referral.
    host:      the host that is visited; visits to it are limited.
    since:     when the provider said that the measure was taken; visits are counted from it.
    next_at:   when a visit is due; while one is under way, when its lease ends. None: none is due.
    taken:     number of visits begun; a result needs the latest number. taken_at: of the last.
    repeats:   visits without a usable answer, one after the other.
    asked_by:  the party that asked for the visit that is due, if one did.
    settled:   the last verdict that was not unclear.
    met_before: uploads of the linked signals that agents had met until then, by party.
    met_at:    when the clock first noted that they met more.
    """

    uid = models.UUIDField(unique=True)
    referral = models.ForeignKey(Referral, models.CASCADE, null=True, related_name="rechecks")
    order = models.ForeignKey(Order, models.CASCADE, null=True, related_name="rechecks")
    place = models.PositiveSmallIntegerField(default=0)
    url = models.TextField()
    host = models.CharField(max_length=255)
    exercise = models.BooleanField(default=False)
    since = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    taken = models.PositiveIntegerField(default=0)
    taken_at = models.DateTimeField(null=True)
    repeats = models.PositiveSmallIntegerField(default=0)
    asked_by = models.CharField(max_length=80, blank=True)
    verdict = models.CharField(max_length=10, blank=True, choices=[(v, v) for v in Verdict])
    reason = models.CharField(max_length=20, blank=True, choices=[(r, r) for r in Reason])
    settled = models.CharField(max_length=10, blank=True, choices=[(v, v) for v in Verdict])
    gone_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    met_before = models.JSONField(default=dict)
    met_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-since", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(referral__isnull=True) ^ Q(order__isnull=True),
                name="a_recheck_is_of_a_referral_or_of_an_order",
            ),
            models.UniqueConstraint(
                "referral", condition=Q(order__isnull=True), name="one_recheck_a_referral"
            ),
            models.UniqueConstraint(
                "order",
                "place",
                condition=Q(referral__isnull=True),
                name="one_recheck_an_order_and_place",
            ),
        ]
        indexes = [
            models.Index("next_at", condition=Q(next_at__isnull=False), name="rechecks_by_due"),
            models.Index("host", "taken_at", name="rechecks_by_host"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict or 'not visited'} {self.uid}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"recheck:{self.uid}"

    @property
    def kind(self) -> RequestKind:
        """Return the kind of its request."""
        return RequestKind.ORDER if self.referral is None else RequestKind.REFERRAL

    @property
    def request(self) -> Referral | Order:
        """Return the referral or the order."""
        target = self.referral or self.order
        if target is None:
            raise ValueError(f"{self.ref} is of no request")  # the database forbids it
        return target


class Visit(models.Model):
    """A visit to an address, with the findings.

    status: of HTTP; None where nothing answered. digest: of what was read, SHA-256 in hex.
    """

    recheck = models.ForeignKey(Recheck, models.CASCADE, related_name="visits")
    at = models.DateTimeField()
    verdict = models.CharField(max_length=10, choices=[(v, v) for v in Verdict])
    reason = models.CharField(max_length=20, choices=[(r, r) for r in Reason])
    status = models.PositiveSmallIntegerField(null=True)
    hops = models.PositiveSmallIntegerField(default=0)
    size_bytes = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    content_type = models.CharField(max_length=80, blank=True)
    asked_by = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.verdict} at {self.at:%Y-%m-%d %H:%M}"
