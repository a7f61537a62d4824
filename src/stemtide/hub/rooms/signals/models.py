# SPDX-License-Identifier: Apache-2.0
"""Content items, signals, sightings, opinions and the reports already counted."""

from uuid import uuid4

from django.db import models

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.retention.columns import RetainedRow
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.address_index import AddressHead
from stemtide.protocol.enums import Opinion, Outcome, SignalState


class ContentItem(models.Model):
    """A piece of content that a party describes; its fingerprints are signals.

    uid: the sharer's own id; an exercise may use it again for an item of its own.
    """

    uid = models.UUIDField()
    shared_by = models.ForeignKey(Party, models.PROTECT, related_name="content_items")
    exercise = models.BooleanField(default=False)
    added_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["shared_by", "uid", "exercise"],
                name="one_content_item_a_party_uid_and_mark",
            )
        ]

    def __str__(self) -> str:
        return str(self.uid)


class Signal(RetainedRow):
    """One fingerprint of content that parties should know again.

    position: its place in the feed; every change that readers must learn of moves it up.
    value:    lower-case hex; for a URL the digest of its canonical spelling, with url beside it;
              for kinds as long as their content the SHA-256 of the value, which is a LongValue.
    reach:    of a URL that covers a folder or a host; None: one address, or another kind.
    audience: names of the parties that may see it, as "|a|b|"; "" where none are named.
    language: of the content (BCP 47), as its sharer stated it; None where nobody did.
    signature: of its sharer, in base64; None where it did not sign.
    flood:    "lowered" if it matches too much and leads to hold at most, "cleared" if an agency
              decided that its matches are right.
    confirmations: parties that agree with it, without its sharer.  disputes: parties that dispute
              it. Feeds ask for the opinions of signals only where one of them is not 0.
    via:      ids of the hubs that it came through, with spaces between; "" where it began here.
    stamp_s:  when it last changed or was judged, in seconds, for readers who count in them. Given
              in the order of commits and never lower than one given before: decision 0063.
    """

    uid = models.UUIDField(unique=True)
    position = models.BigIntegerField(unique=True)
    stamp_s = models.BigIntegerField(default=0, db_default=0)
    state = models.CharField(max_length=10, default=SignalState.LIVE)
    kind = models.CharField(max_length=10, choices=[(k, k) for k in Kind])
    value = models.CharField(max_length=64)
    url = models.CharField(max_length=4096, blank=True)
    # None and not "" goes over the wire, and that path bypasses Django's models.
    reach = models.CharField(max_length=10, null=True)
    quality = models.SmallIntegerField(null=True)
    within_bits = models.SmallIntegerField(null=True)
    content = models.ForeignKey(ContentItem, models.PROTECT, null=True, related_name="signals")
    labels = models.JSONField(default=list)
    ideology = models.CharField(max_length=30, null=True)
    entity = models.CharField(max_length=120, null=True)
    language = models.CharField(max_length=12, null=True)
    signature = models.CharField(max_length=88, null=True)
    severity = models.CharField(max_length=10)
    provenance = models.CharField(max_length=15)
    confidence = models.SmallIntegerField()
    tlp = models.CharField(max_length=15)
    pap = models.CharField(max_length=10)
    audience = models.TextField(blank=True)
    is_disputed = models.BooleanField(default=False)
    flood = models.CharField(max_length=10, blank=True, default="", db_default="")
    confirmations = models.PositiveIntegerField(default=0, db_default=0)
    disputes = models.PositiveIntegerField(default=0, db_default=0)
    crisis = models.ForeignKey(Crisis, models.PROTECT, null=True, related_name="signals")
    exercise = models.BooleanField(default=False)
    # No index of its own: most signals come from few parties, and a planner that picked it would
    # read all of theirs to find one value.
    shared_by = models.ForeignKey(Party, models.PROTECT, related_name="signals", db_index=False)
    shared_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdraw_reason = models.CharField(max_length=20, blank=True)
    withdraw_note = models.CharField(max_length=500, blank=True)
    via = models.CharField(max_length=300, blank=True, default="", db_default="")
    # For people at this hub: it is not in the feed. Decision 0124.
    title = models.CharField(max_length=80, blank=True, default="", db_default="")

    class Meta:
        ordering = ["position"]
        constraints = [
            # The value comes first: lookups by value use this index as well.
            models.UniqueConstraint(
                fields=["value", "kind", "shared_by", "exercise"],
                condition=models.Q(state=SignalState.LIVE),
                name="one_live_signal_a_party_and_value",
            )
        ]
        indexes = [
            models.Index(fields=["stamp_s", "id"], name="signals_by_stamp"),
            models.Index(fields=["crisis", "position"], name="signals_by_crisis"),
            models.Index(
                "expires_at",
                condition=models.Q(state=SignalState.LIVE, expires_at__isnull=False),
                name="live_signals_by_expiry",
            ),
            models.Index(
                "value",
                condition=models.Q(state=SignalState.WITHDRAWN),
                name="withdrawn_signals_by_value",
            ),
            models.Index(
                "value",
                condition=models.Q(state=SignalState.EXPIRED),
                name="expired_signals_by_value",
            ),
            models.Index(
                AddressHead("url"), condition=models.Q(kind=Kind.URL), name="signals_by_address"
            ),
            models.Index("position", condition=~models.Q(title=""), name="signals_with_titles"),
            models.Index(
                "erase_due", condition=models.Q(erased_at=None), name="signals_by_erasure"
            ),
            models.Index(
                "id", condition=models.Q(retention_rule=None), name="signals_without_rule"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value[:12]}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"signal:{self.uid}"


class SignalTally(models.Model):
    """How many signals have the same marks, by state; triggers of the database keep it (0135).

    Who may see a signal depends on tlp, audience and shared_by alone: the sum of the tallies that a
    party may see is the number of signals that it may see. disputed: of the live ones.
    """

    tlp = models.CharField(max_length=15)
    audience = models.TextField(blank=True)
    shared_by = models.ForeignKey(Party, models.PROTECT, related_name="+", db_index=False)
    exercise = models.BooleanField()
    live = models.BigIntegerField()
    withdrawn = models.BigIntegerField()
    expired = models.BigIntegerField()
    disputed = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.tlp} of {self.shared_by_id}: {self.live} live"


