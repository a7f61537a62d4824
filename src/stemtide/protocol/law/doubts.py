# SPDX-License-Identifier: Apache-2.0
"""Hints about the addresses of an order, as data: doubts.toml. A hint is never more than a hint.

source: Regulation (EU) 2021/784 Art. 1(3), Art. 3(4)(d).
"""

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from stemtide.protocol.law.toml_files import read_toml

_CONFIG = ConfigDict(frozen=True, extra="forbid")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


class DoubtsError(ValueError):
    """The file is inconsistent."""


class Inexact(StrEnum):
    """Kind of an address that leads to more than one piece of content."""

    SEARCH = "search"
    LISTING = "listing"
    PROFILE = "profile"
    FRAGMENT = "fragment"


class ProtectedSource(BaseModel):
    """Hosts and words of sources that publish for one of the purposes of Art. 1(3)."""

    model_config = _CONFIG

    name: str
    source: str = Field(min_length=10)
    hosts: frozenset[str]
    words: frozenset[str]


class Paths(BaseModel):
    """Segments of paths, keys of queries, and hosts that mark a kind of address."""

    model_config = _CONFIG

    source: str
    segments: frozenset[str]
    keys: frozenset[str] = frozenset()
    tabs: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()


class Hints(BaseModel):
    """All lists, and when they were last revised."""

    model_config = _CONFIG

    name: str
    dated: date
    sources: dict[str, ProtectedSource]
    search: Paths
    listing: Paths
    profile: Paths

    def source_of(self, url: str) -> tuple[str, str] | None:
        """Return the purpose that an address hints at, and the host or word; None for none.

        raises: ValueError for a text that is no address.
        """
        parts = _split(url)
        words = self._words(parts)
        for purpose, source in self.sources.items():
            if host := _listed(parts.hostname or "", source.hosts):
                return purpose, host
            if word := next((word for word in words if word in source.words), ""):
                return purpose, word
        return None

    def inexact(self, url: str) -> Inexact | None:
        """Return why an address may lead to several pieces of content; None if it does not.

        raises: ValueError for a text that is no address.
        """
        parts = _split(url)
        segments = [unquote(segment) for segment in parts.path.split("/") if segment]
        lowered = [segment.lower() for segment in segments]
        keys = set() if segments else {key.lower() for key, _ in parse_qsl(parts.query)}
        if keys & self.search.keys or self.search.segments.intersection(lowered[:1]):
            return Inexact.SEARCH
        if not segments and parts.fragment and not parts.query:
            return Inexact.FRAGMENT
        if len(segments) < 3 and self.listing.segments.intersection(lowered[:1]):  # noqa: PLR2004  # a list, and its name
            return Inexact.LISTING
        return Inexact.PROFILE if self._is_profile(parts, lowered) else None

    def _words(self, parts: SplitResult) -> list[str]:
        """Return the words of sections and accounts in a path, in small letters.

        The title of an item describes its content, and not its publisher.
        """
        segments = [unquote(segment) for segment in parts.path.split("/") if segment]
        last = segments[-1:]
        if len(segments) > 1 and segments[-2].lower() in self.profile.segments:
            last = []
        if last and (last[0].startswith("@") or _listed(parts.hostname or "", self.profile.hosts)):
            last = []
        named = segments[:-1] if last else segments
        text = _CAMEL.sub(" ", " ".join(named)).replace("_", " ")
        compounds = [word.lower() for word in _WORD.findall(text)]
        return [*compounds, *(part for word in compounds for part in word.split("-"))]

    def _is_profile(self, parts: SplitResult, segments: list[str]) -> bool:
        """Whether an address shows a profile or channel, and no item of it."""
        if not segments or parts.query:
            return False
        named = 2 if segments[0] in self.profile.segments else 0
        if segments[0].startswith("@") or _listed(parts.hostname or "", self.profile.hosts):
            named = 1
        rest = segments[named:]
        return named > 0 and (not rest or (len(rest) == 1 and rest[0] in self.profile.tabs))


@cache
def hints() -> Hints:
    """Return the lists."""
    text = files("stemtide.protocol.law").joinpath("doubts.toml").read_text("utf-8")
    return read_toml(Hints, text, name="doubts", noun="hints", error=DoubtsError, named=["sources"])


def _split(url: str) -> SplitResult:
    """Return the parts of an address, also of one without a scheme."""
    return urlsplit(url if "://" in url else f"https://{url}")


def _listed(host: str, hosts: Iterable[str]) -> str:
    """Return the listed host that a host is, or is a subdomain of; "" for none."""
    labels = host.lower().rstrip(".").split(".")
    ends = (".".join(labels[start:]) for start in range(len(labels)))
    listed = frozenset(hosts)
    return next((end for end in ends if end in listed), "")
