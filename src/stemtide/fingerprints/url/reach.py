# SPDX-License-Identifier: Apache-2.0
"""Match a signal of a web address with one address, a folder, or a whole host.

Each is written as an expression, and a signal is the SHA-256 of one:

    example.com/a/b?id=7     the address, in the spelling of `canonical`
    example.com/a/           the folder: example.com/a and everything below it
    example.com/             the host: everything there, and on hosts below it

An address is looked up under every expression that covers it, at most 26 of them, so that a signal
of any reach is found with exact look-ups alone. No expression is made for a folder or a host where
many people publish, so a signal of such a place matches nothing.

source: Google Safe Browsing, "URLs and Hashing" (suffix and prefix expressions, 4-byte prefixes).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from publicsuffixlist import PublicSuffixList

from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind, QueryView
from stemtide.fingerprints.url.canonical import (
    SHARED,
    SHORTENERS,
    SITES,
    UrlClass,
    UrlError,
    canonical,
    digest,
    url_class,
)

MAX_HOSTS = 5
"""Hosts under which an address is looked up: its own, and up to four above it."""

MAX_FOLDERS = 4
"""Maximum depth of folders in an expression; with the host itself, five per host."""

MAX_EXPRESSIONS = 1 + MAX_HOSTS * (1 + MAX_FOLDERS)
"""Maximum number of expressions under which an address is looked up."""

PREFIX_BYTES = 4
"""Bytes of a digest that are revealed to look it up without revealing the address."""

_PARTS = re.compile(r"(\[[^\]]*\]|[^/?#:]*)(?::\d+)?([^?#]*)")
_IPV4 = re.compile(r"[\d.]+")


class UrlScope(IntEnum):
    """The scope of a signal of an address; the smaller, the narrower."""

    ADDRESS = 0
    FOLDER = 1
    HOST = 2


@dataclass(frozen=True, slots=True)
class UrlPrint:
    """All digests to look an address up under, without the address itself.

    digests: (reach, SHA-256 of the expression), narrowest first; the first is the address's own.
    remarks: notes for people.
    """

    digests: tuple[tuple[UrlScope, bytes], ...]
    remarks: tuple[str, ...] = ()

    @property
    def prefixes(self) -> tuple[bytes, ...]:
        """Return the prefixes to look it up by: the first bytes of each digest, sorted."""
        return tuple(sorted({prefix_of(whole) for _, whole in self.digests}))

    def check(self, bucket: Iterable[bytes]) -> UrlScope | None:
        """Return the narrowest reach under which a returned digest covers it; None if none does.

        bucket: whole digests, as returned for `prefixes`.
        """
        answered = set(bucket)
        return next((reach for reach, whole in self.digests if whole in answered), None)


def print_of_url(url: str) -> UrlPrint:
    """Return all digests to look an address up under.

    raises: UrlError, as `canonical`.
    """
    spelled = canonical(url)
    digests = tuple((reach, digest(expression)) for reach, expression in expressions(spelled))
    remarks: tuple[str, ...] = ()
    if url_class(spelled) is UrlClass.SHORT_LINK:
        remarks = ("a short link: where it leads is not followed; look up that address too",)
    return UrlPrint(digests, remarks)


def fingerprints_of_url(url: str) -> Fingerprints:
    """Return an address's own fingerprint, and views of its folders and hosts.

    raises: UrlError, as `canonical`.
    """
    url_print = print_of_url(url)
    (_, own), *wider = url_print.digests
    return Fingerprints(
        each=(Fingerprint(Kind.URL, own),),
        remarks=url_print.remarks,
        views=tuple(QueryView(reach.name.lower(), whole, kind=Kind.URL) for reach, whole in wider),
    )


def prefix_of(whole: bytes) -> bytes:
    """Return the part of a digest that is revealed in order to look it up."""
    return whole[:PREFIX_BYTES]


def expressions(spelled: str) -> list[tuple[UrlScope, str]]:
    """Return every expression that covers a canonical address, narrowest first."""
    host, folders = _parts(spelled)
    wider = [
        (UrlScope.FOLDER if depth else UrlScope.HOST, _spell(above, folders[:depth]))
        for depth in range(min(len(folders), MAX_FOLDERS), -1, -1)
        for above in _hosts(host)
        if not _is_too_wide(above, folders[:depth])
    ]
    return [(UrlScope.ADDRESS, spelled), *wider]


def rule_of(url: str, *, reach: UrlScope) -> str:
    """Return the expression of a signal with this reach; `digest` makes its value.

    raises: UrlError if it is not a web address, or would cover pages of many people.
    """
    spelled = canonical(url)
    if reach is UrlScope.ADDRESS:
        return spelled
    host, folders = _parts(spelled)
    if reach is UrlScope.HOST:
        folders = []
    elif not folders:
        raise UrlError(f"{spelled[:100]!r} names no folder: name one, or share the host")
    if len(folders) > MAX_FOLDERS:
        raise UrlError(
            f"{spelled[:100]!r} is more than {MAX_FOLDERS} folders deep: share a shorter one"
        )
    if _is_too_wide(host, folders):
        raise UrlError(
            f"{_spell(host, folders)[:100]!r} would cover what many people publish: "
            "share the folder of one of them, or single addresses"
        )
    return _spell(host, folders)


def _parts(spelled: str) -> tuple[str, list[str]]:
    """Split an address into its host, without port, and its folders, the last name included."""
    match = _PARTS.match(spelled)
    host, path = match.groups() if match else (spelled, "")
    return host, path.removeprefix("/").split("/") if path.strip("/") else []


def _spell(host: str, folders: list[str]) -> str:
    return "/".join((host, *folders, ""))


def _hosts(host: str) -> list[str]:
    """Return the host itself and up to four that it is below, from the registered name on."""
    registered = _registered(host)
    if not registered or registered == host:
        return [host]
    below = host[: -len(registered) - 1].split(".")
    above = [".".join((*below[at:], registered)) for at in range(len(below), 0, -1)]
    return [host, *above[: MAX_HOSTS - 1][::-1]]


def _registered(host: str) -> str:
    """Return the name that one party has registered; "" for a public suffix or an IP address."""
    if host.startswith("[") or _IPV4.fullmatch(host):
        return host
    site = next((shared_host for shared_host in SITES if host.endswith(f".{shared_host}")), "")
    if site:
        return ".".join((host[: -len(site) - 1].rpartition(".")[2], site))
    return _suffixes().privatesuffix(host) or ""


def _is_too_wide(host: str, folders: list[str]) -> bool:
    """Whether a folder (or, without one, the whole host) has pages of many people."""
    if not folders and (not _registered(host) or host in SITES or host in SHORTENERS):
        return True
    shared = next((candidate for candidate in _above(host) if candidate in SHARED), "")
    if not shared or (shared in SITES and host != shared):
        return False
    path = "/".join(folders).lower()
    return not path or any(f"{folder.lower()}/".startswith(f"{path}/") for folder in SHARED[shared])


def _above(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]


@cache
def _suffixes() -> PublicSuffixList:
    """Load the public suffix list that the package contains; nothing is downloaded."""
    return PublicSuffixList()
