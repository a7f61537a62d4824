# SPDX-License-Identifier: Apache-2.0
"""What became of posted STIX objects, as a TAXII status tells it."""

from dataclasses import dataclass
from datetime import datetime

from stemtide.protocol.stix import Stix, stix_time


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one posted object, as a TAXII status tells it. source: TAXII 2.1, 4.3.1."""

    id: str
    version: str
    message: str = ""

    @classmethod
    def of(cls, sent: object, *, now: datetime, message: str = "") -> "Fate":
        """What became of whatever was sent, also of what is no object at all."""
        stix: Stix = sent if isinstance(sent, dict) else {}
        version = stix.get("modified") or stix.get("created") or stix_time(now)
        return cls(str(stix.get("id"))[:300], str(version)[:40], message)

    def as_json(self) -> dict[str, str]:
        """The same as part of a status."""
        found = {"id": self.id, "version": self.version}
        return found | ({"message": self.message} if self.message else {})
