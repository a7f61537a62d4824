# SPDX-License-Identifier: Apache-2.0
"""Runs of scenarios, their cast, instructions of the director, news and observations."""

from django.db import models

from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums.exercises import InstructionKind, PauseReason, RunState


class ExerciseRun(models.Model):
    """A run of a scenario.

    definition: the scenario as a JSON object. directed_ref: the director, as the ledger names them.
    minutes:    the clock of the exercise, as its player last reported it. heard_at: when it did.
    steps, objectives, spread: as the player last reported them.
    paused_for: the real crisis for which it is paused.
    """

    uid = models.UUIDField(unique=True)
    scenario = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    definition = models.JSONField()
    seed = models.IntegerField()
    speed = models.FloatField()
    state = models.CharField(
        max_length=10, choices=[(s, s) for s in RunState], default=RunState.READY
    )
    directed_by = models.ForeignKey(Party, models.PROTECT, related_name="exercises_directed")
    directed_ref = models.CharField(max_length=80)
    minutes = models.FloatField(default=0)
    duration_min = models.FloatField()
    steps = models.JSONField(default=list)
    objectives = models.JSONField(default=list)
    spread = models.JSONField(default=list)
    pause_reason = models.CharField(
        max_length=12, blank=True, choices=[(r, r) for r in PauseReason]
    )
    paused_for = models.ForeignKey(Crisis, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.title}: {self.state}"

    @property
    def ref(self) -> str:
        """Return the row's name in the ledger."""
        return f"exercise:{self.uid}"


class RunMember(models.Model):
    """A member of the cast and the party that plays it. is_bot: that party exists for the run."""

    run = models.ForeignKey(ExerciseRun, models.CASCADE, related_name="members")
    name = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    is_bot = models.BooleanField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="one_member_a_name"),
            models.UniqueConstraint(fields=["run", "party"], name="one_member_a_party"),
        ]

    def __str__(self) -> str:
        return self.name


class Instruction(models.Model):
    """An instruction of the director to the player. done_at: None until the player reports it."""

    uid = models.UUIDField(unique=True)
    run = models.ForeignKey(ExerciseRun, models.CASCADE, related_name="instructions")
    kind = models.CharField(max_length=10, choices=[(k, k) for k in InstructionKind])
    step = models.CharField(max_length=60, blank=True)
    member = models.CharField(max_length=60, blank=True)
    text = models.TextField(blank=True)
    speed = models.FloatField(null=True)
    given_ref = models.CharField(max_length=80)
    given_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    outcome = models.TextField(blank=True)

    class Meta:
        ordering = ["given_at", "pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.step or self.member}"


class RunNews(models.Model):
    """News that an exercise brings to a member of its cast that people play."""

    run = models.ForeignKey(ExerciseRun, models.CASCADE, related_name="news")
    member = models.ForeignKey(RunMember, models.CASCADE, related_name="news")
    kind = models.CharField(max_length=60)
    text = models.TextField()
    at_min = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at_min}"


class RunFile(models.Model):
    """A harmless file that came with news. It is deleted when the exercise ends."""

    news = models.ForeignKey(RunNews, models.CASCADE, related_name="files")
    name = models.CharField(max_length=130)
    content = models.BinaryField()
    size_bytes = models.IntegerField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


class Observation(models.Model):
    """An observation during a run. member: of the cast that it is about; "" for all.

    at_min: the clock of the exercise, as the player last reported it.
    """

    uid = models.UUIDField(unique=True)
    run = models.ForeignKey(ExerciseRun, models.CASCADE, related_name="observations")
    member = models.CharField(max_length=60, blank=True)
    text = models.TextField()
    by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    by_ref = models.CharField(max_length=80)
    at_min = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.at_min}: {self.text[:40]}"
