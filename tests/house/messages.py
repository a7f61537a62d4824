# SPDX-License-Identifier: Apache-2.0
"""Every text that people see, collected into the catalogues: python -m tests.house.messages.

Texts come from four places: calls of gettext in Python, translate tags in templates, the refusals
that rooms raise in English, and the titles and questions that stand in data.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from django.template.base import Lexer, TokenType
from hatch_build import compile_catalogues

from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    RateLimitError,
    SuspendedError,
)
from stemtide.hub.rooms.orders.rules.findings import Doubt, Flaw
from stemtide.hub.rooms.signals.rules.opinions import OpinionChangedError
from stemtide.protocol.handling import TLP_ALLOWS

SOURCE = Path(__file__).parents[2] / "src/stemtide"
HUB = SOURCE / "hub"
LOCALE = HUB / "locale"
LANGUAGES = ("nl", "fr", "de")

_CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop"}
_PLURAL_CALLS = {"ngettext", "ngettext_lazy"}
_REFUSALS = {
    error.__name__
    for error in (
        *(NotAllowedError, NotFoundError, ConflictError, RateLimitError),
        *(SuspendedError, OpinionChangedError),
    )
}
_OF_FIELDS = {kind.__name__ for kind in (InvalidError, Flaw, Doubt)}
"""What names a field first, then says what is wrong with it."""

_HAS_TEXT = re.compile(
    rf"\b({'|'.join(sorted(_CALLS | _PLURAL_CALLS | _REFUSALS | _OF_FIELDS))})\("
)
"""Whether a source file may have a text: most have none, and to parse all takes seconds."""

DATA = {
    "protocol/law/frameworks/*.toml": {"title", "prompts", "question"},
    "protocol/law/triage.toml": {"title", "harm", "virality", "as_usual", "monitor", "activate"},
    "protocol/labels.toml": {"title", "meaning", "refuse_to"},
    "protocol/ideologies.toml": {"title", "meaning"},
    "protocol/trust/second_look.toml": {"why"},
    "protocol/law/neighbours.toml": {"title"},
    "protocol/privacy/personal.toml": {"title"},
    "protocol/messages/reports.toml": {"title", "asks"},
    "protocol/law/forms/*.toml": {"source"},
    "protocol/law/dsa/report.toml": {"text"},
    "protocol/law/yearly/*.toml": {"title", "note", "remark", "caution", "nothing"},
}
"""Which keys of which data files hold texts for people."""

_TRANSLATE = re.compile(r"^(?:translate|trans)\s+(\"[^\"]*\"|'[^']*')")
_INLINE = re.compile(r"_\((\"[^\"]*\"|'[^']*')\)")
_BLOCK = re.compile(r"^(?:blocktranslate|blocktrans)\b")


@dataclass(frozen=True, order=True)
class Text:
    """One text. plural: its form for many, or "". where: the file, from src/stemtide on."""

    one: str
    plural: str
    where: str


def texts() -> list[Text]:
    """Every text of the hub, each file's once."""
    found: set[Text] = set()
    for path in sorted(HUB.rglob("*.py")):
        if "migrations" not in path.parts:
            found.update(_in_python(path))
    for path in sorted(HUB.rglob("templates/**/*.html")):
        found.update(_in_template(path))
    found.update(Text(one.onward, "", "protocol/handling.py") for one in TLP_ALLOWS.values())
    for pattern, keys in DATA.items():
        for path in sorted(SOURCE.glob(pattern)):
            where = path.relative_to(SOURCE).as_posix()
            told = _values(tomllib.loads(path.read_text("utf-8")), keys)
            found.update(Text(one, "", where) for one in told)
    return sorted(found, key=lambda one: (one.where, one.one))


def _in_python(path: Path) -> Iterator[Text]:
    where, source = path.relative_to(SOURCE).as_posix(), path.read_text("utf-8")
    for node in ast.walk(ast.parse(source)) if _HAS_TEXT.search(source) else ():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        said = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
        name = node.func.id
        if name in _CALLS and said and isinstance(said[0], str):
            yield Text(said[0], "", where)
        elif name in _PLURAL_CALLS:
            yield Text(str(said[0]), str(said[1]), where)
        elif name in _REFUSALS and said and isinstance(said[0], str):
            yield Text(said[0], "", where)
        elif name in _OF_FIELDS and len(said) > 1 and isinstance(said[1], str):
            yield Text(said[1], "", where)


