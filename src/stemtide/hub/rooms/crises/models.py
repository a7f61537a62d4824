# SPDX-License-Identifier: Apache-2.0
"""Tables of crises: warnings, moves, participants, and other mechanisms' activations."""

from uuid import uuid4

from django.db import models

from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.protocol.enums import (
    ArrivalState,
    CheckAnswer,
    JoinState,
    NeighbourStatus,
    ProposalAct,
    ProposalState,
    TriageOutcome,
)
from stemtide.protocol.enums.response import ResponseRole


class Crisis(models.Model):
    """A crisis, from its early warning on. Its stages are data: protocol/law/frameworks.

    event:        the same for all crises that speak of one event.
    event_refs:   what other mechanisms call the event.
    tail_ends_at: until when a closed crisis takes signals; the clock ends it then.
    answered_to:  position of the feed when a leading party said which signals stay; None before.
    ends_signals: it is closed, and signals that do not stay may still need its end as theirs.
    """

    uid = models.UUIDField(unique=True)
    name = models.CharField(max_length=200)
    framework = models.CharField(max_length=60)
    stage = models.CharField(max_length=40)
    summary = models.TextField(blank=True)
    countries = models.JSONField(default=list)
    exercise = models.BooleanField(default=False)
    opened_by = models.ForeignKey(Party, models.PROTECT, related_name="crises_opened")
    event = models.UUIDField(default=uuid4, db_index=True)
    event_refs = models.JSONField(default=list)
    happened_at = models.DateTimeField(null=True)
    warned_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True)
    deescalated_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    tail_ends_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    close_reason = models.TextField(blank=True)
    answered_to = models.BigIntegerField(null=True)
    ends_signals = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering = ["-warned_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"crisis:{self.uid}"


class Check(models.Model):
    """A party's answer to one test of a crisis' checklist; the latest one counts.

    answered_ref, answered_role: which person in which role, or which key; "" in rows from before
    they were kept.
    """

    crisis = models.ForeignKey(Crisis, models.CASCADE, related_name="checks")
    test = models.CharField(max_length=60)
    answer = models.CharField(max_length=10, choices=[(a, a) for a in CheckAnswer])
    evidence = models.TextField(blank=True)
    answered_by = models.ForeignKey(Party, models.PROTECT, related_name="checks")
    answered_ref = models.CharField(max_length=80, blank=True)
    answered_role = models.CharField(max_length=30, blank=True)
    answered_at = models.DateTimeField()

    class Meta:
        ordering = ["answered_at", "pk"]

    def __str__(self) -> str:
        return f"{self.test}: {self.answer}"


class _Act(models.Model):
    """An act in a crisis. role: "" if a machine acted with a key."""

    by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    by_ref = models.CharField(max_length=80)
    by_role = models.CharField(max_length=30, blank=True)
    at = models.DateTimeField()

    class Meta:
        abstract = True
        ordering = ["at", "pk"]


class Triage(_Act):
    """One rating of a warning; the latest one counts, and all stay."""

    crisis = models.ForeignKey(Crisis, models.CASCADE, related_name="triages")
    harm = models.SmallIntegerField()
    virality = models.SmallIntegerField()
    suggested = models.CharField(max_length=10, choices=[(o, o) for o in TriageOutcome])
    outcome = models.CharField(max_length=10, choices=[(o, o) for o in TriageOutcome])
    explanation = models.TextField()
    reason = models.TextField(blank=True)

    class Meta(_Act.Meta):
        pass

    def __str__(self) -> str:
        return f"harm {self.harm}, virality {self.virality}: {self.outcome}"


class Measure(_Act):
    """A national measure that was considered before activation, and why it does not suffice."""

    crisis = models.ForeignKey(Crisis, models.CASCADE, related_name="measures")
    country = models.CharField(max_length=2)
    measure = models.TextField()
    insufficient = models.TextField()

    class Meta(_Act.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.country}: {self.measure[:40]}"


class Proposal(_Act):
    """A proposal of one person that another confirms. checked_to: the last answer it rests on.

    is_emergency: the crisis is active until the proposal is confirmed or ends.
    """

    uid = models.UUIDField(unique=True)
    crisis = models.ForeignKey(Crisis, models.CASCADE, related_name="proposals")
    act = models.CharField(max_length=10, choices=[(a, a) for a in ProposalAct])
    state = models.CharField(max_length=10, default=ProposalState.OPEN)
    reason = models.TextField()
    checked_to = models.BigIntegerField()
    is_emergency = models.BooleanField(default=False, db_default=False)
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    decided_ref = models.CharField(max_length=80, blank=True)
    decided_role = models.CharField(max_length=30, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_reason = models.TextField(blank=True)

    class Meta(_Act.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["crisis", "act"],
                condition=models.Q(state=ProposalState.OPEN),
                name="one_open_proposal_a_crisis_and_act",
            )
        ]
        indexes = [
            models.Index(
                "expires_at",
                condition=models.Q(state=ProposalState.OPEN),
                name="open_proposals_by_expiry",
            )
        ]

    def __str__(self) -> str:
        return f"{self.act}: {self.state}"


class Review(models.Model):
    """A span in which a crisis stays live, until people look at it again.

    prompted_at, required_at: when the clock found that its dates had come.
    decision: "" while the span runs; "moved" where the crisis itself moved on.
    """

    crisis = models.ForeignKey(Crisis, models.CASCADE, related_name="reviews")
    since = models.DateTimeField()
    prompt_due = models.DateTimeField()
    review_due = models.DateTimeField()
    prompted_at = models.DateTimeField(null=True)
    required_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=12, blank=True)
    reason = models.TextField(blank=True)
    by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    by_ref = models.CharField(max_length=80, blank=True)
    by_role = models.CharField(max_length=30, blank=True)
    at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["since", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["crisis"], condition=models.Q(decision=""), name="one_running_review"
            )
        ]

    def __str__(self) -> str:
        return f"{self.crisis_id} until {self.review_due:%Y-%m-%d %H:%M}"


