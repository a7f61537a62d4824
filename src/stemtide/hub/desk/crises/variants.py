# SPDX-License-Identifier: Apache-2.0
"""Variants of a cluster with their distances from the picture that represents it."""

from collections.abc import Iterable
from dataclasses import dataclass

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.rooms.signals.views import Cluster, Variant

SIDE_BY_SIDE = 12
"""Pictures that a cluster's page compares at most."""


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant on the page. bits: distance from the picture that is drawn; None if none is."""

    variant: Variant
    bits: int | None


def rows(variants: Iterable[Variant], *, drawing: str) -> list[VariantRow]:
    """Return variants with their distances from a PDQ value; drawing: "" if there is none."""
    return [VariantRow(variant, _bits(variant, drawing)) for variant in variants]


def side_by_side(cluster: Cluster) -> list[VariantRow]:
    """Return pictures of a cluster to compare, nearest first to the one that is drawn.

    Empty for a single picture.
    """
    pictures = [
        row for row in rows(cluster.variants, drawing=cluster.drawing) if row.bits is not None
    ]
    pictures.sort(key=lambda row: row.bits or 0)
    return pictures[:SIDE_BY_SIDE] if len(pictures) > 1 else []


def _bits(variant: Variant, drawing: str) -> int | None:
    """Return how many bits two pictures differ in; None if one is no picture."""
    if not drawing or variant.kind is not Kind.PDQ:
        return None
    return (int(variant.value, 16) ^ int(drawing, 16)).bit_count()
