# SPDX-License-Identifier: Apache-2.0
"""Public keys with which parties sign their signals."""

from django.db import models

from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.signing.messages import KeyEnd


class SigningKey(models.Model):
    """The public key with which a party signs its signals. The private one is never here.

    text: as a verifier key, such as "be-ctu+530d903a+AekyeRrm…". It never comes back once it ended.
    end:  why it ended; "" while it is valid.
    """

    party = models.ForeignKey(Party, models.PROTECT, related_name="signing_keys")
    text = models.CharField(max_length=140, unique=True)
    added_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=10, choices=[(e, e) for e in KeyEnd], blank=True)

    class Meta:
        ordering = ["party", "added_at", "pk"]

    def __str__(self) -> str:
        return self.text

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger: the key without its bytes."""
        name, _, rest = self.text.partition("+")
        return f"signing_key:{name}+{rest.partition('+')[0]}"
