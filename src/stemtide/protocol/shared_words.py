# SPDX-License-Identifier: Apache-2.0
"""Words of other vocabularies for our labels (shared_words.toml): Christchurch Call, GIFCT, DSA.

They help readers who use those vocabularies. A word is the closest one, and no finding that content
falls under their rules. TVEC3 and TVEC4 have no label of ours. Decision 0150.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Vocabulary(BaseModel):
    """A vocabulary. dated: the day of its source; is_checked: its words were compared with it."""

    model_config = _FROZEN

    title: str
    source: str
    dated: date
    is_checked: bool


class SharedWords(BaseModel):
    """All vocabularies, and their words by our label and by who made the content."""

    model_config = _FROZEN

    vocabularies: Mapping[str, Vocabulary]
    labels: Mapping[str, Mapping[str, tuple[str, ...]]]
    provenances: Mapping[str, Mapping[str, tuple[str, ...]]]


@cache
def shared_words() -> SharedWords:
    """Return the table, from its file."""
    text = files("stemtide.protocol").joinpath("shared_words.toml").read_text("utf-8")
    return SharedWords.model_validate(tomllib.loads(text))


def words_of(labels: Iterable[str], *, provenance: str) -> dict[str, list[str]]:
    """Return the words for a signal by vocabulary, without vocabularies that have none.

    Words that follow from who made the content replace those of its labels: TVEC.01 excludes the
    other categories.
    """
    table = shared_words()
    rows = [table.labels.get(label, {}) for label in labels]
    by_maker = table.provenances.get(provenance, {})
    words = {
        name: list(by_maker.get(name, ()))
        or list(dict.fromkeys(word for row in rows for word in row.get(name, ())))
        for name in table.vocabularies
    }
    return {name: several for name, several in words.items() if several}
