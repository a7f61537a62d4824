# SPDX-License-Identifier: Apache-2.0
"""Enums of the propagation of signals. docs/glossary.md explains the terms."""

from enum import StrEnum


class PropagationStage(StrEnum):
    """How far a signal, or its withdrawal, has come at a recipient.

    Deliveries and applications are of agents, matches and acts of parties.
    """

    DELIVERED = "delivered"
    APPLIED = "applied"
    MATCHED = "matched"
    ACTED = "acted"
    WITHDRAWN = "withdrawn"
    RELEASED = "released"
