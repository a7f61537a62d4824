# SPDX-License-Identifier: Apache-2.0
"""Parse the [companion] table of agent.toml: the provider's own HMA to fill."""

from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from stemtide.agent.config import values
from stemtide.agent.config.tables import ConfigError
from stemtide.client.connection import is_loopback
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action

TYPE_OF = {Kind.PDQ: "pdq", Kind.MD5: "video_md5"}
"""HMA's names of the kinds that a standard HMA supports."""

_CANARY = "CANARY"
_HEADER_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def _action(value: object) -> Action:
    action = values.choice(Action)(value)
    if action is Action.LOG:
        raise ValueError(
            'must be "hold" or "block": systems that act on content ask HMA, and a log is no action'
        )
    return Action(action)


def _kind(value: object) -> Kind:
    kind = values.choice(Kind)(value)
    if kind not in TYPE_OF:
        raise ValueError(f"must be of {', '.join(TYPE_OF)}: HMA does not support {kind}")
    return Kind(kind)


def _header(value: object) -> str:
    name = values.text(value).lower()
    if not name or not _HEADER_LETTERS.issuperset(name):
        raise ValueError(f"must be the name of a header such as Authorization, not {name!r}")
    return name


def _secret(value: object) -> str:
    secret = values.text(value)
    if not (secret.isascii() and secret.isprintable()):
        raise ValueError("must be one line of ASCII: it is sent as a header")
    return secret


def _prefix(value: object) -> str:
    prefix = values.bank_name(value)
    if not prefix or len(prefix) > 40:  # noqa: PLR2004 - HMA's names end at 255, ours add 6 letters
        raise ValueError("must be 1 to 40 of A to Z, 0 to 9 and _, such as STEMTIDE_")
    return prefix


@dataclass(frozen=True, slots=True)
class HmaSettings:
    """A provider's own HMA, and which signals it gets.

    bank_prefix: begins the names of the banks, one for each action and one for the canary.
    actions:     the banks that are filled; never log.
    header, secret: sent with each request, for a proxy in front; HMA itself has no authentication.
    insecure:    allow plain http to another machine.
    per_second:  contents handed over in a second at most.
    timeout_s:   limit for one request.
    """

    url: Annotated[str, values.address, 'say where your HMA is, as url = "http://127.0.0.1:5000"']
    bank_prefix: Annotated[str, _prefix] = "STEMTIDE_"
    actions: frozenset[Annotated[Action, _action]] = frozenset({Action.HOLD, Action.BLOCK})
    kinds: frozenset[Annotated[Kind, _kind]] = frozenset(TYPE_OF)
    header: Annotated[str, _header] = "authorization"
    secret: Annotated[str, _secret] = field(default="", repr=False)
    insecure: bool = False
    per_second: Annotated[int, values.number(1, 1000)] = 50
    timeout_s: Annotated[float, values.seconds(0.1, 120)] = 10.0

    def bank(self, action: Action) -> str:
        """Return the name of an action's bank."""
        return f"{self.bank_prefix}{action.upper()}"

    @property
    def canary_bank(self) -> str:
        """Return the name of the canary's bank, on which nobody acts."""
        return f"{self.bank_prefix}{_CANARY}"

    @property
    def banks(self) -> tuple[str, ...]:
        """Return the names of all banks, the canary's first."""
        return (
            self.canary_bank,
            *(self.bank(action) for action in Action if action in self.actions),
        )

    def check(self) -> None:
        """Reject an address that shows the signals to a network. raises: ConfigError."""
        parts = urlsplit(self.url)
        if parts.scheme == "http" and not is_loopback(parts.hostname or "") and not self.insecure:
            raise ConfigError(
                "companion.url",
                "is plain http to another machine, which shows all signals to the network between; "
                "use https, or set companion.insecure = true if that network is yours alone",
            )