def _in_template(path: Path) -> Iterator[Text]:
    where = path.relative_to(SOURCE).as_posix()
    tokens = iter(Lexer(path.read_text("utf-8")).tokenize())
    for token in tokens:
        if token.token_type in {TokenType.VAR, TokenType.BLOCK}:
            for found in _INLINE.finditer(token.contents):
                yield Text(found[1][1:-1], "", where)
        if token.token_type != TokenType.BLOCK:
            continue
        if found := _TRANSLATE.match(token.contents):
            yield Text(found[1][1:-1], "", where)
        elif _BLOCK.match(token.contents):
            is_trimmed = "trimmed" in token.contents.split()
            one, plural = _block(tokens, is_trimmed=is_trimmed)
            yield Text(one, plural, where)


def _block(tokens: Iterator, *, is_trimmed: bool) -> tuple[str, str]:
    """A blocktranslate's text and plural, as Django asks the catalogue for them."""
    parts = [""]
    for token in tokens:
        if token.token_type == TokenType.BLOCK:
            if token.contents.startswith("end"):
                break
            parts.append("")
        elif token.token_type == TokenType.VAR:
            parts[-1] += f"%({token.contents})s"
        else:
            parts[-1] += token.contents.replace("%", "%%")
    if is_trimmed:
        parts = [" ".join(line.strip() for line in part.strip().splitlines()) for part in parts]
    return parts[0], (parts[1] if len(parts) > 1 else "")


def _values(told: object, keys: Iterable[str]) -> Iterator[str]:
    """What stands under some keys, however deep; a list under one of them is many texts."""
    if isinstance(told, list):
        for one in told:
            yield from _values(one, keys)
    if not isinstance(told, dict):
        return
    for key, value in told.items():
        if key in keys and isinstance(value, str):
            yield value
        elif key in keys and isinstance(value, list):
            yield from value
        else:
            yield from _values(value, keys)


def template() -> Catalog:
    """All texts as an empty catalogue."""
    made = Catalog(project="Stemtide", charset="utf-8", fuzzy=False)
    for one in texts():
        ids = (one.one, one.plural) if one.plural else one.one
        made.add(ids, locations=[(one.where, None)])
    return made


def path_of(language: str) -> Path:
    """Where a language's catalogue stands."""
    return LOCALE / language / "LC_MESSAGES/django.po"


def catalogue(language: str) -> Catalog:
    """A language's catalogue as it stands."""
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language)


def renew(language: str) -> int:
    """Bring a catalogue to today's texts: what is gone goes, what is new is empty; how many are."""
    path = path_of(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    old = catalogue(language) if path.exists() else Catalog(locale=language)
    made = Catalog(locale=language, project="Stemtide", charset="utf-8", fuzzy=False)
    for message in template():
        if not message.id:
            continue
        known = old.get(message.id)
        fits = known is not None and bool(known.pluralizable) == bool(message.pluralizable)
        made.add(message.id, known.string if known and fits else "", locations=message.locations)
    with path.open("wb") as file:
        write_po(file, made, width=96, omit_header=False, include_lineno=False)
    path.write_text(_without_dates(path.read_text("utf-8")), "utf-8")
    return sum(not _is_said(message) for message in made if message.id)


def _is_said(message: object) -> bool:
    string = message.string
    return all(string) if isinstance(string, tuple | list) else bool(string)


def _without_dates(text: str) -> str:
    """A catalogue without what changes each time it is written."""
    kept = ("Language:", "MIME-Version:", "Content-Type:", "Content-Transfer-Encoding:", "Plural")
    head, blank, rest = text.partition("\n\n")
    lines = [line for line in head.splitlines() if line.startswith("msg")]
    lines += [
        line for line in head.splitlines() if line.startswith(tuple(f'"{one}' for one in kept))
    ]
    return "# SPDX-License-Identifier: Apache-2.0\n" + "\n".join(lines) + blank + rest


if __name__ == "__main__":
    for code in LANGUAGES:
        missing = renew(code)
        print(f"{code}: {len(template())} texts, {missing} not translated", file=sys.stderr)
    compile_catalogues(LOCALE)
