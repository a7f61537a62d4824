# SPDX-License-Identifier: Apache-2.0
"""Crises and the answers to their checklists."""

from django.db import models

from stemtide.hub.parties.models import Party
from stemtide.protocol.words import CheckAnswer


class Crisis(models.Model):
    """One crisis, from its early warning on. Its stages are data: protocol/frameworks."""

    uid = models.UUIDField(unique=True)
    name = models.CharField(max_length=200)
    framework = models.CharField(max_length=60)
    stage = models.CharField(max_length=40)
    summary = models.TextField(blank=True)
    countries = models.JSONField(default=list)
    exercise = models.BooleanField(default=False)
    opened_by = models.ForeignKey(Party, models.PROTECT, related_name="crises_opened")
    happened_at = models.DateTimeField()
    warned_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-warned_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> str:
        """How the ledger names this row."""
        return f"crisis:{self.uid}"


class Check(models.Model):
    """A party's answer to one test of a crisis' checklist; the latest one counts."""

    crisis = models.ForeignKey(Crisis, models.CASCADE, related_name="checks")
    test = models.CharField(max_length=60)
    answer = models.CharField(max_length=10, choices=[(a, a) for a in CheckAnswer])
    evidence = models.TextField(blank=True)
    answered_by = models.ForeignKey(Party, models.PROTECT, related_name="checks")
    answered_at = models.DateTimeField()

    class Meta:
        ordering = ["answered_at", "pk"]

    def __str__(self) -> str:
        return f"{self.test}: {self.answer}"
