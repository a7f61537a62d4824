# SPDX-License-Identifier: Apache-2.0
"""Texts for people can be translated: none stands bare in a template or is put together."""

import ast
import re
from html.parser import HTMLParser

import pytest
from django.template.base import Lexer, TokenType

from tests.house import messages

SAID = {"aria-label", "title", "alt", "placeholder"}
"""Attributes that people read or hear."""

NEVER_TRANSLATED = {"Stemtide", "TLP", "PAP", "UTC", "SHA"}
FREE = re.compile(r"[^\W\d_]{2,}")
HOLE = "\x00"
PLACE = re.compile(r"%\(\w+\)0?\d*[sd]|%[.\d]*[sdf]|%%|\{\w+(?:![rs])?(?::[^}]*)?\}")
REFUSALS = {"NotAllowedError", "NotFoundError", "ConflictError", "InvalidError", "TooManyError"}


class Bare(HTMLParser):
    """Collects text and spoken attributes of a page from which all tags of Django are gone."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.is_code = False

    def handle_starttag(self, tag, attrs):
        self.is_code = tag in {"script", "style", "code"}
        self.found += [value for name, value in attrs if name in SAID and value]

    def handle_endtag(self, _tag):
        self.is_code = False

    def handle_data(self, data):
        if not self.is_code:
            self.found.append(data)


def without_tags(source):
    """A template's own text, with a hole for each tag and variable."""
    parts, is_translated = [], False
    for token in Lexer(source).tokenize():
        if token.token_type == TokenType.BLOCK:
            word = token.contents.split()[0]
            if word in {"blocktranslate", "comment"}:
                is_translated = True
            elif word in {"endblocktranslate", "endcomment"}:
                is_translated = False
            parts.append(HOLE)
        elif token.token_type == TokenType.TEXT and not is_translated:
            parts.append(token.contents)
        else:
            parts.append(HOLE)
    return "".join(parts)


def bare(source):
    parser = Bare()
    parser.feed(without_tags(source))
    words = (text.replace(HOLE, " ").strip() for text in parser.found)
    return [text for text in words if set(FREE.findall(text)) - NEVER_TRANSLATED]


def test_the_search_for_bare_text_finds_it():
    assert bare('<p title="Close it">{% if a %}Open{% endif %} {{ b }}</p>') == ["Close it", "Open"]
    assert bare('<p title="{% translate "a" %}">{% translate "Open" %} TLP</p>') == []


def test_no_template_holds_text_outside_of_translate_tags():
    found = {
        path.relative_to(messages.HUB).as_posix(): said
        for path in messages.HUB.rglob("templates/**/*.html")
        if (said := bare(path.read_text("utf-8")))
    }
    assert found == {}


def test_refusals_are_templates_with_facts_and_not_put_together():
    found = [
        f"{path.relative_to(messages.HUB)}:{node.lineno}"
        for path in messages.HUB.rglob("*.py")
        for text in [path.read_text("utf-8")]
        if any(name in text for name in REFUSALS)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in REFUSALS
        and any(isinstance(one, ast.JoinedStr) for one in node.args)
    ]
    assert found == []


def ids_of(message):
    return message.id if isinstance(message.id, tuple) else (message.id,)


def strings_of(message):
    return message.string if isinstance(message.string, tuple) else (message.string,)


def said(language):
    return [one for one in messages.catalogue(language) if one.id]


def test_french_marks_do_not_begin_a_line():
    """A no-break space stands before double marks and within quotation marks."""
    torn = re.compile(r"\S [:;!](?=\s|$)|[^\s] \?$|« | »")
    found = [text for one in said("fr") for text in strings_of(one) if torn.search(text)]
    assert found == []


def test_a_catalogue_holds_the_texts_that_there_are_and_no_other():
    wanted = {(one.one, one.plural) if one.plural else (one.one,) for one in messages.texts()}
    for language in messages.LANGUAGES:
        ids = {tuple(ids_of(one)) for one in said(language)}
        assert ids == wanted, f"{language}: run make messages"


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_every_text_is_translated_and_surely(language):
    missing = [one.id for one in said(language) if not all(strings_of(one)) or one.fuzzy]
    assert missing == []


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_translation_has_the_places_of_its_text(language):
    wrong = [
        (own, there)
        for one in said(language)
        for own, there in zip(ids_of(one), strings_of(one), strict=True)
        if sorted(PLACE.findall(own)) != sorted(PLACE.findall(there))
    ]
    assert wrong == []


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_text_with_a_plural_has_as_many_forms_as_its_language(language):
    forms = messages.catalogue(language).num_plurals
    wrong = [one.id for one in said(language) if one.pluralizable and len(one.string) != forms]
    assert wrong == []
