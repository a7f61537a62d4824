# SPDX-License-Identifier: Apache-2.0
"""Decide whether a value would match so much other content that it needs a second look."""

from dataclasses import dataclass
from enum import StrEnum

from stemtide.fingerprints.kinds import Kind
from stemtide.matching.common.nearness import NOTHING, Nearness
from stemtide.protocol.trust.breadth import BreadthLimits


class BreadthLevel(StrEnum):
    """Whether a value matches little more than its content, or much else."""

    NARROW = "narrow"
    BROAD = "broad"


class BreadthReason(StrEnum):
    """Reasons for which a value is broad."""

    COMMON_PICTURE = "common_picture"
    PLAIN_PICTURE = "plain_picture"
    COMMON_FRAMES = "common_frames"
    COMMON_SOUND = "common_sound"
    COMMON_TEXT = "common_text"
    COMMON_FILE = "common_file"
    UNLIKE_CONTENTS = "unlike_contents"
    LOWERED_BEFORE = "lowered_before"


@dataclass(frozen=True, slots=True)
class Breadth:
    """The estimate for one value.

    matches_common:   what it matches in the common set; sorts: names of the most frequent sorts.
    pictures:         how many common pictures there are.
    matches_standing: unlike contents that it matches among the hub's newest signals of others.
    share:            part of a film, a sound or a text that is common, 0..1.
    """

    level: BreadthLevel = BreadthLevel.NARROW
    reasons: tuple[BreadthReason, ...] = ()
    matches_common: int = 0
    matches_standing: int = 0
    pictures: int = 0
    sorts: tuple[str, ...] = ()
    share: float = 0.0

    @property
    def is_broad(self) -> bool:
        """Whether the value needs a second look."""
        return self.level is BreadthLevel.BROAD

    @property
    def note(self) -> str:
        """Return the reasons in words, for machines and the command line."""
        return "; ".join(NOTES[reason].format(**self.facts) for reason in self.reasons)

    @property
    def facts(self) -> dict[str, str]:
        """Return the facts that the texts of the reasons name."""
        return {
            "matches": f"{self.matches_common:,}",
            "pictures": f"{self.pictures:,}",
            "contents": str(self.matches_standing),
            "share": str(round(100 * self.share)),
            "sorts": ", ".join(self.sorts),
        }


NOTES = {
    BreadthReason.COMMON_PICTURE: (
        "{matches} of {pictures} common pictures and screens lie near it ({sorts})"
    ),
    BreadthReason.PLAIN_PICTURE: "it is as simple as stripes, and many pictures lie near such",
    BreadthReason.COMMON_FRAMES: "{share} % of its frames are common or plain pictures",
    BreadthReason.COMMON_SOUND: "{share} % of what is heard is a common sound ({sorts})",
    BreadthReason.COMMON_TEXT: "{share} % of its passages are in common texts",
    BreadthReason.COMMON_FILE: "it is a file that programs write ({sorts})",
    BreadthReason.UNLIKE_CONTENTS: "it matches {contents} unlike contents that others share",
    BreadthReason.LOWERED_BEFORE: "a signal of this value matched too much and was lowered to hold",
}
"""The reasons in words. The desk has its own, in each language."""


NARROW = Breadth()


def verdict(
    kind: Kind, nearness: Nearness, *, limits: BreadthLimits, matches_standing: int = 0
) -> Breadth:
    """Return the estimate of a value from what was measured.

    matches_standing: 0 unless enough parties share the contents.
    """
    if nearness is NOTHING and not matches_standing:
        return NARROW
    reasons = _reasons_of(kind, nearness, limits=limits)
    if matches_standing >= limits.standing.contents:
        reasons.append(BreadthReason.UNLIKE_CONTENTS)
    return Breadth(
        level=BreadthLevel.BROAD if reasons else BreadthLevel.NARROW,
        reasons=tuple(reasons),
        matches_common=nearness.matches,
        matches_standing=matches_standing,
        pictures=nearness.pictures,
        sorts=nearness.sorts,
        share=nearness.share,
    )


def _reasons_of(kind: Kind, nearness: Nearness, *, limits: BreadthLimits) -> list[BreadthReason]:
    """Return the reasons that lie in the value itself."""
    match kind:
        case Kind.PDQ:
            is_common = nearness.matches >= limits.pictures.matches
            is_plain = nearness.pattern >= limits.pictures.plain_pattern
            return [
                *([BreadthReason.COMMON_PICTURE] if is_common else ()),
                *([BreadthReason.PLAIN_PICTURE] if is_plain else ()),
            ]
        case Kind.VIDEO:
            reason, least = BreadthReason.COMMON_FRAMES, limits.films.share
        case Kind.AUDIO:
            reason, least = BreadthReason.COMMON_SOUND, limits.sounds.share
        case Kind.TEXT:
            reason, least = BreadthReason.COMMON_TEXT, limits.texts.share
        case _:
            reason, least = BreadthReason.COMMON_FILE, 1.0
    return [reason] if nearness.share >= least else []
