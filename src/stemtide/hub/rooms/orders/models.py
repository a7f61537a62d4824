# SPDX-License-Identifier: Apache-2.0
"""Tables of removal orders: receipts, answers, copies, scrutiny and preservation."""

from uuid import UUID

from django.db import models

from stemtide.hub.platform.retention.columns import LawfulRow, RetainedRow
from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.rules.competences import shown_reference
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums.orders import (
    AccessPurpose,
    AppealOutcome,
    Appellant,
    DoubtKind,
    EmergencyGround,
    EntryState,
    FinalGround,
    Measure,
    OrderChannel,
    OrderState,
    PreservationBasis,
    ReviewKind,
    ScrutinyBasis,
    ScrutinyState,
)
from stemtide.protocol.enums.referrals import ContentType, ReceiptVia
from stemtide.protocol.messages.documents import SealVerdict


class Information(models.Model):
    """Procedures and deadlines that an authority sent a provider before its first order.

    source: Regulation (EU) 2021/784 Art. 3(2).
    """

    uid = models.UUIDField(unique=True)
    sent_by = models.ForeignKey(Party, models.PROTECT, related_name="informations_sent")
    sent_to = models.ForeignKey(Party, models.PROTECT, related_name="informations")
    text = models.TextField()
    exercise = models.BooleanField(default=False)
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["-sent_at"]

    def __str__(self) -> str:
        return f"information {self.uid}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"information:{self.uid}"


