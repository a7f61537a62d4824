# SPDX-License-Identifier: Apache-2.0
"""Parties, people, contact points, keys and agents."""

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models

from stemtide.protocol.enums import Duty, PartyKind, ProposalState, Role, Standing
from stemtide.protocol.trust.standing import PartyTrust


class Party(models.Model):
    """An organisation in the protocol. name is a short stable slug ("be-crisis-centre").

    standing: how much its word counts; new where nobody has said so yet.
    group:    parties of one group (one owner, or brought by one exchange) count once; "" for none.
    speaks_for_digests: the agency lets its word alone be enough for exact digests.
    mechanism: the crisis mechanism whose activations it notes and ends itself; "" for none.
    position: of the feed at which the standing, group or right last changed.
    vetting_due: when the clock next counts how many signals of a new party were confirmed.
    exercise: it was made for one exercise, where a bot plays it: nothing real reaches it, and it
              does nothing real (decision 0174). left_at: when that exercise ended.
    """

    name = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=[(k, k) for k in PartyKind])
    country = models.CharField(max_length=2, blank=True)
    joined_at = models.DateTimeField()
    standing = models.CharField(
        max_length=10,
        choices=[(s, s) for s in Standing],
        default=Standing.NEW,
        db_default=Standing.NEW,
    )
    group = models.CharField(max_length=60, blank=True, default="", db_default="")
    speaks_for_digests = models.BooleanField(default=False, db_default=False)
    mechanism = models.CharField(max_length=60, blank=True, default="", db_default="")
    position = models.BigIntegerField(default=0, db_default=0)
    vetting_due = models.DateTimeField(null=True)
    exercise = models.BooleanField(default=False, db_default=False)
    left_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.title

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"party:{self.name}"

    @property
    def is_suspended(self) -> bool:
        """Whether the party is suspended."""
        return self.standing == Standing.SUSPENDED

    @property
    def trust(self) -> PartyTrust:
        """Return the facts that decide how much the party's word counts."""
        return PartyTrust(
            name=self.name,
            kind=PartyKind(self.kind),
            standing=Standing(self.standing),
            group=self.group,
            speaks_for_digests=self.speaks_for_digests,
            state=self.country if self.kind == PartyKind.AUTHORITY else "",
        )


class StandingChange(models.Model):
    """A change of a party's standing, group or right: who made it, when and why.

    before, after: the standing; the same if only the group or the right changed.
    group, speaks_for_digests: after the change.
    by, second: the parties that acted, None for the clock and the hub's operator. second: who
                confirmed, if two people had to act. by_ref, second_ref: as the ledger names them.
    """

    party = models.ForeignKey(Party, models.PROTECT, related_name="standing_changes")
    before = models.CharField(max_length=10)
    after = models.CharField(max_length=10)
    group = models.CharField(max_length=60, blank=True)
    speaks_for_digests = models.BooleanField(default=False)
    reason = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    by_ref = models.CharField(max_length=80)
    second = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    second_ref = models.CharField(max_length=80, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.party_id}: {self.before} to {self.after}"


class SuspensionProposal(models.Model):
    """A proposal to suspend a party, or to lift its suspension, until another person decides.

    lifts: whether it ends a suspension. by_role, decided_role: "" for a key.
    """

    uid = models.UUIDField(unique=True)
    party = models.ForeignKey(Party, models.PROTECT, related_name="suspension_proposals")
    lifts = models.BooleanField()
    reason = models.CharField(max_length=500)
    state = models.CharField(
        max_length=10, choices=[(s, s) for s in ProposalState], default=ProposalState.OPEN
    )
    by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    by_ref = models.CharField(max_length=80)
    by_role = models.CharField(max_length=30, blank=True)
    at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    decided_ref = models.CharField(max_length=80, blank=True)
    decided_role = models.CharField(max_length=30, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                "party",
                condition=models.Q(state=ProposalState.OPEN),
                name="one_open_suspension_proposal",
            )
        ]

    def __str__(self) -> str:
        return f"{'lift' if self.lifts else 'suspend'} {self.party_id}: {self.state}"


class People(BaseUserManager["Person"]):
    """Manager of people that joins their party, because every page needs both."""

    def get_queryset(self) -> models.QuerySet["Person"]:
        """Return all people with their party."""
        return super().get_queryset().select_related("party")


