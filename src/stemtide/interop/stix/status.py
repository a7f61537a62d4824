# SPDX-License-Identifier: Apache-2.0
"""Status of posted STIX objects, in the format of a TAXII status."""

from dataclasses import dataclass
from datetime import datetime

from stemtide.interop.stix.objects import Stix, stix_time


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """The status of a posted object. source: TAXII 2.1, 4.3.1."""

    id: str
    version: str
    message: str = ""

    @classmethod
    def of(
        cls, sent: object, *, now: datetime, message: str = "", place: int | None = None
    ) -> "ObjectStatus":
        """Return the status of a posted object.

        place: its index in the request, which names objects without an id.
        """
        stix: Stix = sent if isinstance(sent, dict) else {}
        version = str(stix.get("modified") or stix.get("created") or stix_time(now))[:40]
        stix_id = stix.get("id")
        if (isinstance(stix_id, str) and stix_id) or place is None:
            return cls(str(stix_id)[:300], version, message)
        where = f"objects[{place}]"
        return cls(where, version, f"{where}: {message}")

    def as_json(self) -> dict[str, str]:
        """Return the entry of the object in a TAXII status."""
        entry = {"id": self.id, "version": self.version}
        return entry | ({"message": self.message} if self.message else {})
