# SPDX-License-Identifier: Apache-2.0
"""Tasks of a response."""

from django.db import models

from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.protocol.enums.response import ResponseRole, TaskLinkKind, TaskState


class Task(models.Model):
    """A task in the response to a crisis.

    Its owner is a role (owner_role), a person with their party, or a party alone.
    link_kind, link: what it is about; "" and None for nothing.
    """

    uid = models.UUIDField(unique=True)
    crisis = models.ForeignKey(Crisis, models.PROTECT, related_name="tasks")
    title = models.CharField(max_length=200)
    state = models.CharField(
        max_length=10, choices=[(s, s) for s in TaskState], default=TaskState.OPEN
    )
    due_at = models.DateTimeField()
    owner_role = models.CharField(max_length=20, blank=True, choices=[(r, r) for r in ResponseRole])
    owner_party = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    owner_person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    link_kind = models.CharField(max_length=10, blank=True, choices=[(k, k) for k in TaskLinkKind])
    link = models.UUIDField(null=True)
    given_by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    given_at = models.DateTimeField()
    ended_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    exercise = models.BooleanField(default=False)

    class Meta:
        ordering = ["due_at", "pk"]
        indexes = [models.Index(fields=["crisis", "state", "due_at"], name="tasks_of_a_crisis")]

    def __str__(self) -> str:
        return f"{self.state}: {self.title}"

    @property
    def ref(self) -> str:
        """Return the row's name in the ledger."""
        return f"task:{self.uid}"