class Order(RetainedRow):
    """One removal order.

    reference:  given when it is issued; "" for a draft. is_entered: it was made elsewhere, has the
                reference that it got there, and a row of EnteredOrder.
    issued_by:  None only where the issuer of an order that was made elsewhere is no party.
    annex:      what the issuer wrote into Annex I; the hub fills in the rest when it is read.
    emergency:  why a first order was issued without twelve hours' notice; "" otherwise. Its ground
                may be missing in orders from before it was asked for.
    due_at:     when the running hour is over; None before receipt, in a pause, and at the end.
    missed_at:  when the hub noted that the hour had passed without an answer. It stays.
    executed_at: the moment of the measure, as the provider says it; answered_at: when it said so.
    secret_until: until when it is secret from the content provider; None if it is not secret.
    ended_at:   when it lost its effect: withdrawn or annulled.
    appeal_until: the last day for appeal, computed from Section G at receipt, or entered by
                appeal_until_by; None if nobody knows it.
    appeal_over_at: when the hub noted that this day has passed.
    is_media_service: whether the account is one of a media service, as the issuer says.
    copy_to_europol: whether agencies get a copy when it is issued: Art. 14(6).
    despite:    why its issuer issues it despite doubts. Its addressee does not read it.
    approval:   the latest second look that was asked for; None in orders from before it was needed.
    """

    uid = models.UUIDField(unique=True)
    reference = models.CharField(max_length=100, blank=True)
    is_entered = models.BooleanField(default=False, db_default=False)
    state = models.CharField(
        max_length=12, choices=[(s, s) for s in OrderState], default=OrderState.DRAFTED
    )
    issued_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="orders_issued")
    addressee = models.ForeignKey(Party, models.PROTECT, related_name="orders")
    annex = models.JSONField(default=dict)
    language = models.CharField(max_length=12, default="en")
    content_type = models.CharField(
        max_length=20, choices=[(t, t) for t in ContentType], default=ContentType.OTHER
    )
    ideology = models.CharField(max_length=40, blank=True)
    emergency = models.TextField(blank=True)
    emergency_ground = models.CharField(
        max_length=20,
        choices=[(ground, ground) for ground in EmergencyGround],
        blank=True,
        db_default="",
    )
    is_media_service = models.BooleanField(default=False, db_default=False)
    copy_to_europol = models.BooleanField(default=False, db_default=False)
    despite = models.TextField(blank=True, db_default="")
    is_first = models.BooleanField(default=False)
    is_cross_border = models.BooleanField(default=False)
    crisis = models.ForeignKey(Crisis, models.PROTECT, null=True, related_name="orders")
    approval = models.ForeignKey(Approval, models.PROTECT, null=True, related_name="orders")
    signals = models.ManyToManyField(Signal, related_name="orders")
    exercise = models.BooleanField(default=False)
    drafted_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    missed_at = models.DateTimeField(null=True)
    executed_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    measure = models.CharField(max_length=10, blank=True, choices=[(m, m) for m in Measure])
    secret_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.TextField(blank=True)
    reinstated_at = models.DateTimeField(null=True)
    appeal_until = models.DateField(null=True)
    appeal_until_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    appeal_over_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-drafted_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                "issued_by",
                "reference",
                condition=~models.Q(reference="") & models.Q(is_entered=False),
                name="one_order_a_reference",
            )
        ]
        indexes = [
            models.Index("due_at", condition=models.Q(due_at__isnull=False), name="orders_by_due"),
            models.Index(fields=["addressee", "state"], name="orders_by_addressee"),
            models.Index(fields=["reference"], name="orders_by_reference"),
            models.Index(
                "appeal_until",
                condition=models.Q(appeal_until__isnull=False, appeal_over_at=None),
                name="orders_by_appeal",
            ),
        ]

    def __str__(self) -> str:
        return self.reference or f"draft {self.uid}"

    @property
    def shown_reference(self) -> str:
        """Return the reference, with the issuer's state in front of references that lack it."""
        if self.is_entered:
            return self.reference
        return shown_reference(self.reference, state=self.issuer.country)

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"order:{self.uid}"

    @property
    def entered(self) -> "EnteredOrder | None":
        """Return how an order that was made elsewhere came here; None for one made here."""
        return getattr(self, "entry", None) if self.is_entered else None

    @property
    def is_of_one_side(self) -> bool:
        """Whether one side alone vouches for it: it was entered by hand, and not confirmed."""
        return self.entered is not None and self.entered.state != EntryState.CONFIRMED

    @property
    def entered_by(self) -> str:
        """Return the name of the party that entered it by hand; "" if it was made here."""
        return self.entered.entered_by.name if self.entered else ""

    @property
    def issuer(self) -> Party:
        """Return the issuer of an order that a party issued. raises: ValueError for others."""
        if self.issued_by is None:
            raise ValueError(f"the issuer of {self.ref} is no party")
        return self.issued_by

    @property
    def issuers(self) -> list[Party]:
        """Return the issuer as a list; empty if it is no party."""
        return [self.issued_by] if self.issued_by is not None else []

    @property
    def issuer_name(self) -> str:
        """Return the name of the issuer, as written if it is no party."""
        if self.issued_by is not None:
            return self.issued_by.name
        return self.entered.issuer_name if self.entered else ""

    @property
    def issuer_title(self) -> str:
        """Return the title of the issuer, as written if it is no party."""
        return self.issued_by.title if self.issued_by is not None else self.issuer_name

    @property
    def issuer_state(self) -> str:
        """Return the issuer's country; "" if it has none."""
        if self.issued_by is not None:
            return self.issued_by.country
        return self.entered.issuer_state if self.entered else ""


class EnteredDocument(models.Model):
    """The PDF of an order that was made elsewhere, encrypted, and the report on its seals.

    ciphertext: for a key that is derived from the hub's secret (platform.encryption).
    seals:  as SealSeen. values: fields of Annex I that a trusted hub wrote into it.
    kept_at: when it arrived. Without an order it is deleted a day later.
    """

    uid = models.UUIDField(unique=True)
    kept_by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    kept_at = models.DateTimeField()
    name = models.CharField(max_length=200, blank=True)
    ciphertext = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    verdict = models.CharField(max_length=12, choices=[(v, v) for v in SealVerdict])
    seals = models.JSONField(default=list)
    values = models.JSONField(default=dict)

    class Meta:
        ordering = ["kept_at", "pk"]
        indexes = [models.Index(fields=["sha256"], name="entered_documents_by_sha256")]

    def __str__(self) -> str:
        return f"document {self.uid}"