class OutcomeTally(models.Model):
    """Sums of sightings of signals that have the same marks; triggers keep them (0135).

    party: where the content was met; None for all parties.
    outcome: "" where count is the number of signals that were met, with any outcome.
    """

    tlp = models.CharField(max_length=15)
    audience = models.TextField(blank=True)
    shared_by = models.ForeignKey(Party, models.PROTECT, related_name="+", db_index=False)
    exercise = models.BooleanField()
    party = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+", db_index=False)
    outcome = models.CharField(max_length=10, blank=True)
    count = models.BigIntegerField()
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.outcome} x {self.count} at {self.party_id}"


class MispBlock(models.Model):
    """When signals with the same marks in a block of MISP last changed; triggers keep it (0135).

    Only signals that MISP can hold count (interop.misp.events). block: as in EventHead.

    crisis: that of the signals; None for all signals of the block, those of crises as well.
    stamp_s: the highest of them.  since: when the first of them was shared.
    """

    block = models.BigIntegerField()
    crisis = models.ForeignKey(Crisis, models.PROTECT, null=True, related_name="+", db_index=False)
    tlp = models.CharField(max_length=15)
    audience = models.TextField(blank=True)
    shared_by = models.ForeignKey(Party, models.PROTECT, related_name="+", db_index=False)
    stamp_s = models.BigIntegerField()
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"block {self.block} of {self.crisis_id}"


