# SPDX-License-Identifier: Apache-2.0
"""Exchanges, the records received through them, outgoing signals, and their log."""

from django.db import models
from django.db.models import Q

from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.interop.exchanges import OutgoingState
from stemtide.protocol.enums import ExchangeKind, Opinion


class Exchange(models.Model):
    """Another hub that this one pulls from, pushes to, or both.

    secret:     encrypted with the hub's own secret: a copy of the database does not reveal it.
    party:      the party that shares its records as signals.
    hub:        the other hub's id, once known.
    checkpoint: where pulling continues, in the format of its kind.
    next_at:    when it is due; during a run, when the lease ends. None: paused or removed.
    taken:      the number of runs begun; a run may write only if it is the latest.
    day, day_count: how many new signals came on the last day with any.
    pushed_to:  the feed position up to which signals were checked for pushing.
    counts: records by fate; not_taken_back: withdrawals that the other side refused for good.
    inside:     whether the other side belongs to the community that TLP:AMBER may reach.
    proposed_by: who proposed it at the desk, as the ledger names them, until a second person
                confirms; "" afterwards, and if the operator added it.
    """

    uid = models.UUIDField(unique=True)
    name = models.SlugField(max_length=40, unique=True)
    kind = models.CharField(max_length=20, choices=[(k, k) for k in ExchangeKind])
    pulls = models.BooleanField(default=True)
    pushes = models.BooleanField(default=False)
    inside = models.BooleanField(default=False)
    address = models.CharField(max_length=300)
    push_address = models.CharField(max_length=300, blank=True)
    account = models.CharField(max_length=200, blank=True)
    secret = models.TextField(blank=True)
    party = models.ForeignKey(Party, models.PROTECT, related_name="exchanges")
    terms = models.JSONField(default=dict)
    every_s = models.PositiveIntegerField()
    is_paused = models.BooleanField(default=False)
    hub = models.CharField(max_length=36, blank=True)
    checkpoint = models.JSONField(default=dict)
    next_at = models.DateTimeField(null=True)
    taken = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=300, blank=True)
    last_ok_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)
    day = models.DateField(null=True)
    day_count = models.PositiveIntegerField(default=0)
    pushed_to = models.BigIntegerField(default=0)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    proposed_by = models.CharField(max_length=80, blank=True, db_default="")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"exchange:{self.name}"


class Record(models.Model):
    """A record of a source that represents a signal here, or a MISP event that was read.

    signal:      None for an event, and while its signal waits for a second look.
    waiting:     the id that such a signal gets if it is approved.
    is_own:      whether it is the source's party's signal; otherwise another party's, of the same
                 value.
    is_disputed: as the source last reported. ended: the source withdrew it.
    part_of:     the source's record that it is one comparison of; "" if that has a single one.
    place:       its name there for opinions on it; "" if the source takes none.
    reaction:    the opinion of this hub's parties that was sent there last.
    """

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="records")
    key = models.CharField(max_length=300)
    version = models.CharField(max_length=80)
    signal = models.ForeignKey(Signal, models.PROTECT, null=True, related_name="records")
    waiting = models.UUIDField(null=True)
    is_own = models.BooleanField(default=True)
    is_disputed = models.BooleanField(default=False)
    ended = models.BooleanField(default=False)
    part_of = models.CharField(max_length=300, blank=True, db_default="")
    place = models.CharField(max_length=40, blank=True, db_default="")
    reaction = models.CharField(max_length=20, blank=True, db_default="")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("exchange", "key", name="one_record_an_exchange_and_key")
        ]
        indexes = [
            models.Index("exchange", "part_of", condition=~Q(part_of=""), name="records_by_whole"),
            models.Index("exchange", "id", condition=~Q(place=""), name="records_with_a_place"),
        ]

    def __str__(self) -> str:
        return self.key


class PartnerOpinion(models.Model):
    """An opinion that a party of the other side has of a record.

    key, about: names of the opinion and of the record there. The record may come later.
    opinion: SEEN if it was taken back there, or does not count there.
    author:  who gave it there; "" if no other opinion is of the same author.
    tlp:     its own mark; "" if it has none that is stricter than its record's.
    is_due:  whether it has yet to be counted in the opinion of the exchange's party here.
    seen_at: when it came, or was last held up by the limits of that party.
    read_at: when it came last, if its source sends everything again after a gap.
    """

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="partner_opinions")
    key = models.CharField(max_length=300)
    about = models.CharField(max_length=300)
    version = models.CharField(max_length=80)
    opinion = models.CharField(max_length=10, choices=[(o, o) for o in Opinion])
    note = models.CharField(max_length=500, blank=True)
    author = models.CharField(max_length=300, blank=True, db_default="")
    tlp = models.CharField(max_length=15, blank=True, db_default="")
    is_due = models.BooleanField(default=True)
    seen_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("exchange", "key", "about", name="one_partner_opinion_a_record")
        ]
        indexes = [
            models.Index("exchange", "about", name="partner_opinions_by_record"),
            models.Index("exchange", "id", condition=Q(is_due=True), name="partner_opinions_due"),
        ]

    def __str__(self) -> str:
        return f"{self.opinion} of {self.about}"


