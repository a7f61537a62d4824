# SPDX-License-Identifier: Apache-2.0
"""Entries of the allow-list, its version, and how often agents met what an entry covers."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from stemtide.hub.rooms.parties.models import Party


class AllowEntry(models.Model):
    """Content that must not lead to automatic action. Every party may read it.

    value: lower-case hex; for a URL the digest of the expression in url.
    reach: of a URL that covers a folder or a host; None: one address, or another kind.
    within_bits: of a PDQ hash; None for other kinds.
    added_ref, removed_ref: the person or key, as the ledger names it.
    removed_at: set once it has left the list; the row stays, and can return.
    """

    uid = models.UUIDField(unique=True)
    kind = models.CharField(max_length=10)
    value = models.CharField(max_length=64)
    url = models.CharField(max_length=4096, blank=True)
    reach = models.CharField(max_length=10, null=True)
    within_bits = models.SmallIntegerField(null=True)
    source = models.CharField(max_length=300)
    source_url = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=300)
    added_by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    added_ref = models.CharField(max_length=80)
    added_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    removed_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    removed_ref = models.CharField(max_length=80, blank=True)
    removed_at = models.DateTimeField(null=True)
    removed_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["value", "kind"],
                condition=Q(removed_at__isnull=True),
                name="one_allow_entry_a_value",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value[:12]}: {self.reason}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"allow_entry:{self.uid}"


class ListState(models.Model):
    """The version of the list: one row, made with the first entry.

    version:  a random name, another one after each change, so that a restored database never
              gives an old name to a new list.
    position: of the feed at which it last changed, by which streams wake.
    """

    version = models.CharField(max_length=32)
    position = models.BigIntegerField()
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.version


class AllowMatches(models.Model):
    """How often an agent has met content that an entry covers and a signal matched."""

    entry = models.ForeignKey(AllowEntry, models.CASCADE, related_name="matches")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    agent = models.CharField(max_length=63)
    count = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("entry", "party", "agent", name="one_count_an_entry_and_agent")
        ]

    def __str__(self) -> str:
        return f"{self.agent}: {self.count}"
