# SPDX-License-Identifier: Apache-2.0
"""Tables of the transparency log: its leaves with their salts, its inner hashes, its heads.

Leaf n is entry n of the ledger; leaf 0 is the log's own statement. Decision 0164.
"""

from django.db import models

from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.law.retention import RowClass


class Log(models.Model):
    """The log: a single row.

    origin: its name in signed heads. backfilled: the last entry that was older than the log.
    size: leaves. frontier: the right edge of the tree (Frontier.pack).
    signal: the highest primary key of a signal whose share is a leaf.
    proves_from: the first leaf that proves each signal by itself; None before the next run.
    proves_at, proves_after: when that was decided, and the end of the feed then.
    """

    origin = models.CharField(max_length=100)
    opened_at = models.DateTimeField()
    backfilled = models.BigIntegerField()
    size = models.BigIntegerField()
    frontier = models.BinaryField()
    signal = models.BigIntegerField(default=0)
    proves_from = models.BigIntegerField(null=True)
    proves_at = models.DateTimeField(null=True)
    proves_after = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.origin}: {self.size} leaves"


class Leaf(models.Model):
    """A leaf. data: the bytes hashed: the commitments to an entry and to the content it speaks of.

    salt, content_salt: of the commitments; None where there is no entry or no content.
    signals: the ids of several signals that the entry speaks of, 16 bytes each.
    """

    number = models.BigIntegerField(primary_key=True)
    data = models.BinaryField()
    salt = models.BinaryField(null=True)
    content_salt = models.BinaryField(null=True)
    signals = models.BinaryField(null=True)

    def __str__(self) -> str:
        return f"leaf {self.number}"


class Node(models.Model):
    """The hash of 256^level leaves, from leaf place * 256^level on. level: 1 or more."""

    level = models.SmallIntegerField()
    place = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "place"], name="one_node_a_place")]

    def __str__(self) -> str:
        return f"node {self.place} of level {self.level}"


class MassEnd(models.Model):
    """The feed positions that many signals got when they ended with one entry. number: of it."""

    number = models.BigIntegerField(primary_key=True)
    first = models.BigIntegerField()
    last = models.BigIntegerField(unique=True)

    def __str__(self) -> str:
        return f"end of {self.first} to {self.last} in entry {self.number}"


class Head(models.Model):
    """The last signed head of an hour. hour: since 1970. note: the signed checkpoint."""

    hour = models.BigIntegerField(primary_key=True)
    size = models.BigIntegerField()
    note = models.TextField()
    signed_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"head of {self.size} leaves"


class OfferedHead(models.Model):
    """A head that witnesses are asked to cosign. origin: the log's name. note: the checkpoint."""

    origin = models.CharField(max_length=100)
    size = models.BigIntegerField()
    note = models.TextField()
    offered_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "size"], name="one_offer_a_size")]

    def __str__(self) -> str:
        return f"offered head of {self.size} leaves"


class Witness(models.Model):
    """A witness. key: its verifier key, as text.

    party:   the party whose agent it is; None for one that the operator listed.
    address: where a listed witness is asked; "" for a party's, which asks by itself.
    size:    of the last head that it cosigned. seen_at: when.
    trouble: why a listed witness did not answer last; "" if it did.
    """

    key = models.CharField(max_length=300, unique=True)
    party = models.ForeignKey(Party, models.PROTECT, null=True, related_name="witnesses")
    address = models.CharField(max_length=300, blank=True)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    size = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    trouble = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"witness {self.key.partition('+')[0]}"


class Cosignature(models.Model):
    """A witness's signature of an offered head. line: as in the signed note."""

    witness = models.ForeignKey(Witness, models.CASCADE, related_name="cosignatures")
    head = models.ForeignKey(OfferedHead, models.CASCADE, related_name="cosignatures")
    line = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["witness", "head"], name="one_cosignature_a_head")
        ]

    def __str__(self) -> str:
        return f"cosignature {self.pk}"


class Purge(models.Model):
    """The certificate of one erasure: rows of one class, by one rule.

    note:   the signed certificate (C2SP signed note).
    leaves: [entry, leaf hash in hex] of each leaf of the log whose salt was erased.
    salt:   of the digest of the rows' ids in the certificate. entry: its number in the ledger.
    """

    uid = models.UUIDField(unique=True)
    row_class = models.CharField(max_length=12, choices=[(c.value, c.value) for c in RowClass])
    rule = models.CharField(max_length=60)
    count = models.PositiveIntegerField()
    exercise = models.BooleanField(default=False)
    note = models.TextField()
    leaves = models.JSONField(default=list)
    salt = models.CharField(max_length=64)
    entry = models.BigIntegerField(unique=True)
    purged_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["entry"]

    def __str__(self) -> str:
        return f"{self.count} of {self.row_class}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"purge:{self.uid}"


class ErasedDigest(models.Model):
    """A leaf's digest of a signal that was erased, while others of the same bulk are there.

    Without it the leaf of the bulk could not be checked for the others. It goes with the last one.
    """

    number = models.BigIntegerField()
    signal = models.UUIDField()
    digest = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number", "signal"], name="one_erased_digest_a_leaf")
        ]

    def __str__(self) -> str:
        return f"digest of {self.signal} in leaf {self.number}"
