# SPDX-License-Identifier: Apache-2.0
"""Legal bases of retention."""

from enum import StrEnum


class LegalBasis(StrEnum):
    """Law on which a party keeps a row. The data say which kinds of party may use it."""

    EUROPOL = "europol"
    LED = "led"
    TCO = "tco"
    E_EVIDENCE = "e_evidence"
    DSA = "dsa"
    GDPR_OBLIGATION = "gdpr_obligation"
    GDPR_VITAL = "gdpr_vital"
    GDPR_PUBLIC_TASK = "gdpr_public_task"
    GDPR_INTEREST = "gdpr_interest"
    NATIONAL = "national"
