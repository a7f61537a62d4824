# SPDX-License-Identifier: Apache-2.0
"""Rules of entries about reading: which there are, and how often one is written. Decision 0201."""

from datetime import timedelta

from stemtide.hub.platform.errors import NotAllowedError
from stemtide.hub.platform.permissions import MAY, Verb
from stemtide.protocol.enums import Role

READ_ONCE_IN = timedelta(hours=1)
"""A person or key that reads the same thing again within this time adds no entry."""

READ_KINDS = (
    *("lead.read", "complaint.read", "people.searched", "signals.exported"),
    *("preview.opened", "preview.revealed"),
    *("timeline.exported", "ledger.exported"),
)
"""The kinds of entries that say who read or exported what."""


def check_auditor(role: Role | None) -> None:
    """Refuse roles that may not see what single colleagues do.

    None: a machine, whose key's scope was checked.
    """
    if role is not None and Verb.SEE_PEOPLE not in MAY[role]:
        raise NotAllowedError(
            "your role ({role}) cannot read the ledger by person: ask the data protection officer"
            " or the coordinator of your party",
            role=role.replace("_", " "),
        )
