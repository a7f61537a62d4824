# SPDX-License-Identifier: Apache-2.0
"""Tables of the ledger: entries, counters, positions and their times, followers, limited acts."""

from django.db import models


class Numbering(models.Model):
    """The single row of counters.

    Updating it takes a row lock until commit (on SQLite: the write lock), so numbers become visible
    in the order they were given, and a failed transaction leaves no gap.
    """

    entries = models.BigIntegerField(default=0)
    positions = models.BigIntegerField(default=0)
    hub = models.UUIDField()

    def __str__(self) -> str:
        return f"{self.entries} entries, {self.positions} positions"


class Entry(models.Model):
    """One act by one actor on one subject. A database trigger refuses to change or delete it.

    actor and subject name rows ("party:3", "signal:…") and hold no personal data; detail holds
    facts such as counts and states, never text that a person wrote.

    crisis: the id of the crisis that the act belongs to, for its timeline.
    """

    number = models.BigIntegerField(unique=True)
    kind = models.CharField(max_length=60)
    actor = models.CharField(max_length=80)
    subject = models.CharField(max_length=80, db_index=True)
    detail = models.JSONField(default=dict)
    exercise = models.BooleanField(default=False)
    crisis = models.UUIDField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["number"]
        indexes = [
            models.Index(
                "crisis",
                "number",
                condition=models.Q(crisis__isnull=False),
                name="entries_of_a_crisis",
            ),
            # A party that seldom acts: without it, a page of its acts reads the whole ledger.
            models.Index(fields=["actor", "number"], name="entries_by_actor"),
            models.Index(
                "recorded_at",
                condition=models.Q(kind="signals.shared"),
                name="bulks_by_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.kind} {self.subject}"


class Follower(models.Model):
    """A room that reads the ledger in order. number: the last entry that it has read."""

    name = models.CharField(max_length=20, primary_key=True)
    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} up to entry {self.number}"


class Placement(models.Model):
    """The time of a block of consecutive feed positions: every position has its own time.

    at: of the first position; each later one is SPACING after the one before. Never earlier than
        the times of all earlier positions, even if the clock goes back.
    mark: a random number. A hub restored from a backup assigns the same positions again, with other
          marks (decision 0085). None for positions from before marks existed.
    """

    first = models.BigIntegerField(primary_key=True)
    count = models.BigIntegerField()
    at = models.DateTimeField(db_index=True)
    mark = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.count} from {self.first} at {self.at:%Y-%m-%d %H:%M:%S.%f}"


class PacedAct(models.Model):
    """An act that alerted people, while it counts for the rate limit: an hour.

    source: rules/rate_limits.py.

    actor: the party, as entries name it; weight: how many parties were named.
    """

    actor = models.CharField(max_length=80)
    pace = models.CharField(max_length=20)
    weight = models.PositiveIntegerField()
    exercise = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index("actor", "pace", "at", name="paced_acts_of_late")]

    def __str__(self) -> str:
        return f"{self.pace} of {self.actor}"


class HubSetting(models.Model):
    """A setting of the hub that people changed at the desk. Rules: rules/hub_settings.py.

    value: in force; None for the default. changed_by, proposed_by: as entries name who acted.
    proposed: what waits for a second person until expires_at; None if nothing waits.
    """

    name = models.CharField(max_length=40, primary_key=True)
    value = models.PositiveIntegerField(null=True)
    changed_by = models.CharField(max_length=80, blank=True)
    changed_at = models.DateTimeField(null=True)
    proposed = models.PositiveIntegerField(null=True)
    proposed_by = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    expires_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class HubKey(models.Model):
    """The fingerprint of a key that all hosts of the hub share; the key itself is in a file.

    host, place: where it was when it was recorded, for an operator who sets up another host.
    """

    name = models.CharField(max_length=20, primary_key=True)
    fingerprint = models.CharField(max_length=64)
    host = models.CharField(max_length=255)
    place = models.CharField(max_length=1000)
    recorded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} of {self.host}"