class PartnerSighting(models.Model):
    """How often providers of the other side met content that matches a record.

    outcomes: uploads by outcome. They are never added to the counts of this hub.
    """

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="partner_sightings")
    about = models.CharField(max_length=300)
    version = models.CharField(max_length=80)
    outcomes = models.JSONField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("exchange", "about", name="one_partner_sighting_a_record")
        ]

    def __str__(self) -> str:
        return f"{self.outcomes} of {self.about}"


class PartnerSingleSighting(models.Model):
    """A sighting of the other side, if it gives single ones and no sums.

    key, about: names of the sighting and of the record there. The record may come later.
    tlp:     its own mark; "" if it has none that is stricter than its record's.
    seen_at: when it came last.
    """

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="single_sightings")
    key = models.CharField(max_length=300)
    about = models.CharField(max_length=300)
    version = models.CharField(max_length=80)
    count = models.PositiveIntegerField()
    last_at = models.DateTimeField()
    tlp = models.CharField(max_length=15, blank=True)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("exchange", "key", name="one_single_sighting_a_name")
        ]
        indexes = [models.Index("exchange", "about", name="single_sightings_by_record")]

    def __str__(self) -> str:
        return f"{self.count} of {self.about}"


class Withdrawal(models.Model):
    """The withdrawal of all that an exchange brought. The scheduler does it in parts.

    by, ref:  the party and the person or key that asked; None and "operator" for the operator.
    signals:  those that it withdrew, or whose withdrawal waits.
    total:    live signals when it began. withdrawn, waiting, refused: how many of them so far.
    last:     primary key of the signal after which the next part begins.
    done_at:  None while it goes on.
    restore_at: when somebody asked to share the withdrawn signals again; restore_by, restore_ref:
              who.
    restored: how many are shared again. restored_at: None while that goes on.
    """

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="withdrawals")
    by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    ref = models.CharField(max_length=80)
    signals = models.ManyToManyField(Signal, related_name="+")
    reason = models.CharField(max_length=20)
    note = models.CharField(max_length=500, blank=True)
    total = models.PositiveIntegerField()
    withdrawn = models.PositiveIntegerField(default=0)
    waiting = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    last = models.BigIntegerField(default=0)
    begun_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    restore_at = models.DateTimeField(null=True)
    restore_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    restore_ref = models.CharField(max_length=80, blank=True)
    restored = models.PositiveIntegerField(default=0)
    restored_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.withdrawn}/{self.total}"


class Line(models.Model):
    """A line of an exchange's log. It never contains a signal's value."""

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="lines")
    at = models.DateTimeField()
    words = models.CharField(max_length=500)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.words


class GroupEvent(models.Model):
    """An event in a sharing group of a MISP, with the signals of one audience and one TLP.

    uuid:  of the event there: a new one each time, as MISP may not take a deleted one again.
    group, group_uuid: number and UUID of the sharing group there.
    block: of the signals' numbers, in parts.
    readers: the parties that may see its signals, in the stored form of an audience.
    is_over: others can read in the group now, or may: it is to be deleted there.
    """

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="group_events")
    uuid = models.UUIDField(unique=True)
    group = models.PositiveIntegerField()
    group_uuid = models.UUIDField()
    tlp = models.CharField(max_length=20)
    block = models.PositiveBigIntegerField()
    readers = models.TextField()
    is_over = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.uuid} in {self.group}"


class Outgoing(models.Model):
    """A signal that is queued for another hub, or was sent there.

    remote:  its id there, if the other side assigns one; "" until known.
    next_at: when it is tried; None if nothing is to be done.
    attempts: how often sending was begun, or how often its withdrawal was refused.
    refused_since: since when it is refused in runs in which nothing new is accepted.
    sighted: uploads that had matched when the other hub last learned of a sighting.
    event: in which a sharing group has it, or gets it; None for signals without an audience.
    """

    exchange = models.ForeignKey(Exchange, models.CASCADE, related_name="outgoing")
    signal = models.ForeignKey(Signal, models.PROTECT, related_name="outgoing")
    state = models.CharField(max_length=20, choices=[(s, s) for s in OutgoingState])
    remote = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    refused_since = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    sighted = models.PositiveBigIntegerField(default=0, db_default=0)
    event = models.ForeignKey(GroupEvent, models.SET_NULL, null=True, related_name="outgoing")
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "outgoing"
        constraints = [
            models.UniqueConstraint(
                "exchange", "signal", name="one_outgoing_an_exchange_and_signal"
            )
        ]
        indexes = [
            models.Index("exchange", "next_at", name="outgoing_by_due"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.signal_id}"