class EnteredOrder(models.Model):
    """An order that was made elsewhere: the party that entered it by hand, and its document.

    issuer_name, issuer_state, issuer_contact: of an issuer that is no party; "" otherwise.
    answered_at, note: when the other side confirmed or disputed it, or who entered it took it
                back, and why.
    """

    order = models.OneToOneField(Order, models.CASCADE, related_name="entry")
    document = models.OneToOneField(EnteredDocument, models.PROTECT, related_name="entry")
    entered_by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    entered_at = models.DateTimeField()
    channel = models.CharField(max_length=10, choices=[(c, c) for c in OrderChannel])
    state = models.CharField(
        max_length=12, choices=[(s, s) for s in EntryState], default=EntryState.WAITING
    )
    issuer_name = models.CharField(max_length=200, blank=True)
    issuer_state = models.CharField(max_length=2, blank=True)
    issuer_contact = models.CharField(max_length=500, blank=True)
    answered_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["entered_at", "pk"]

    def __str__(self) -> str:
        return f"entry of order {self.order_id}"


class OrderAddress(models.Model):
    """One address of an order, as written and as the digest of its canonical spelling.

    digest: 64 digits; "" where the text is no address and the order still a draft.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="addresses")
    place = models.PositiveSmallIntegerField()
    url = models.TextField()
    digest = models.CharField(max_length=64, blank=True, db_index=True)

    class Meta:
        ordering = ["place"]
        constraints = [models.UniqueConstraint("order", "place", name="one_address_a_place")]

    def __str__(self) -> str:
        return f"address {self.place} of order {self.order_id}"


class Receipt(models.Model):
    """A receipt of an order. The first starts the hour; proof: how the other side answered."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="receipts")
    via = models.CharField(max_length=10, choices=[(v, v) for v in ReceiptVia])
    at = models.DateTimeField()
    proof = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint("order", "via", name="one_receipt_a_way")]

    def __str__(self) -> str:
        return f"{self.via} of order {self.order_id}"


class OrderAnswer(models.Model):
    """An answer of the addressee: Annex II or III. Annex III suspends the deadline.

    resumed_at: when its ground had ended; resumed_by: the party that said so.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="answers")
    form = models.CharField(max_length=20)
    annex = models.JSONField(default=dict)
    answered_at = models.DateTimeField()
    was_late = models.BooleanField(default=False)
    resumed_at = models.DateTimeField(null=True)
    resumed_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    clarification = models.TextField(blank=True)

    class Meta:
        ordering = ["answered_at", "pk"]

    def __str__(self) -> str:
        return f"{self.form} of order {self.order_id}"


class Copy(models.Model):
    """A copy of an order at an authority of the provider's Member State.

    source: Regulation (EU) 2021/784 Art. 4(1).
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="copies")
    sent_to = models.ForeignKey(Party, models.PROTECT, related_name="copies")
    sent_at = models.DateTimeField()
    received_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["sent_to__name"]
        constraints = [models.UniqueConstraint("order", "sent_to", name="one_copy_an_authority")]

    def __str__(self) -> str:
        return f"copy of order {self.order_id}"


class AgencyCopy(models.Model):
    """A copy of an order that its issuer sent to an agency, which is no side of the order.

    source: Regulation (EU) 2021/784 Art. 14(6).
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="agency_copies")
    sent_to = models.ForeignKey(Party, models.PROTECT, related_name="+")
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["sent_at", "pk"]
        verbose_name_plural = "agency copies"
        constraints = [
            models.UniqueConstraint(fields=["order", "sent_to"], name="one_agency_copy_an_order")
        ]

    def __str__(self) -> str:
        return f"copy of order {self.order_id} for {self.sent_to_id}"


class OrderDoubt(models.Model):
    """A doubt with which an order was issued, as its lint said it then.

    template, facts: the message in English and its values; times in facts are ISO texts.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="doubts")
    kind = models.CharField(max_length=20, choices=[(kind, kind) for kind in DoubtKind])
    field = models.CharField(max_length=60)
    template = models.TextField()
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.kind} doubt of order {self.order_id}"


