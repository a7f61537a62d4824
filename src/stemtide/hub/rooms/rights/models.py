# SPDX-License-Identifier: Apache-2.0
"""Requests of data subjects. A row names a file of the party, and nobody."""

from django.db import models

from stemtide.hub.platform.retention.columns import LawfulRow
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums.rights import (
    DataLaw,
    DataRight,
    ExtensionReason,
    RightsOutcome,
    RightsState,
)


class RightsRequest(LawfulRow):
    """A request of a data subject to a party.

    reference:  the party's own file number; "" once it is erased.
    informed_on: when the person was told why it takes longer.
    overdue_at: when the clock noted that it is overdue.
    erase_due:  when the reference is erased; NULL while the request is open.
    """

    uid = models.UUIDField(unique=True)
    party = models.ForeignKey(Party, models.PROTECT, related_name="rights_requests")
    reference = models.CharField(max_length=60, blank=True)
    law = models.CharField(max_length=10, choices=[(law.value, law.value) for law in DataLaw])
    right = models.CharField(
        max_length=15, choices=[(right.value, right.value) for right in DataRight]
    )
    state = models.CharField(
        max_length=10,
        choices=[(state.value, state.value) for state in RightsState],
        default=RightsState.OPEN.value,
    )
    received_on = models.DateField()
    noted_at = models.DateTimeField()
    due_at = models.DateTimeField()
    extension = models.CharField(
        max_length=12,
        blank=True,
        choices=[(reason.value, reason.value) for reason in ExtensionReason],
    )
    informed_on = models.DateField(null=True)
    outcome = models.CharField(
        max_length=10,
        blank=True,
        choices=[(outcome.value, outcome.value) for outcome in RightsOutcome],
    )
    answered_on = models.DateField(null=True)
    overdue_at = models.DateTimeField(null=True)
    exercise = models.BooleanField(default=False)
    erase_due = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["due_at", "pk"]
        indexes = [
            models.Index("party", "state", "due_at", name="rights_requests_by_due"),
            models.Index(
                "due_at",
                condition=models.Q(overdue_at__isnull=True, state__in=["open", "extended"]),
                name="rights_requests_overdue",
            ),
            models.Index(
                "erase_due",
                condition=models.Q(erased_at__isnull=True),
                name="rights_requests_by_erasure",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.right} {self.uid} {self.state}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"rights_request:{self.uid}"
