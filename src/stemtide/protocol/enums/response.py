# SPDX-License-Identifier: Apache-2.0
"""Enums of the response to a crisis: roles and tasks. docs/glossary.md explains the terms."""

from enum import StrEnum


class ResponseRole(StrEnum):
    """Role in the response to one crisis, held by one person of a party in its room.

    source: the positions of the Incident Command System (FEMA, NIMS, 2017), named after each.
    """

    LEAD = "lead"
    """Incident commander."""
    LIAISON = "liaison"
    """Liaison officer."""
    VERIFICATION = "verification"
    """Situation unit leader."""
    MEDIA = "media"
    """Public information officer."""
    LOG_KEEPER = "log_keeper"
    """Documentation unit leader."""


class TaskState(StrEnum):
    """State of a task in the response to a crisis."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


class TaskLinkKind(StrEnum):
    """Kind of thing that a task is about."""

    SIGNAL = "signal"
    CLUSTER = "cluster"
    REFERRAL = "referral"
    ORDER = "order"


class ReferenceKind(StrEnum):
    """Kind of thing that a message of a situation log mentions (the last three) or links to."""

    SIGNAL = "signal"
    CLUSTER = "cluster"
    REFERRAL = "referral"
    ORDER = "order"
    TASK = "task"
    ROLE = "role"
    PARTY = "party"
    PERSON = "person"