class Person(AbstractBaseUser):
    """Somebody who signs in for a party, in one role.

    name: for other people to read; "" if nobody has entered one. Never in the ledger.
    language: "" for the browser's preference; time_zone: "" for UTC. letter_keys: whether single
    letters are keyboard shortcuts (WCAG 2.2, 2.1.4). Of an invitation only a
    digest is stored. erased_at: when all personal data was removed from this row.

    locked_at: when wrong passwords and codes last locked the account, and a mail was sent.
    controllers: who else may use the account: the person who added it or reset its sign-in, and
    those who may use that person's account; references with spaces between. "" once another person
    has confirmed the account: decision 0107.
    """

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80, blank=True, default="", db_default="")
    party = models.ForeignKey(Party, models.PROTECT, related_name="people")
    role = models.CharField(max_length=30, choices=[(r, r) for r in Role])
    is_active = models.BooleanField(default=True)
    added_at = models.DateTimeField()
    language = models.CharField(max_length=10, blank=True, db_default="")
    time_zone = models.CharField(max_length=60, blank=True, db_default="")
    letter_keys = models.BooleanField(default=True, db_default=True)
    invitation_sha256 = models.CharField(max_length=64, blank=True, db_default="")
    invited_until = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)
    locked_at = models.DateTimeField(null=True)
    controllers = models.TextField(blank=True, default="", db_default="")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[People] = People()

    def __str__(self) -> str:
        return self.email

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger: a number, because a name is personal data."""
        return f"person:{self.pk}"


class SetUpLink(models.Model):
    """The link that sets up a hub without a party. Only a digest of its secret is stored."""

    secret_sha256 = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"link until {self.expires_at:%Y-%m-%d %H:%M}"


class PersonSession(models.Model):
    """A session: one person signed in on one browser. door: the method; browser: a short text.

    seen_at: when the person last did something; requests that a page makes by itself do not count.
    """

    person = models.ForeignKey(Person, models.CASCADE, related_name="sittings")
    door = models.CharField(max_length=20)
    browser = models.CharField(max_length=60, blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "parties_sitting"
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"session {self.pk} of person:{self.person_id}"


class CodeTry(models.Model):
    """A one-time code that was tried for an account and was wrong, or is being checked."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="code_tries")
    tried_at = models.DateTimeField()

    class Meta:
        ordering = ["-tried_at"]

    def __str__(self) -> str:
        return f"code tried for person:{self.person_id}"


class ContactPoint(models.Model):
    """An address at which a party can be reached. is_24_7: somebody is always there.

    Otherwise somebody is there in office hours of the time zone. title: a function ("duty desk"),
    never a person's name. verified_at: when a drill last got an answer there. A removed point keeps
    its row, because deliveries refer to it.
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
        """Return the name of this row in the ledger."""
        return f"contact_point:{self.pk}"


class LadderStep(models.Model):
    """A step of a party's escalation ladder. wait_minutes: for an answer, before the next step."""

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
    """The appointment of an authority for a duty by a Member State. ended_at: None while valid.

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


class CompetenceProposal(models.Model):
    """A proposal to name an authority for a duty, or to end that, until a second person decides.

    by_ref: the person, as the ledger names them. The row is deleted once it is decided.
    """

    party = models.OneToOneField(Party, models.CASCADE, related_name="competence_proposal")
    duty = models.CharField(max_length=20, choices=[(d, d) for d in Duty])
    ends = models.BooleanField()
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    by_ref = models.CharField(max_length=80)
    at = models.DateTimeField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{'end' if self.ends else 'name'} {self.party_id} for {self.duty}"


class Series(models.Model):
    """The counter of one party's file references of one kind in one year."""

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
    """A machine's key. Only a digest of its secret is stored; the secret is shown once.

    controllers: the person who made it at the desk, as of a person; "" for the operator.
    replaces: the key that it replaces. replaced_at: when another key replaced this one, which
    expires soon after.
    certificate_sha256: of the client certificate (DER) that callers must have; "" for none.
    """

    party = models.ForeignKey(Party, models.PROTECT, related_name="keys")
    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=12, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    controllers = models.TextField(blank=True, default="", db_default="")
    replaces = models.ForeignKey("self", models.PROTECT, null=True, related_name="replacements")
    replaced_at = models.DateTimeField(null=True)
    certificate_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        ordering = ["party__name", "name"]
        constraints = [
            models.UniqueConstraint(
                "party",
                "name",
                condition=models.Q(revoked_at=None, replaced_at=None),
                name="one_current_key_a_name",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"key:{self.prefix}"


class Agent(models.Model):
    """A party's agent with its last reported status.

    key: the prefix of the key that it first reported with; "" if unknown.
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
        """Return the name of this row in the ledger."""
        return f"agent:{self.pk}"


class CachedValue(models.Model):
    """A value of the cache that all processes share. key: a digest; value: JSON."""

    key = models.CharField(max_length=64, primary_key=True)
    value = models.TextField()
    expires_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return self.key
