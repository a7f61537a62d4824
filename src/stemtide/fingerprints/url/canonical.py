# SPDX-License-Identifier: Apache-2.0
"""Canonicalise web addresses, so that equal addresses have equal digests.

The rules are explained, with examples that the tests read, in docs/understand/urls.md.

sources: WHATWG URL Standard (parsing); RFC 3986 section 6.2 (normalisation); Google Safe
         Browsing, "URLs and Hashing" (repeated slashes).
"""

import hashlib
import re
import tomllib
from enum import StrEnum
from importlib.resources import files
from itertools import takewhile

import can_ada

from stemtide.fingerprints.kinds import Fingerprint, Kind

MAX_CHARS = 8192
"""Longer addresses are refused, before and after they are spelled canonically."""

_LISTS = tomllib.loads(files("stemtide.fingerprints.url").joinpath("lists.toml").read_text("utf-8"))

TRACKERS = frozenset(_LISTS["trackers"]["anywhere"])
"""Query parameters that identify the referrer and do not affect the content. Compared in lower
case.
"""

TRACKER_PREFIXES = tuple(_LISTS["trackers"]["prefixes"])
"""Families of such parameters."""

TRACKERS_AT = {host: frozenset(names) for host, names in _LISTS["trackers"]["at"].items()}
"""Parameters that do not affect the content at one host (and below it), but may elsewhere."""

SHORTENERS = frozenset(_LISTS["shorteners"]["hosts"])
"""Hosts whose addresses redirect to others."""

SITES = frozenset(_LISTS["sites"]["hosts"])
"""Hosts below which each name is a separate site, besides those of the public suffix list."""

SHARED = {host: frozenset(folders) for host, folders in _LISTS["shared"].items()}
"""Hosts where many people publish, with the folders there that belong to nobody in particular."""

_UNRESERVED = r"A-Za-z0-9._~\-"
_CODED = re.compile(rf"%[0-9A-Fa-f]{{2}}|%|[^{_UNRESERVED}!$&'()*+,;=:@/?%]")
_KEPT_BARE = re.compile(rf"[{_UNRESERVED}]")
_SCHEME = re.compile(r"h(?:tt|xx|\*\*)p(s?)(?:\[://\]|\[:\]//|:\[//\]|\[:\]|:)", re.IGNORECASE)
_OTHER_SCHEME = re.compile(
    r"[a-z][a-z0-9+.-]*:(?=//)|[a-z][a-z0-9+-]*:(?!\d{1,5}(?:[/?#\\]|$))", re.IGNORECASE
)
_HIDDEN_DOT = re.compile(r"\[\s*(?:\.|dot)\s*\]", re.IGNORECASE)
_HIDDEN_HOST_DOT = re.compile(r"[\[({]\s*(?:\.|dot)\s*[\])}]", re.IGNORECASE)
_SLASHES = re.compile(r"/{2,}")
_DEFAULT_PORTS = {"", "80", "443"}
_SELECTING_FRAGMENTS = ("!", "/", "@")
_MAX_PASSES = 5


class UrlClass(StrEnum):
    """Kinds of address."""

    PAGE = "page"
    SITE = "site"
    SHORT_LINK = "short link"


class UrlError(ValueError):
    """A text is not a web address. The message gives the reason and the remedy."""


def canonical(url: str) -> str:
    """Return the canonical spelling of a web address.

    1. Undo defanging (hxxp, [.]) and add the scheme if there is none.
    2. Parse it as browsers do: dot segments, Unicode hosts, odd IPv4 spellings.
    3. Drop scheme, user, default port, leading www. and trailing dot of the host.
    4. Encode each character of path and query in one way; join repeated slashes; drop the last.
    5. Drop trackers from the query and sort the rest.
    6. Drop the fragment, unless it selects the content (#!, #/, #@).
    7. Repeat until nothing changes, so that canonical(canonical(url)) == canonical(url).

    returns: host[:port][/path][?query][#fragment], ASCII, at most MAX_CHARS.
    raises:  UrlError naming the address and the remedy.
    """
    spelled = url
    for _ in range(_MAX_PASSES):
        before, spelled = spelled, _canonical_once(spelled, shown=url)
        if spelled == before:
            return spelled
    raise UrlError(f"{_shown(url)} has no stable spelling: check that it is a web address")


def address(url: str) -> str:
    """Return an address that a browser accepts: defanging undone, with its scheme, nothing else.

    raises: UrlError for any scheme other than http or https.
    """
    return _fang(url, shown=url)


def in_ascii(url: str) -> str:
    """Return the same address in ASCII: the host in Punycode, other letters percent-encoded.

    raises: UrlError for an address that no browser would open.
    source: WHATWG URL Standard, section 4.5 (URL serializing).
    """
    try:
        return str(can_ada.parse(address(url)).href)
    except ValueError as error:
        raise UrlError(f"{_shown(url)} is not a web address: check its spelling") from error