class LongValue(models.Model):
    """A value as long as its content, stored once for all signals that have it; never changed.

    It has its own table, so that no list of signals ever loads one.

    digest: its SHA-256 in hex, which is the `value` of its signals.
    lasts_ms: duration of a film or sound; None for other kinds, and where it is not known.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    size_bytes = models.PositiveIntegerField()
    lasts_ms = models.BigIntegerField(null=True)
    value = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.digest[:12]} ({self.size_bytes} bytes)"


class LongValueSpending(models.Model):
    """The bytes of long values that a party shared on the last day on which it shared any."""

    party = models.OneToOneField(Party, models.CASCADE, primary_key=True, related_name="+")
    day = models.DateField()
    spent_bytes = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.party_id} {self.day} {self.spent_bytes}"


class RefusedTally(models.Model):
    """The refused values of known abuse material that a party sent on the last such day (UTC)."""

    party = models.OneToOneField(Party, models.CASCADE, primary_key=True, related_name="+")
    day = models.DateField()
    count = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.party_id} {self.day} {self.count}"


class Dismissal(models.Model):
    """An agency's decision to set all open disputes of a party, and of its group, aside at once.

    party: the one that was named. restored_at: when an agency took the decision back.
    """

    uid = models.UUIDField(unique=True)
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    count = models.PositiveIntegerField()
    decided_at = models.DateTimeField()
    restored_at = models.DateTimeField(null=True)
    restored_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.party_id} {self.count}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"dismissal:{self.uid}"


class DismissedParty(models.Model):
    """A party whose disputes a dismissal set aside. answer: what it said to that, once."""

    dismissal = models.ForeignKey(Dismissal, models.CASCADE, related_name="parties")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    count = models.PositiveIntegerField()
    answer = models.CharField(max_length=500, blank=True, default="")
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["party__name"]
        constraints = [
            models.UniqueConstraint("dismissal", "party", name="one_row_a_dismissal_and_party")
        ]

    def __str__(self) -> str:
        return f"{self.dismissal_id} {self.party_id}"


class OpinionRow(models.Model):
    """The opinion of one party about one signal. A newer opinion replaces it.

    set_aside_at: when an agency decided that this party's dispute does not count elsewhere. The
                  decision stays if the party takes its dispute back and repeats it.
    set_aside_by: that agency.  answer: what the party said to that, once.
    dismissal: the decision that set it aside with others; it is answered there.
    changes: how often the party changed its opinion on the day (UTC) of given_at.
    """

    signal = models.ForeignKey(Signal, models.CASCADE, related_name="opinions")
    party = models.ForeignKey(Party, models.PROTECT, related_name="opinions")
    opinion = models.CharField(max_length=10, choices=[(o, o) for o in Opinion])
    note = models.CharField(max_length=500, blank=True)
    given_at = models.DateTimeField()
    set_aside_at = models.DateTimeField(null=True)
    set_aside_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    set_aside_reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    answer = models.CharField(max_length=500, blank=True, default="", db_default="")
    answered_at = models.DateTimeField(null=True)
    dismissal = models.ForeignKey(Dismissal, models.PROTECT, null=True, related_name="disputes")
    changes = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["given_at"]
        constraints = [
            models.UniqueConstraint("signal", "party", name="one_opinion_a_party_and_signal")
        ]

    def __str__(self) -> str:
        return f"{self.party_id} {self.opinion}"

    @property
    def is_set_aside(self) -> bool:
        """Whether an agency set it aside that is not suspended: its decisions then do not count."""
        return self.set_aside_by is not None and not self.set_aside_by.is_suspended


class SignalQuestion(models.Model):
    """A question of a party to the sharer of a signal, and its answer. A newer one replaces it.

    answered_at: when the sharer answered; None while the question is open.
    """

    signal = models.ForeignKey(Signal, models.CASCADE, related_name="questions")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    text = models.CharField(max_length=500)
    sent_at = models.DateTimeField()
    answer = models.CharField(max_length=500, blank=True, default="", db_default="")
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["sent_at"]
        constraints = [
            models.UniqueConstraint("signal", "party", name="one_question_a_party_and_signal")
        ]
        indexes = [models.Index("party", "sent_at", name="questions_by_party")]

    def __str__(self) -> str:
        return f"{self.party_id} {self.sent_at:%Y-%m-%d}"


class DisputeTally(models.Model):
    """The number of disputes that a party opened on the last day (UTC) on which it opened any.

    weighed: the feed position of the party's standing when what it said about signals was last
             weighed; below 0 if it must be weighed anew.
    """

    party = models.OneToOneField(Party, models.CASCADE, primary_key=True, related_name="+")
    day = models.DateField(null=True)
    opened = models.PositiveIntegerField(default=0)
    weighed = models.BigIntegerField(default=-1)

    def __str__(self) -> str:
        return f"{self.party_id} {self.day} {self.opened}"


class Sighting(models.Model):
    """How often content matching a signal was seen at a party, by outcome."""

    signal = models.ForeignKey(Signal, models.CASCADE, related_name="sightings")
    party = models.ForeignKey(Party, models.PROTECT, related_name="sightings")
    outcome = models.CharField(max_length=10, choices=[(o, o) for o in Outcome])
    count = models.BigIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["signal", "party", "outcome"],
                name="one_sighting_a_signal_party_and_outcome",
            )
        ]

    def __str__(self) -> str:
        return f"{self.outcome} x {self.count}"


class EarlierUploadSum(models.Model):
    """How many uploads an agent remembered that match a signal which came later.

    agent: its name. first_hour: the full hour of the first of these uploads.
    """

    signal = models.ForeignKey(Signal, models.CASCADE, related_name="earlier_uploads")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    agent = models.CharField(max_length=63)
    count = models.BigIntegerField()
    first_hour = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "signal", "party", "agent", name="one_earlier_sum_a_signal_and_agent"
            )
        ]

    def __str__(self) -> str:
        return f"{self.agent} {self.count}"


class SightingSpan(models.Model):
    """How often content of a crisis was met at a party in one span of time, in one language.

    Signals that the same parties may see are counted together: tlp, audience and shared_by are
    those of the signals, so that who may see a signal sees its share of the curve, and nobody else.

    handling: SHA-256 of tlp, audience and shared_by, as an audience may be too long for an index.
    language: a tag (BCP 47); "" where the provider did not say.
    ends_at:  when the span ends; it began minutes before that.
    """

    crisis = models.ForeignKey(Crisis, models.PROTECT, related_name="spans")
    handling = models.CharField(max_length=64)
    tlp = models.CharField(max_length=15)
    audience = models.TextField(blank=True)
    shared_by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    party = models.ForeignKey(Party, models.PROTECT, related_name="spans")
    outcome = models.CharField(max_length=10, choices=[(o.value, o.value) for o in Outcome])
    language = models.CharField(max_length=35, blank=True)
    ends_at = models.DateTimeField()
    minutes = models.SmallIntegerField()
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["crisis", "ends_at", "minutes", "handling", "party", "outcome", "language"],
                name="one_span_a_crisis_handling_party_and_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.outcome} x {self.count} until {self.ends_at:%Y-%m-%d %H:%M}"


class SignalSpan(models.Model):
    """How often content of a signal was met at a party in one span of time, in one language.

    The spans of a signal of a crisis are those of SightingSpan; of another signal they are hours.

    language: a tag (BCP 47); "" where the provider did not say. ends_at: when the span ends.
    """

    signal = models.ForeignKey(Signal, models.CASCADE, related_name="spans")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=10, choices=[(o.value, o.value) for o in Outcome])
    language = models.CharField(max_length=35, blank=True)
    ends_at = models.DateTimeField(db_index=True)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["signal", "ends_at", "party", "outcome", "language"],
                name="one_span_a_signal_party_and_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.outcome} x {self.count} until {self.ends_at:%Y-%m-%d %H:%M}"


class CountedReport(models.Model):
    """An outcome report that was counted, kept so that it is never counted twice."""

    uid = models.UUIDField()
    party = models.ForeignKey(Party, models.PROTECT, related_name="reports")
    agent = models.CharField(max_length=63)
    counted = models.BigIntegerField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("party", "uid", name="one_report_a_party_and_uid")]

    def __str__(self) -> str:
        return str(self.uid)


class Outlier(models.Model):
    """A row of a report that is left out of all sums until a person decides.

    is_counted: None until somebody decided. decided_by: the party or person who decided, as named
    in the ledger.
    """

    uid = models.UUIDField(unique=True, default=uuid4)
    signal = models.ForeignKey(Signal, models.CASCADE, related_name="outliers")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    agent = models.CharField(max_length=63)
    outcome = models.CharField(max_length=10, choices=[(o.value, o.value) for o in Outcome])
    language = models.CharField(max_length=35, blank=True)
    count = models.BigIntegerField()
    lookups = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    received_at = models.DateTimeField()
    is_counted = models.BooleanField(null=True)
    decided_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.outcome} x {self.count}, of {self.lookups} look-ups"


class RunawayReport(models.Model):
    """A report of one agent about a signal that matches too much. A newer report replaces it.

    curve: [begins_at, matches, look-ups] of spans of five minutes, oldest first.
    counts: it counts towards lowering; not any more once an agency has decided.
    """

    signal = models.ForeignKey(Signal, models.CASCADE, related_name="runaway_reports")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    agent = models.CharField(max_length=63)
    state = models.CharField(max_length=10)
    since = models.DateTimeField()
    matches = models.BigIntegerField()
    lookups = models.BigIntegerField()
    most = models.BigIntegerField()
    curve = models.JSONField(default=list)
    reported_at = models.DateTimeField()
    counts = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["signal", "party", "agent"], name="one_runaway_report_an_agent_and_signal"
            )
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.matches} of {self.lookups}"


class RunawayDecision(models.Model):
    """An agency's decision about a signal that matches too much; a newer one replaces it."""

    signal = models.OneToOneField(Signal, models.CASCADE, related_name="runaway_decision")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    is_lowered = models.BooleanField()
    reason = models.CharField(max_length=500)
    decided_at = models.DateTimeField()

    def __str__(self) -> str:
        return "lowered" if self.is_lowered else "cleared"
