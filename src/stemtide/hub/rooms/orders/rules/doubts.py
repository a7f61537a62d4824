# SPDX-License-Identifier: Apache-2.0
"""Doubts about the addresses of an order: protected sources, and addresses that are not exact.

The lists are data: protocol/law/doubts.toml. Each doubt is a hint for a person. Decision 0155.

source: Regulation (EU) 2021/784 Art. 1(3), Art. 3(4)(d).
"""

from collections.abc import Callable, Iterator, Mapping

from stemtide.fingerprints.url.canonical import UrlError, address
from stemtide.hub.rooms.orders.rules.findings import Doubt
from stemtide.protocol.enums.orders import DoubtKind, Side
from stemtide.protocol.law.doubts import Inexact, hints
from stemtide.protocol.messages.orders import Values


def is_readable(kind: DoubtKind, *, side: Side | None) -> bool:
    """Whether a side of an order may read a doubt with which it was issued.

    The authority that scrutinises may know the doubts that its issuer weighed. Only the issuer
    learns of a hold: it is an investigative interest of somebody else. The addressee reads none: a
    warning is no reason of the order, and may name others.
    """
    return side is Side.ISSUER or (side is Side.HOME and kind is not DoubtKind.HOLD)


def address_doubts(values: Values) -> Iterator[Doubt]:
    """Yield the doubts of each address of Annex I."""
    urls = values.get("urls")
    for url in dict.fromkeys(urls if isinstance(urls, list) else ()):
        try:
            spelled = address(url)
        except UrlError:  # the lint reports it
            continue
        shown = url[:200]
        if kind := hints().inexact(spelled):
            yield _INEXACT[kind](shown).of(DoubtKind.ADDRESS)
        if source := hints().source_of(spelled):
            purpose, hint = source
            yield Doubt(
                "urls",
                "{url} hints at a protected purpose ({purpose}: {hint}), for which material is no "
                "terrorist content (Art. 1(3)): weigh the true purpose, and say in the reasons why "
                "the order stands",
                url=shown,
                purpose=purpose,
                hint=hint,
            ).of(DoubtKind.SOURCE)


_INEXACT: Mapping[Inexact, Callable[[str], Doubt]] = {
    Inexact.SEARCH: lambda url: Doubt(
        "urls",
        "{url} looks like a search: its results change; enter the address of the content itself",
        url=url,
    ),
    Inexact.LISTING: lambda url: Doubt(
        "urls",
        "{url} looks like a list of content: enter the address of each item that you mean",
        url=url,
    ),
    Inexact.PROFILE: lambda url: Doubt(
        "urls",
        "{url} looks like a profile or channel, of which everything would be removed: enter the "
        "address of each item that you mean",
        url=url,
    ),
    Inexact.FRAGMENT: lambda url: Doubt(
        "urls",
        "{url} names the content only after the # sign, which the server does not see: enter an "
        "address that leads to it",
        url=url,
    ),
}
"""Words for addresses that are not exact."""
