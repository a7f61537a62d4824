# SPDX-License-Identifier: Apache-2.0
"""Acts that wait for a second look, the signals among them, and daily counts of acts."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums import ApprovalState
from stemtide.protocol.trust.second_look import WaitingAct

ENDED = (ApprovalState.REFUSED, ApprovalState.TAKEN_BACK, ApprovalState.EXPIRED)
"""States of acts that were not approved."""


class Approval(models.Model):
    """An act that needs a second look by another person.

    asked_ref: the person or key that asks, as the ledger names it.
    reasons:   names of rules of protocol/trust/second_look.toml.
    who:       who may give the second look, as "|person|agency|", by the table of that moment.
    payload:   what the act needs to be done later; for a share the rows are WaitingSignal.
    tlp, audience: the handling marks of what the act is about; "" if it has none.
    count:     how many things the act does.
    is_done:   it was done at once, in a crisis, and ends unless somebody confirms it.
    not_done:  the rows that were refused when it was approved, with their reasons.
    """

    uid = models.UUIDField(unique=True)
    act = models.CharField(max_length=10, choices=[(a, a) for a in WaitingAct])
    state = models.CharField(
        max_length=10, choices=[(s, s) for s in ApprovalState], default=ApprovalState.WAITING
    )
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    asked_ref = models.CharField(max_length=80, blank=True)
    reasons = models.JSONField()
    who = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    tlp = models.CharField(max_length=15, blank=True)
    audience = models.TextField(blank=True)
    crisis = models.ForeignKey(Crisis, models.PROTECT, null=True, related_name="+")
    exercise = models.BooleanField(default=False)
    count = models.PositiveIntegerField(default=1)
    is_done = models.BooleanField(default=False)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    decided_ref = models.CharField(max_length=80, blank=True)
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, blank=True)
    not_done = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(
                "expires_at",
                condition=Q(state=ApprovalState.WAITING),
                name="approvals_by_expiry",
            ),
            models.Index(
                "decided_at",
                condition=Q(state__in=[*ENDED]) & ~Q(act=WaitingAct.ORDER),
                name="approvals_to_forget",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act} of {self.party_id}: {self.state}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"approval:{self.uid}"

    @property
    def is_machine(self) -> bool:
        """Whether a machine asked."""
        return not self.asked_ref.startswith("person:")


class WaitingSignal(models.Model):
    """A signal that waits. It is no row of the signals' own table, so that it cannot travel.

    uid:   the id that the signal gets if it is approved.
    value: as a signal's row holds it.  body: the message that is shared then, as JSON.
    notes: by reason, what was found about it.
    is_open: it does not travel, and may still.
    """

    uid = models.UUIDField(unique=True)
    approval = models.ForeignKey(Approval, models.CASCADE, related_name="signals")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=10)
    value = models.CharField(max_length=64)
    exercise = models.BooleanField()
    body = models.TextField()
    notes = models.JSONField(default=dict)
    is_open = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["party", "value", "kind", "exercise"],
                condition=Q(is_open=True),
                name="one_waiting_signal_a_value",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value[:12]}"


class AffectedSignal(models.Model):
    """A signal that a waiting act would end, or that an act done at once has ended.

    uid:    of the signal; party: who withdraws or disputes it; act: of the approval.
    body:   the message of the withdrawal or dispute, as JSON.
    before: the opinion that the party had of it, with its note; null if it had none.
    is_open: the act waits, and the signal counts as disputed by the party.
    """

    uid = models.UUIDField()
    approval = models.ForeignKey(Approval, models.CASCADE, related_name="affected")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+", db_index=False)
    act = models.CharField(max_length=10)
    body = models.TextField()
    before = models.JSONField(null=True)
    is_open = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["uid", "party", "act"],
                condition=Q(is_open=True),
                name="one_waiting_end_a_signal",
            )
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.uid}"


class ActCount(models.Model):
    """How many acts of a kind a party did on the last day on which it did any."""

    party = models.ForeignKey(Party, models.CASCADE, related_name="+", db_index=False)
    act = models.CharField(max_length=10)
    exercise = models.BooleanField()
    day = models.DateField()
    count = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("party", "act", "exercise", name="one_count_a_party_and_act")
        ]

    def __str__(self) -> str:
        return f"{self.party_id} {self.act} {self.day}: {self.count}"
