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
    def of(
        cls, sent: object, *, now: datetime, message: str = "", place: int | None = None
    ) -> "Fate":
        """Tell what became of whatever was sent.

        place: where it stands in the post, which names what has no id.
        """
        stix: Stix = sent if isinstance(sent, dict) else {}
        version = str(stix.get("modified") or stix.get("created") or stix_time(now))[:40]
        stix_id = stix.get("id")
        if (isinstance(stix_id, str) and stix_id) or place is None:
            return cls(str(stix_id)[:300], version, message)
        where = f"objects[{place}]"
        return cls(where, version, f"{where}: {message}")

    def as_json(self) -> dict[str, str]:
        """The same as part of a status."""
        found = {"id": self.id, "version": self.version}
        return found | ({"message": self.message} if self.message else {})
