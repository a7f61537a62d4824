# SPDX-License-Identifier: Apache-2.0
"""Parties, people, contact points, keys and agents."""

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models

from stemtide.protocol.enums import Duty, PartyKind, Role


class Party(models.Model):
    """An organisation in the protocol. name is short and stable ("be-crisis-centre")."""

    name = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=[(k, k) for k in PartyKind])
    country = models.CharField(max_length=2, blank=True)
    joined_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.title

    @property
    def ref(self) -> str:
        """How the ledger names this row."""
        return f"party:{self.name}"


class People(BaseUserManager["Person"]):
    """People, each with their party: every page asks for both."""

    def get_queryset(self) -> models.QuerySet["Person"]:
        """All of them."""
        return super().get_queryset().select_related("party")


class Person(AbstractBaseUser):
    """Someone who signs in for a party, in one role.

    language: "" for what the browser asks for; time_zone: "" for UTC. Of an invitation only a
    digest is kept. erased_at: when everything about the person was taken out of this row.
    locked_at: when wrong passwords and codes last locked the account, and a mail said so.
    """

    email = models.EmailField(unique=True)
    party = models.ForeignKey(Party, models.PROTECT, related_name="people")
    role = models.CharField(max_length=30, choices=[(r, r) for r in Role])
    is_active = models.BooleanField(default=True)
    added_at = models.DateTimeField()
    language = models.CharField(max_length=10, blank=True, db_default="")
    time_zone = models.CharField(max_length=60, blank=True, db_default="")
    invitation_sha256 = models.CharField(max_length=64, blank=True, db_default="")
    invited_until = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)
    locked_at = models.DateTimeField(null=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[People] = People()

    def __str__(self) -> str:
        return self.email

    @property
    def ref(self) -> str:
        """How the ledger names this row: by number, for a name is personal data."""
        return f"person:{self.pk}"


class Sitting(models.Model):
    """One person signed in on one browser. door: how; browser: in words, no more than that.

    seen_at: when the person last did something; what a page fetches by itself does not count.
    """

    person = models.ForeignKey(Person, models.CASCADE, related_name="sittings")
    door = models.CharField(max_length=20)
    browser = models.CharField(max_length=60, blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"sitting {self.pk} of person:{self.person_id}"


class CodeTry(models.Model):
    """A code that was tried for an account and was wrong, or is being looked at."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="code_tries")
    tried_at = models.DateTimeField()

    class Meta:
        ordering = ["-tried_at"]

    def __str__(self) -> str:
        return f"code tried for person:{self.person_id}"


class ContactPoint(models.Model):
    """How to reach a party, by whom, in which languages. is_24_7: somebody is always there.

    Otherwise somebody is there in office hours of the time zone. title: what is there ("duty
    desk"), never a person's name. verified_at: when a drill last got an answer there. A point
    that was removed keeps its row, for what was sent there names it.
    """

    party = models.ForeignKey(Party, models.CASCADE, related_name="contact_points")
    title = models.CharField(max_length=80, blank=True, db_default="")
    channel = models.CharField(max_length=20, choices=[(c, c) for c in ("mail", "phone", "url")])
    address = models.CharField(max_length=300)
    languages = models.JSONField(default=list)
    time_zone = models.CharField(max_length=60, default="UTC")
    is_24_7 = models.BooleanField(default=False)
    verified_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.channel} of {self.party_id}"

    @property
    def ref(self) -> str:
        """How the ledger names this row."""
        return f"contact_point:{self.pk}"


class LadderStep(models.Model):
    """One step of a party's escalation ladder. wait_minutes: for an answer, before the next."""

    party = models.ForeignKey(Party, models.CASCADE, related_name="ladder")
    position = models.PositiveSmallIntegerField()
    point = models.OneToOneField(ContactPoint, models.CASCADE, related_name="step")
    wait_minutes = models.PositiveSmallIntegerField(default=15)

    class Meta:
        ordering = ["party__name", "position"]
        constraints = [models.UniqueConstraint("party", "position", name="one_step_a_position")]

    def __str__(self) -> str:
        return f"step {self.position} of {self.party_id}"


class Competence(models.Model):
    """That a Member State named an authority for a duty. ended_at: None while it stands.

    source: Regulation (EU) 2021/784 Art. 12(1).
    """

    party = models.ForeignKey(Party, models.PROTECT, related_name="competences")
    duty = models.CharField(max_length=20, choices=[(d, d) for d in Duty])
    named_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["party__name", "duty"]
        constraints = [
            models.UniqueConstraint(
                "party", "duty", condition=models.Q(ended_at=None), name="one_live_competence"
            )
        ]

    def __str__(self) -> str:
        return f"{self.party_id} may {self.duty}"


class Series(models.Model):
    """How far one party's file references of one kind have come in one year."""

    party = models.ForeignKey(Party, models.PROTECT, related_name="series")
    name = models.CharField(max_length=4)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "series"
        constraints = [models.UniqueConstraint("party", "name", "year", name="one_series_a_year")]

    def __str__(self) -> str:
        return f"{self.name}-{self.year} of {self.party_id}"


class ApiKey(models.Model):
    """A machine's key. Only a digest of its secret is kept; it is shown once, at creation."""

    party = models.ForeignKey(Party, models.PROTECT, related_name="keys")
    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=12, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["party__name", "name"]
        constraints = [
            models.UniqueConstraint(
                "party", "name", condition=models.Q(revoked_at=None), name="one_live_key_a_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def ref(self) -> str:
        """How the ledger names this row."""
        return f"key:{self.prefix}"


class Agent(models.Model):
    """A party's agent and how it last said it stood.

    key: the prefix of the key that it first reported with; "" where that is not known.
    """

    party = models.ForeignKey(Party, models.PROTECT, related_name="agents")
    name = models.CharField(max_length=63)
    key = models.CharField(max_length=12, blank=True, db_default="")
    version = models.CharField(max_length=40)
    position = models.BigIntegerField()
    signals = models.BigIntegerField()
    exercise = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    troubles = models.JSONField(default=list)

    class Meta:
        ordering = ["party__name", "name"]
        constraints = [models.UniqueConstraint("party", "name", name="one_agent_a_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> str:
        """How the ledger names this row."""
        return f"agent:{self.pk}"
