# SPDX-License-Identifier: Apache-2.0
"""What a STIX pattern asks for: one comparison that uploads can be held against, or several.

Comparisons joined by OR, and observations joined by OR, are each content of its own; so is each
value of IN. What is joined by AND or FOLLOWEDBY, negated, or bound to a time is no content that
an upload could be: such a pattern asks for nothing here, and it is said why.

source: OASIS, STIX Version 2.1 (10 June 2021), section 9.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from stemtide.fingerprints.kinds import Kind

MAX_COMPARISONS = 200
"""Comparisons of one pattern: who has more posts more indicators."""

PLAIN = "its pattern is none that uploads are compared with"
TOGETHER = (
    "its pattern asks for several things at once (AND, FOLLOWEDBY), and an upload is looked at by"
    " itself"
)
BOUND = "its pattern says NOT or names a time, and an upload is compared with what it is"
UNREAD = "its pattern cannot be read, so uploads are not compared with it"

_TOKEN = re.compile(
    r"""(?P<bracket>[\[\]()])
    |(?P<path>[A-Za-z0-9_-]+:(?:[^\s'"=!<>()\[\],:]|'[^'\\]*'|\[(?:\*|[0-9]{1,9})\])+)
    |(?P<text>'(?:[^'\\]|\\.)*')
    |(?P<sign>!=|<=|>=|[=<>,])
    |(?P<word>[A-Za-z]+)
    |(?P<number>[+-]?[0-9][0-9.]*)""",
    re.VERBOSE | re.DOTALL,
)
_BLANKS = re.compile(r"\s*")
_TOGETHER = frozenset({"AND", "FOLLOWEDBY"})
_BOUND = frozenset({"NOT", "START", "STOP", "WITHIN", "REPEATS"})
_OTHER_SIGNS = frozenset(
    {"!=", "<", ">", "<=", ">=", "MATCHES", "ISSUBSET", "ISSUPERSET", "EXISTS"}
)
_HASHES = {
    "hashes.PDQ": Kind.PDQ,
    "hashes.MD5": Kind.MD5,
    "hashes.SHA256": Kind.SHA256,
    "hashes.SHA-256": Kind.SHA256,
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """What one comparison asks for. value: a digest where is_digest, of a url too."""

    kind: Kind
    value: str
    is_digest: bool = False
    is_like: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pattern asks for.

    each:   the comparisons that uploads can be held against, each once.
    others: how many it has beside them. why: it asks for none; "" where it asks for any.
    """

    each: tuple[Pattern, ...]
    others: int = 0
    why: str = ""


class TooManyComparisonsError(ValueError):
    """There are more comparisons than are taken; the message says the remedy."""


@dataclass(slots=True)
class Budget:
    """What is read of several patterns together, and no more.

    comparisons: how many are still read. signals: how many of them may still become one.
    """

    comparisons: int
    signals: int

    def spend_comparison(self) -> None:
        """Take one comparison. raises: TooManyComparisonsError where none is left."""
        if not self.comparisons:
            raise TooManyComparisonsError("too many comparisons with those before it: send another")
        self.comparisons -= 1

    def spend_signals(self, count: int) -> None:
        """Take some signals, or none of them. raises: TooManyComparisonsError."""
        if count > self.signals:
            raise TooManyComparisonsError("too many signals with those before it: send another")
        self.signals -= count


class _Token(NamedTuple):
    kind: str
    text: str


class _UnreadError(Exception):
    """A pattern asks for nothing that we could know; says why."""


def read_patterns(text: str, *, budget: Budget | None = None) -> Asked:
    """What a pattern asks for. budget: of all that is read together.

    raises: TooManyComparisonsError, as soon as there is one too many.
    """
    try:
        found = list(_Reader(text, budget=budget).comparisons())
    except _UnreadError as error:
        return Asked((), why=str(error))
    each = tuple(dict.fromkeys(one for one in found if one is not None))
    if budget is not None:
        budget.spend_signals(len(each))
    return Asked(each, found.count(None), "" if each else PLAIN)


class _Reader:
    """Reads a pattern from left to right. As only OR is taken, brackets need only be in pairs."""

    def __init__(self, text: str, *, budget: Budget | None = None) -> None:
        self._budget = budget
        self._tokens = _tokens(text)
        self._next: _Token | None = next(self._tokens, None)
        self._open: list[str] = []
        self._count = 0

    def comparisons(self) -> Iterator[Pattern | None]:
        """Each comparison; None for one that no upload can be held against."""
        while True:
            self._open_brackets()
            yield from self._comparison()
            self._close_brackets()
            token = self._take()
            if token is None:
                break
            if token.text != "OR":
                raise _UnreadError(_why(token.text))
        if self._open:
            raise _UnreadError(UNREAD)

    def _take(self) -> _Token | None:
        """The next token, which is then behind us."""
        token, self._next = self._next, next(self._tokens, None)
        return token

    def _want(self, kind: str) -> str:
        """The next token's text, which must be of a kind."""
        token = self._take()
        if token is None or token.kind != kind:
            raise _UnreadError(_why(token.text) if token else UNREAD)
        return token.text

    def _open_brackets(self) -> None:
        while self._next and self._next.text in {"[", "("}:
            if self._next.text == "[" and "[" in self._open:
                raise _UnreadError(UNREAD)
            self._open.append(self._next.text)
            self._take()

    def _close_brackets(self) -> None:
        pairs = {"]": "[", ")": "("}
        while self._next and self._next.text in pairs:
            if not self._open or self._open.pop() != pairs[self._next.text]:
                raise _UnreadError(UNREAD)
            self._take()

    def _comparison(self) -> Iterator[Pattern | None]:
        """One comparison; several where it is with one of many values (IN)."""
        path = self._want("path")
        if "[" not in self._open:
            raise _UnreadError(UNREAD)
        sign = self._take()
        if sign is None or sign.kind not in {"sign", "word"}:
            raise _UnreadError(UNREAD)
        if sign.text == "IN":
            values = list(self._values())
        elif sign.text in {"=", "LIKE"}:
            values = [self._value()]
        elif sign.text in _OTHER_SIGNS:
            self._value()
            values = [None]
        else:
            raise _UnreadError(_why(sign.text))
        for value in values:
            yield _meant(path, value, is_like=sign.text == "LIKE")

    def _values(self) -> Iterator[str | None]:
        """The values of IN."""
        if self._want("bracket") != "(":
            raise _UnreadError(UNREAD)
        while True:
            yield self._value()
            token = self._take()
            if token is None or token.text not in {",", ")"}:
                raise _UnreadError(UNREAD)
            if token.text == ")":
                return

    def _value(self) -> str | None:
        """A value that is text; None for another: a number, a time, bytes.

        Each is counted as it is read, so that a list without end is not read to its end.
        """
        self._count += 1
        if self._count > MAX_COMPARISONS:
            raise TooManyComparisonsError(
                f"has more than {MAX_COMPARISONS} comparisons: post them as several indicators"
            )
        if self._budget is not None:
            self._budget.spend_comparison()
        token = self._take()
        if token is None or token.kind not in {"text", "number", "word"}:
            raise _UnreadError(UNREAD)
        if token.kind == "word" and self._next and self._next.kind == "text":
            self._take()  # t'2026-…', h'00', b'…'
        return re.sub(r"\\(.)", r"\1", token.text[1:-1]) if token.kind == "text" else None


def _tokens(text: str) -> Iterator[_Token]:
    """The tokens of a pattern, in time that grows with its length alone."""
    place = _end_of_blanks(text, 0)
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise _UnreadError(UNREAD)
        yield _Token(str(found.lastgroup), found.group())
        place = _end_of_blanks(text, found.end())


def _end_of_blanks(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    return found.end() if found else place


def _why(word: str) -> str:
    """Why a pattern with a word asks for nothing that an upload could be."""
    if word in _TOGETHER:
        return TOGETHER
    return BOUND if word in _BOUND else UNREAD


def _meant(named: str, value: str | None, *, is_like: bool) -> Pattern | None:
    """What a comparison asks for; None where no upload can be held against it."""
    if value is None:
        return None
    what, _, path = named.replace("'", "").partition(":")
    if what == "file" and path in _HASHES and not is_like:
        return Pattern(_HASHES[path], value.lower())
    if (what, path) == ("url", "value"):
        return Pattern(Kind.URL, value, is_like=is_like)
    kind = what.removeprefix("x-stemtide-")
    if what.startswith("x-stemtide-") and path == "digest" and kind in set(Kind) and not is_like:
        return Pattern(Kind(kind), value.lower(), is_digest=True)
    return None
