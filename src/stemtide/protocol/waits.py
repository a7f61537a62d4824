# SPDX-License-Identifier: Apache-2.0
"""How long whoever is asked too much says to wait."""

_MOST_DIGITS = 9


def asked_s(said: str) -> int | None:
    """The seconds that a Retry-After header says; None where it says none, or a date.

    More digits than anybody waits are cut, and are still longer than that.
    source: RFC 9110, section 10.2.3.
    """
    if not (said.isascii() and said.isdigit()):
        return None
    return int(said[:_MOST_DIGITS])
