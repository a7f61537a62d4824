# SPDX-License-Identifier: Apache-2.0
"""Parse STIX patterns into comparisons that uploads can be matched against.

Comparisons and observations joined by OR are separate content; so is each value of IN. A pattern
with AND, FOLLOWEDBY, NOT or a time describes nothing that a single upload could be: it yields no
comparison, and the reason is returned.

source: OASIS, STIX Version 2.1 (10 June 2021), section 9.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from stemtide.fingerprints.kinds import Kind

MAX_COMPARISONS = 200
"""Maximum comparisons of a pattern; more have to be posted as further indicators."""

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
class Comparison:
    """A comparison. value: a digest if is_digest, for URLs too."""

    kind: Kind
    value: str
    is_digest: bool = False
    is_like: bool = False


@dataclass(frozen=True, slots=True)
class ParsedPattern:
    """The comparisons of a pattern.

    comparisons: comparisons that uploads can be matched against, without duplicates.
    others: number of other comparisons. why: the reason if there are no comparisons, else "".
    """

    comparisons: tuple[Comparison, ...]
    others: int = 0
    why: str = ""


class TooManyComparisonsError(ValueError):
    """There are too many comparisons; the message names the remedy."""


@dataclass(slots=True)
class Budget:
    """Limits for several patterns together.

    comparisons: how many more are read. signals: how many more may become signals.
    """

    comparisons: int
    signals: int

    def spend_comparison(self) -> None:
        """Count a comparison. raises: TooManyComparisonsError if the limit is reached."""
        if not self.comparisons:
            raise TooManyComparisonsError("too many comparisons with those before it: send another")
        self.comparisons -= 1

    def spend_signals(self, count: int) -> None:
        """Count signals, all or none. raises: TooManyComparisonsError."""
        if count > self.signals:
            raise TooManyComparisonsError("too many signals with those before it: send another")
        self.signals -= count


class _Token(NamedTuple):
    kind: str
    text: str


class _UnreadError(Exception):
    """A pattern has no comparison that we can use; the message says why."""


def read_patterns(text: str, *, budget: Budget | None = None) -> ParsedPattern:
    """Return the comparisons of a pattern. budget: limits for all patterns of a request.

    raises: TooManyComparisonsError, as soon as there is one too many.
    """
    try:
        comparisons = list(_Reader(text, budget=budget).comparisons())
    except _UnreadError as error:
        return ParsedPattern((), why=str(error))
    usable = tuple(
        dict.fromkeys(comparison for comparison in comparisons if comparison is not None)
    )
    if budget is not None:
        budget.spend_signals(len(usable))
    return ParsedPattern(usable, comparisons.count(None), "" if usable else PLAIN)


class _Reader:
    """Parse a pattern from left to right. As only OR is supported, brackets only must pair up."""

    def __init__(self, text: str, *, budget: Budget | None = None) -> None:
        self._budget = budget
        self._tokens = _tokens(text)
        self._next: _Token | None = next(self._tokens, None)
        self._open: list[str] = []
        self._count = 0

    def comparisons(self) -> Iterator[Comparison | None]:
        """Yield each comparison; None for those that no upload can match."""
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
        """Return the next token and advance."""
        token, self._next = self._next, next(self._tokens, None)
        return token

    def _expect(self, kind: str) -> str:
        """Return the next token's text and advance; the token must be of the given kind."""
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

    def _comparison(self) -> Iterator[Comparison | None]:
        """Yield one comparison, or several for IN."""
        path = self._expect("path")
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
            yield _pattern_of(path, value, is_like=sign.text == "LIKE")

    def _values(self) -> Iterator[str | None]:
        """Yield the values of IN."""
        if self._expect("bracket") != "(":
            raise _UnreadError(UNREAD)
        while True:
            yield self._value()
            token = self._take()
            if token is None or token.text not in {",", ")"}:
                raise _UnreadError(UNREAD)
            if token.text == ")":
                return

    def _value(self) -> str | None:
        """Return a text value; None for others, such as numbers, times and bytes.

        Values count as they are read, so that an endless list is not read to its end.
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
    """Yield the tokens of a pattern in linear time."""
    place = _end_of_blanks(text, 0)
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _UnreadError(UNREAD)
        yield _Token(str(match.lastgroup), match.group())
        place = _end_of_blanks(text, match.end())


def _end_of_blanks(text: str, place: int) -> int:
    match = _BLANKS.match(text, place)
    return match.end() if match else place


def _why(word: str) -> str:
    """Return why a pattern with this word cannot be matched against uploads."""
    if word in _TOGETHER:
        return TOGETHER
    return BOUND if word in _BOUND else UNREAD


def _pattern_of(named: str, value: str | None, *, is_like: bool) -> Comparison | None:
    """Return the pattern of a comparison, None if no upload can match it."""
    if value is None:
        return None
    object_type, _, path = named.replace("'", "").partition(":")
    if object_type == "file" and path in _HASHES and not is_like:
        return Comparison(_HASHES[path], value.lower())
    if (object_type, path) == ("url", "value"):
        return Comparison(Kind.URL, value, is_like=is_like)
    kind = object_type.removeprefix("x-stemtide-")
    if (
        object_type.startswith("x-stemtide-")
        and path == "digest"
        and kind in set(Kind)
        and not is_like
    ):
        return Comparison(Kind(kind), value.lower(), is_digest=True)
    return None
