# SPDX-License-Identifier: Apache-2.0
"""Find the language of a text, with the model of py3langid. For the sandbox.

The model takes 80 MB, so it is loaded only in the server that forks workers for such requests.
docs/decide/0134 gives its cost, and how often it is right.
"""

from functools import cache
from typing import TYPE_CHECKING

from stemtide.fingerprints.analysis import LanguageGuess

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_TAGS = {"ary": "ar", "arz": "ar"}
"""Languages that the model tells apart, and people who choose from a list do not."""

_NO_LANGUAGE = "zxx"


def warm_up() -> None:
    """Load the model, which is a file."""
    guess("A text of a few words")


def guess(text: str) -> LanguageGuess | None:
    """Return the most probable language of a text; None if it has no words, or without a model."""
    if (identifier := _identifier()) is None:
        return None
    sums: dict[str, float] = {}
    for label, sureness in identifier.rank(text):
        tag = _TAGS.get(label, label)
        sums[tag] = sums.get(tag, 0.0) + sureness
    tag = max(sums, key=sums.__getitem__)
    return None if tag == _NO_LANGUAGE else LanguageGuess(tag, min(sums[tag], 1.0))


@cache
def _identifier() -> "LanguageIdentifier | None":
    """Return the model; None where it is not installed: a text is shared without it."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415  # a model
    except ImportError:
        return None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