class Scrutiny(models.Model):
    """One examination of an order by an authority of the provider's Member State.

    asked_by: the provider that asked; None where the authority acts by itself or for a content
              provider, who is no party here.
    authority: who examines; None until one of those with a copy takes a request up.
    missed_at: when the hub noted that the time had passed without a decision.
    """

    uid = models.UUIDField(unique=True)
    order = models.ForeignKey(Order, models.CASCADE, related_name="scrutinies")
    state = models.CharField(
        max_length=12, choices=[(s, s) for s in ScrutinyState], default=ScrutinyState.OPENED
    )
    basis = models.CharField(max_length=20, choices=[(b, b) for b in ScrutinyBasis])
    asked_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    authority = models.ForeignKey(Party, models.PROTECT, null=True, related_name="scrutinies")
    reasons = models.TextField()
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    missed_at = models.DateTimeField(null=True)
    announced_at = models.DateTimeField(null=True)
    announcement = models.TextField(blank=True)
    decided_at = models.DateTimeField(null=True)
    decision = models.TextField(blank=True)

    class Meta:
        ordering = ["opened_at", "pk"]
        verbose_name_plural = "scrutinies"

    def __str__(self) -> str:
        return f"scrutiny {self.uid}"

    @property
    def ref(self) -> str:
        """Return the name of this scrutiny in the ledger."""
        return f"scrutiny:{self.uid}"

    @property
    def reference(self) -> str:
        """Return the file reference of its order."""
        return self.order.reference

    @property
    def shown_reference(self) -> str:
        """Return the file reference with the Member State, also where older ones lack it."""
        return self.order.shown_reference


class DecisionCopy(models.Model):
    """A reasoned decision of scrutiny, sent to an agency.

    source: Regulation (EU) 2021/784 Art. 4(6).
    """

    scrutiny = models.ForeignKey(Scrutiny, models.CASCADE, related_name="sent")
    sent_to = models.ForeignKey(Party, models.PROTECT, related_name="+")
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["sent_at", "pk"]
        verbose_name_plural = "decision copies"
        constraints = [
            models.UniqueConstraint(fields=["scrutiny", "sent_to"], name="decision_sent_once")
        ]

    def __str__(self) -> str:
        return f"decision of {self.scrutiny_id} for {self.sent_to_id}"


class Appeal(models.Model):
    """An appeal against an order, before a court or an authority. Who appeals is a role.

    source: Regulation (EU) 2021/784 Art. 3(9), Art. 9.
    """

    uid = models.UUIDField(unique=True)
    order = models.ForeignKey(Order, models.CASCADE, related_name="appeals")
    lodged_by = models.CharField(max_length=20, choices=[(a, a) for a in Appellant])
    kind = models.CharField(max_length=20, choices=[(kind, kind) for kind in ReviewKind])
    body = models.CharField(max_length=200)
    lodged_on = models.DateField()
    reference = models.CharField(max_length=200, blank=True)
    entered_by = models.ForeignKey(Party, models.PROTECT, related_name="+")
    entered_at = models.DateTimeField()
    outcome = models.CharField(
        max_length=12, choices=[(o, o) for o in AppealOutcome], default=AppealOutcome.PENDING
    )
    decided_on = models.DateField(null=True)
    decision = models.TextField(blank=True)

    class Meta:
        ordering = ["entered_at", "pk"]

    def __str__(self) -> str:
        return f"appeal against order {self.order_id}"


