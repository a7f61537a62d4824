# SPDX-License-Identifier: Apache-2.0
"""Variants of a cluster with their distances from the picture that stands for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.rooms.signals.views import Variant


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant on the page. bits: distance from the picture that is drawn; None if none is."""

    variant: Variant
    bits: int | None


def rows(variants: Iterable[Variant], *, drawing: str) -> list[VariantRow]:
    """Return variants with their distances from a PDQ value; drawing: "" if there is none."""
    return [VariantRow(variant, _bits(variant, drawing)) for variant in variants]


def _bits(variant: Variant, drawing: str) -> int | None:
    """Return how many bits two pictures differ in; None if one is no picture."""
    if not drawing or variant.kind is not Kind.PDQ:
        return None
    return (int(variant.value, 16) ^ int(drawing, 16)).bit_count()
