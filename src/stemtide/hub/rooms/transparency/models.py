# SPDX-License-Identifier: Apache-2.0
"""Tables of the transparency log: its leaves with their salts, its inner hashes, its heads.

Leaf n is entry n of the ledger; leaf 0 is the log's own statement. Decision 0164.
"""

from django.db import models


class Log(models.Model):
    """The log: a single row.

    origin: its name in signed heads. backfilled: the last entry that was older than the log.
    size: leaves. frontier: the right edge of the tree (Frontier.pack).
    signal: the highest primary key of a signal whose share is a leaf.
    """

    origin = models.CharField(max_length=100)
    opened_at = models.DateTimeField()
    backfilled = models.BigIntegerField()
    size = models.BigIntegerField()
    frontier = models.BinaryField()
    signal = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.origin}: {self.size} leaves"


class Leaf(models.Model):
    """A leaf. data: the bytes hashed: the commitments to an entry and to the content it speaks of.

    salt, content_salt: of the commitments; None once erased, and where there is no content.
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


class Head(models.Model):
    """The last signed head of an hour. hour: since 1970. note: the signed checkpoint."""

    hour = models.BigIntegerField(primary_key=True)
    size = models.BigIntegerField()
    note = models.TextField()
    signed_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"head of {self.size} leaves"