class Participation(models.Model):
    """The part of a party in a crisis; its history is in the ledger.

    invite_reason: of the party that invited it, for that party. reason: its own words.
    """

    crisis = models.ForeignKey(Crisis, models.CASCADE, related_name="participations")
    party = models.ForeignKey(Party, models.PROTECT, related_name="participations")
    state = models.CharField(max_length=10, choices=[(s, s) for s in JoinState])
    capacity = models.CharField(max_length=12)
    invited_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    invited_ref = models.CharField(max_length=80, blank=True)
    invited_at = models.DateTimeField(null=True)
    invite_reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    answered_at = models.DateTimeField(null=True)
    answered_ref = models.CharField(max_length=80, blank=True)
    answered_role = models.CharField(max_length=30, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["party__name"]
        constraints = [
            models.UniqueConstraint(
                fields=["crisis", "party"], name="one_participation_a_crisis_and_party"
            )
        ]

    def __str__(self) -> str:
        return f"{self.party_id} {self.state}"


class Neighbour(_Act):
    """Another mechanism's activation about the event of a crisis, mirrored here.

    own_by: the party that speaks for the mechanism, once it has noted or updated the row.
    """

    uid = models.UUIDField(unique=True)
    crisis = models.ForeignKey(Crisis, models.CASCADE, related_name="neighbours")
    framework = models.CharField(max_length=60)
    version = models.CharField(max_length=40)
    type = models.CharField(max_length=80)
    reference = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=12, choices=[(s, s) for s in NeighbourStatus])
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    own_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")

    class Meta(_Act.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.framework} {self.version} {self.type}"


class NeighbourMessage(models.Model):
    """A signed message of a neighbour, and what became of it.

    neighbour:  its name in the operator's file. message: the id of the message.
    activation, sequence: as told; None if the body could not be read.
    reason:     why it was refused. content: the activation, while it waits for a person.
    noted:      the activation that it entered or changed.
    """

    uid = models.UUIDField(unique=True, default=uuid4)
    neighbour = models.CharField(max_length=60)
    message = models.CharField(max_length=100)
    activation = models.UUIDField(null=True)
    sequence = models.BigIntegerField(null=True)
    state = models.CharField(max_length=10, choices=[(s, s) for s in ArrivalState])
    reason = models.CharField(max_length=300, blank=True)
    content = models.JSONField(null=True)
    noted = models.ForeignKey(Neighbour, models.CASCADE, null=True, related_name="messages")
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["neighbour", "message"], name="one_message_a_neighbour_and_id"
            )
        ]

    def __str__(self) -> str:
        return f"{self.message} of {self.neighbour}: {self.state}"


class Telling(models.Model):
    """How far a neighbour has heard of a crisis.

    heard:   digest of the last activation that it took; "" for none. due: digest to send.
    message: id of the message that is due. error: why the last attempt failed.
    """

    neighbour = models.CharField(max_length=60)
    crisis = models.ForeignKey(Crisis, models.CASCADE, related_name="tellings")
    sequence = models.BigIntegerField(default=0)
    due = models.CharField(max_length=64)
    heard = models.CharField(max_length=64, blank=True)
    message = models.UUIDField()
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    heard_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["neighbour", "crisis"], name="one_telling_a_neighbour_and_crisis"
            )
        ]

    def __str__(self) -> str:
        return f"{self.crisis_id} to {self.neighbour}"


class EventLink(_Act):
    """Somebody said that two crises speak of one event, or (other is None) took it back."""

    crisis = models.ForeignKey(Crisis, models.CASCADE, related_name="links")
    other = models.ForeignKey(Crisis, models.CASCADE, null=True, related_name="+")
    reason = models.TextField()

    class Meta(_Act.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.crisis_id} with {self.other_id}"


class RoleHolding(models.Model):
    """A role that a person holds, held, or is offered; the ledger has its history.

    person: None while a party is asked and nobody there has accepted.
    note:   what the giver tells the next holder. given_by: the holder's own party if taken.
    """

    uid = models.UUIDField(unique=True)
    crisis = models.ForeignKey(Crisis, models.CASCADE, related_name="roles")
    role = models.CharField(max_length=20, choices=[(r, r) for r in ResponseRole])
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    note = models.CharField(max_length=500, blank=True)
    given_by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    given_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["given_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["crisis", "role"],
                condition=models.Q(accepted_at__isnull=False, ended_at=None),
                name="one_holder_a_crisis_and_role",
            ),
            models.UniqueConstraint(
                fields=["crisis", "role"],
                condition=models.Q(accepted_at=None, ended_at=None),
                name="one_offer_a_crisis_and_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.crisis_id}"