def digest(canonical_url: str) -> bytes:
    """Return the SHA-256 of a canonical address: it is sent in place of the address."""
    return hashlib.sha256(canonical_url.encode()).digest()


def url_class(url: str) -> UrlClass:
    """Return whether an address is a short link, the front page of a site, or any other page.

    A short link is recognised by its host. Its target is not followed: that needs the network.

    raises: UrlError, as `canonical`.
    """
    spelled = canonical(url)
    host = re.split(r"[/?#:]", spelled, maxsplit=1)[0]
    if host in SHORTENERS and host != spelled:
        return UrlClass.SHORT_LINK
    return UrlClass.SITE if not set("/?#") & set(spelled) else UrlClass.PAGE


def fingerprint_url(url: str) -> Fingerprint:
    """Return the fingerprint of a web address in any spelling.

    raises: UrlError, as `canonical`.
    """
    return Fingerprint(Kind.URL, digest(canonical(url)))


def _canonical_once(url: str, *, shown: str) -> str:
    if len(url) > MAX_CHARS:
        raise UrlError(f"{_shown(shown)} is longer than {MAX_CHARS} characters: shorten it")
    fanged = _fang(url, shown=shown)
    try:
        parsed = can_ada.parse(fanged)
    except (ValueError, TypeError) as error:  # TypeError: lone surrogates
        raise UrlError(f"{_shown(shown)} is not a web address: check its host and port") from error
    host = _host(parsed.hostname, shown=shown)
    port = "" if parsed.port in _DEFAULT_PORTS else f":{parsed.port}"
    path = _SLASHES.sub("/", _recode(parsed.pathname)).rstrip("/")
    spelled = host + port + path + _query(parsed.search, host=host) + _fragment(parsed.hash)
    if len(spelled) > MAX_CHARS:
        raise UrlError(
            f"{_shown(shown)} is longer than {MAX_CHARS} characters once coded: shorten it"
        )
    return spelled


def _fang(url: str, *, shown: str) -> str:
    """Undo defanging, which makes addresses unclickable, and add the scheme."""
    url = url.strip().strip("<>\u200b\ufeff").strip()
    scheme = _SCHEME.match(url)
    if scheme is None and _OTHER_SCHEME.match(url):
        name = url.partition(":")[0]
        raise UrlError(
            f"{_shown(shown)} is not a web address: it begins with {name[:20]}:; "
            "only http and https can be shared"
        )
    rest = (url[scheme.end() :] if scheme else url).lstrip("/\\")
    authority = "".join(takewhile(lambda c: c not in "/\\?#", rest))
    tail = rest[len(authority) :]
    bare = _HIDDEN_HOST_DOT.sub(".", authority).replace("[:]", ":")
    written = scheme.group().lower() if scheme else "http:"
    if bare != authority or written not in {"http:", "https:"}:
        tail = _HIDDEN_DOT.sub(".", tail)
    secure = scheme.group(1).lower() if scheme else ""
    return f"http{secure}://{bare}{tail}"


def _host(hostname: str, *, shown: str) -> str:
    host = hostname.rstrip(".")
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    is_address = host.startswith("[")
    if not is_address and host != "localhost" and ("." not in host or ".." in host):
        raise UrlError(
            f"{_shown(shown)} is not a web address: its host {host[:80]!r} is not a full name; "
            "write it as in example.com/path"
        )
    return host


def _query(search: str, *, host: str) -> str:
    parts = [_recode(part.replace("+", "%20")) for part in search.removeprefix("?").split("&")]
    parts_kept = sorted(part for part in parts if part and not _is_tracker(part, host=host))
    return "?" + "&".join(parts_kept) if parts_kept else ""


def _is_tracker(part: str, *, host: str) -> bool:
    name = part.partition("=")[0].lower().replace("%5b", "[").replace("%5d", "]")
    if name in TRACKERS or name.startswith(TRACKER_PREFIXES):
        return True
    return any(
        name in names and (host == site or host.endswith(f".{site}"))
        for site, names in TRACKERS_AT.items()
    )


def _fragment(fragment: str) -> str:
    """Keep a fragment only if scripts take it for the path: #!, #/ and #@."""
    bare = fragment.removeprefix("#")
    if not bare.startswith(_SELECTING_FRAGMENTS) or not bare.strip("!/@"):
        return ""
    return "#" + _recode(bare)


def _recode(text: str) -> str:
    """Percent-encode each character one way: letters and digits never, disallowed ones always.

    source: RFC 3986 sections 2.1 to 2.3 and 6.2.2; reserved characters stay unchanged.
    """
    return _CODED.sub(_recode_one, text)


def _recode_one(match: re.Match[str]) -> str:
    piece = match.group()
    if len(piece) > 1:  # %xx
        character = chr(int(piece[1:], 16))
        return character if _KEPT_BARE.fullmatch(character) else piece.upper()
    return "".join(f"%{byte:02X}" for byte in piece.encode())


def _shown(url: str) -> str:
    return repr(url if len(url) <= 100 else url[:97] + "...")  # noqa: PLR2004 - room in one line
