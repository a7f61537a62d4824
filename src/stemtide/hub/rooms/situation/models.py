# SPDX-License-Identifier: Apache-2.0
"""Messages of the situation log, public statements with the parties' votes, and leads."""

from django.db import models

from stemtide.hub.platform.retention.columns import LawfulRow, RetainedRow
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums import (
    LeadLevel,
    LeadOutcome,
    LeadState,
    MessageKind,
    PublicStatementState,
    Urgency,
    Vote,
)
from stemtide.protocol.enums.response import ReferenceKind


class Message(RetainedRow):
    """A message of a crisis' log. Its text never changes; only its pin does.

    number:    its place in the log of its crisis: 1, 2, 3, …
    audience:  as in signals: "|a|b|", "" where none is named.
    posted_as: the role of the person who wrote it; "" for a machine.
    """

    uid = models.UUIDField(unique=True)
    crisis = models.ForeignKey(Crisis, models.PROTECT, related_name="messages")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=[(k, k) for k in MessageKind])
    text = models.TextField()
    language = models.CharField(max_length=12)
    tlp = models.CharField(max_length=15)
    audience = models.TextField(blank=True)
    urgency = models.CharField(max_length=10, choices=[(u, u) for u in Urgency])
    signal = models.ForeignKey(Signal, models.PROTECT, null=True, related_name="messages")
    answers = models.ForeignKey("self", models.PROTECT, null=True, related_name="answered_by")
    corrects = models.ForeignKey("self", models.PROTECT, null=True, related_name="corrections")
    posted_by = models.ForeignKey(Party, models.PROTECT, related_name="messages")
    posted_ref = models.CharField(max_length=80)
    posted_as = models.CharField(max_length=30, blank=True)
    posted_at = models.DateTimeField()
    is_pinned = models.BooleanField(default=False)
    exercise = models.BooleanField(default=False)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["crisis", "number"], name="one_message_a_crisis_and_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"

    @property
    def ref(self) -> str:
        """Return the row's name in the ledger."""
        return f"message:{self.uid}"


class MessageReference(models.Model):
    """A mention or link in a message.

    token: represents it in the text. thing: the id of what is linked to.
    name:  of a role. party, person: who was notified; of a role, its holder then.
    """

    message = models.ForeignKey(Message, models.CASCADE, related_name="references")
    token = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=[(k, k) for k in ReferenceKind])
    thing = models.UUIDField(null=True)
    name = models.CharField(max_length=20, blank=True)
    party = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint("message", "token", name="one_reference_a_message_and_token")
        ]

    def __str__(self) -> str:
        return self.token


class Line(models.Model):
    """A public statement, in one or more languages. texts: by language."""

    uid = models.UUIDField(unique=True)
    crisis = models.ForeignKey(Crisis, models.PROTECT, related_name="lines")
    state = models.CharField(
        max_length=12,
        choices=[(s, s) for s in PublicStatementState],
        default=PublicStatementState.PROPOSED,
    )
    texts = models.JSONField()
    proposed_by = models.ForeignKey(Party, models.PROTECT, related_name="lines")
    proposed_at = models.DateTimeField()
    agreed_at = models.DateTimeField(null=True)
    replaces = models.ForeignKey("self", models.PROTECT, null=True, related_name="replaced_by")
    exercise = models.BooleanField(default=False)

    class Meta:
        ordering = ["-proposed_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.state} {self.uid}"

    @property
    def ref(self) -> str:
        """Return the row's name in the ledger."""
        return f"line:{self.uid}"


class LineVote(models.Model):
    """A party's vote on a public statement; a new vote replaces it."""

    line = models.ForeignKey(Line, models.CASCADE, related_name="votes")
    party = models.ForeignKey(Party, models.PROTECT, related_name="line_votes")
    vote = models.CharField(max_length=10, choices=[(v, v) for v in Vote])
    note = models.CharField(max_length=500, blank=True)
    given_at = models.DateTimeField()

    class Meta:
        ordering = ["given_at", "pk"]
        constraints = [models.UniqueConstraint("line", "party", name="one_vote_a_line_and_party")]

    def __str__(self) -> str:
        return f"{self.party_id} {self.vote}"


class Lead(LawfulRow):
    """A lead to a threat to life, sealed from everyone but sender, addressees and agencies.

    facts, reasons, address, locate, callback: encrypted (hub/platform/encryption.py); erased by
                 the clock after erase_due, with the salt; the rest stays.
    posted_zone: minutes east of UTC, the time zone that its sender used.
    salt: what makes the digest in the ledger say nothing to those who guess.
    """

    uid = models.UUIDField(unique=True)
    crisis = models.ForeignKey(Crisis, models.PROTECT, null=True, related_name="leads")
    level = models.CharField(max_length=20, choices=[(v, v) for v in LeadLevel])
    bases = models.JSONField()
    state = models.CharField(
        max_length=12, choices=[(s, s) for s in LeadState], default=LeadState.REPORTED
    )
    country = models.CharField(max_length=2, blank=True)
    country_grounds = models.JSONField(null=True)
    sent_by = models.ForeignKey(Party, models.PROTECT, related_name="leads_sent")
    addressed_to = models.ForeignKey(Party, models.PROTECT, related_name="leads")
    copied_to = models.ForeignKey(Party, models.PROTECT, null=True, related_name="leads_copied")
    passed_to = models.ForeignKey(Party, models.PROTECT, null=True, related_name="leads_passed")
    facts = models.TextField(blank=True)
    reasons = models.TextField(blank=True)
    address = models.TextField(blank=True)
    posted_at = models.DateTimeField(null=True)
    posted_zone = models.SmallIntegerField(default=0)
    locate = models.TextField(blank=True)
    callback = models.TextField(blank=True)
    salt = models.CharField(max_length=64, blank=True)
    exercise = models.BooleanField(default=False)
    reported_at = models.DateTimeField()
    received_at = models.DateTimeField(null=True)
    passed_on_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, blank=True, choices=[(o, o) for o in LeadOutcome])
    erase_due = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-reported_at"]
        indexes = [
            models.Index(
                "erase_due", condition=models.Q(erased_at__isnull=True), name="leads_by_erasure"
            )
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.state}"

    @property
    def ref(self) -> str:
        """Return the row's name in the ledger."""
        return f"lead:{self.uid}"
