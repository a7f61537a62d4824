# SPDX-License-Identifier: Apache-2.0
"""Languages that people choose from, each by its own name: the official ones of the EU first."""

from collections.abc import Iterable

from django.conf.global_settings import LANGUAGES
from django.conf.locale import LANG_INFO
from django.utils.translation import get_language, gettext, gettext_lazy as _

from stemtide.hub.desk.labels import Words

_OFFICIAL = (
    *("bg", "hr", "cs", "da", "nl", "en", "et", "fi", "fr", "de", "el", "hu"),
    *("ga", "it", "lv", "lt", "mt", "pl", "pt", "ro", "sk", "sl", "es", "sv"),
)
"""source: Council Regulation No 1 of 1958, Art. 1, as amended."""

_FREQUENT = ["ar", "ckb", "fa", "he", "hi", "id", "ru", "sq", "sr", "tr", "uk", "ur"]
"""Further languages of content and messages; the API takes every tag of BCP 47."""

_NAMES = {"mt": "Malti"}
"""Own names of languages that Django does not list."""

Choices = list[tuple[Words, list[tuple[str, str]]]]


def _named(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Return codes with the languages' own names, sorted by these."""
    names = [(code, _NAMES.get(code) or LANG_INFO[code]["name_local"]) for code in codes]
    return sorted(names, key=lambda name: name[1].casefold())


def _grouped(others: Iterable[str]) -> Choices:
    """Return the official languages of the EU and others as two groups of choices."""
    return [
        (_("Official languages of the EU"), _named(_OFFICIAL)),
        (_("Other languages"), _named(set(others) - set(_OFFICIAL))),
    ]


CONTENT_LANGUAGES = _grouped(_FREQUENT)
"""Languages of content and of messages in a crisis."""

WRITING_LANGUAGES = _grouped(code for code, _name in LANGUAGES if code.isalpha())
"""Languages that a complaint may be written in, from Django's list."""

LANGUAGE_NAMES = {code: name for _title, group in WRITING_LANGUAGES for code, name in group}
"""Own names of languages by their codes."""


def is_content_language(tag: str) -> bool:
    """Whether a language is in the short list of those of content."""
    return any(tag == code for _title, group in CONTENT_LANGUAGES for code, _name in group)


def language_name(tag: str) -> str:
    """Return the name of a language in the reader's own; a tag that Django does not know as it is.

    tag: of BCP 47, such as "pt-BR".
    """
    for code in (tag.lower(), tag.partition("-")[0]):
        if code in LANG_INFO:
            return gettext(LANG_INFO[code]["name"])
        if code == "mt":
            return gettext("Maltese")
    return tag


def own_language() -> str:
    """Return the language in which the reader uses the desk."""
    return get_language() or "en"
