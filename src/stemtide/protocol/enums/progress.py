# SPDX-License-Identifier: Apache-2.0
"""Enums of progress figures. docs/glossary.md explains the terms."""

from enum import StrEnum


class ProgressOf(StrEnum):
    """Scope of the figures: requests that your party sent or received, or everybody's."""

    OWN = "own"
    ALL = "all"


class ProgressBy(StrEnum):
    """Grouping of the figures."""

    PROVIDER = "provider"
    AUTHORITY = "authority"
    LANGUAGE = "language"
    CONTENT_TYPE = "content_type"
    IDEOLOGY = "ideology"
