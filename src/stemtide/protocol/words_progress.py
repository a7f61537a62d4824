# SPDX-License-Identifier: Apache-2.0
"""The words of progress, each once. docs/glossary.md explains them."""

from enum import StrEnum


class ProgressOf(StrEnum):
    """Whose referrals or orders are counted: those that one's party sent or got, or everybody's."""

    OWN = "own"
    ALL = "all"


class ProgressBy(StrEnum):
    """What the rows of the figures are."""

    PROVIDER = "provider"
    AUTHORITY = "authority"
    LANGUAGE = "language"
    CONTENT_TYPE = "content_type"
    IDEOLOGY = "ideology"