class Finality(models.Model):
    """The fact that an order is final, as its issuer recorded it.

    ended_at: when it turned out that an appeal had been lodged in time after all.

    source: Regulation (EU) 2021/784 Art. 3(9).
    """

    uid = models.UUIDField(unique=True)
    order = models.ForeignKey(Order, models.CASCADE, related_name="finalities")
    final_on = models.DateField()
    ground = models.CharField(max_length=12, choices=[(g, g) for g in FinalGround])
    recorded_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-final_on", "-pk"]
        verbose_name_plural = "finalities"
        constraints = [
            models.UniqueConstraint(
                "order", condition=models.Q(ended_at=None), name="one_finality_an_order"
            )
        ]

    def __str__(self) -> str:
        return f"finality of order {self.order_id}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"finality:{self.uid}"

    @property
    def issued_by(self) -> Party | None:
        """Return the issuer of its order."""
        return self.order.issued_by

    @property
    def shown_reference(self) -> str:
        """Return the file reference of its order."""
        return self.order.shown_reference


class FinalNotice(models.Model):
    """The information that an order is final, sent to an authority of the provider's home State.

    source: Regulation (EU) 2021/784 Art. 3(9), second subparagraph.
    """

    finality = models.ForeignKey(Finality, models.CASCADE, related_name="sent")
    sent_to = models.ForeignKey(Party, models.PROTECT, related_name="+")
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["sent_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["finality", "sent_to"], name="finality_sent_once")
        ]

    def __str__(self) -> str:
        return f"finality {self.finality_id} for {self.sent_to_id}"


class Preservation(LawfulRow):
    """The duty of a provider to preserve removed content. The hub holds none of the content.

    basis:     the law; each order has at most one row of Regulation (EU) 2021/784 Art. 6.
    until:     None while the data wait for a request for production: Regulation (EU) 2023/1543
               Art. 11(2).
    law:       the provision of national law; "" for other bases.
    authority: the one that ordered it; "" for Art. 6.
    entered_by: the party that recorded it; None for Art. 6, which begins by itself.
    production: the request for production that followed an EPOC-PR.
    extended_at: when the present end was set; None for the first one.
    ended_at:  when the authority ended it before its time: Regulation (EU) 2023/1543 Art. 11(3).
    """

    uid = models.UUIDField(unique=True, null=True)  # of older code there may be rows without
    order = models.ForeignKey(Order, models.CASCADE, related_name="preservations")
    basis = models.CharField(
        max_length=12,
        choices=[(basis, basis) for basis in PreservationBasis],
        default=PreservationBasis.TCO,
        db_default=PreservationBasis.TCO,
    )
    law = models.CharField(max_length=200, blank=True, db_default="")
    authority = models.CharField(max_length=200, blank=True, db_default="")
    entered_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)
    extended_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="+")
    extended_at = models.DateTimeField(null=True)
    proceedings = models.CharField(
        max_length=20, choices=[(kind, kind) for kind in ReviewKind], blank=True, db_default=""
    )
    reviewed_by = models.CharField(max_length=200, blank=True, db_default="")
    reviewed_since = models.DateField(null=True)
    reference = models.CharField(max_length=200, blank=True)
    production = models.CharField(max_length=200, blank=True, db_default="")
    court = models.CharField(max_length=200, blank=True, db_default="")
    reason = models.TextField(blank=True)  # set in requests from before proceedings existed
    ended_at = models.DateTimeField(null=True)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                "order",
                condition=models.Q(basis=PreservationBasis.TCO),
                name="one_article_6_an_order",
            )
        ]

    def __str__(self) -> str:
        return f"preservation of order {self.order_id}"

    @property
    def public_id(self) -> UUID:
        """Return the id that others use; that of its order if older code made the row."""
        return self.uid or self.order.uid

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"preservation:{self.public_id}"


class Access(models.Model):
    """An access to preserved content, with its purpose."""

    preservation = models.ForeignKey(Preservation, models.CASCADE, related_name="accesses")
    purpose = models.CharField(max_length=20, choices=[(p, p) for p in AccessPurpose])
    who = models.CharField(max_length=200)
    reference = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        verbose_name_plural = "accesses"

    def __str__(self) -> str:
        return f"access to preservation {self.preservation_id}"
