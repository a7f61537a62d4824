# SPDX-License-Identifier: Apache-2.0
"""Roles of a process of the hub."""

from enum import StrEnum


class Role(StrEnum):
    """A role. wire: programs and agents; web: pages of people; scheduler: periodic jobs."""

    WIRE = "wire"
    WEB = "web"
    SCHEDULER = "scheduler"
