# SPDX-License-Identifier: Apache-2.0
"""Parse the [review] table of agent.toml: the page on which people decide about held content."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from stemtide.agent.config import values
from stemtide.agent.config.tables import ConfigError
from stemtide.client.connection import is_loopback


class SignInBy(StrEnum):
    """How people sign in to the review page, besides a link that works once.

    link: only by such a link. hub: at the hub. openid: at an OpenID provider of their own.
    """

    LINK = "link"
    HUB = "hub"
    OPENID = "openid"


@dataclass(frozen=True, slots=True)
class OpenIdSettings:
    """The OpenID provider of the agent's own organisation.

    issuer:     its address, below which .well-known/openid-configuration lies.
    client_id, client_secret: of the agent there; no secret for a public client.
    claim, value: only people whose ID token has this value, or has it in a list, may sign in; "":
                  everyone that the provider lets sign in to this client.
    """

    issuer: Annotated[
        str,
        values.address,
        'say where the OpenID provider is, such as issuer = "https://id.provider.example"',
    ]
    client_id: Annotated[str, "register the agent at the OpenID provider, and write its id here"]
    client_secret: str = field(default="", repr=False)
    claim: str = ""
    value: str = ""

    def check(self) -> None:
        """Reject a provider that others could read along with, and half of a rule."""
        parts = urlsplit(self.issuer)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ConfigError("review.openid.issuer", "must be https, unless it is on this machine")
        if bool(self.claim) != bool(self.value):
            missing = "value" if self.claim else "claim"
            raise ConfigError(
                f"review.openid.{missing}",
                "is missing; set both claim and value, or neither to let in everyone whom the"
                " provider lets sign in",
            )


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """The review page.

    enabled:             whether there is a page at all.
    sign_in:             how people sign in.
    openid:              their OpenID provider, for sign_in = "openid".
    decide_within_hours: after so many hours held content counts as late.
    lock_min:            for so many minutes content that a person opened is theirs alone.
    idle_min:            a session without a request for so long has ended.
    session_hours:       a session ends after so many hours in any case.
    picture_url:         the provider's address of pictures; {ref} is replaced. "": no pictures.
    pictures_per_day:    pictures that one person is shown on one day.
    break_after_min:     after so many minutes with pictures a person must take a break.
    break_min:           how long that break lasts.
    blind_check_percent: so many of 100 decisions a colleague makes again, without seeing the first.
    keep_files_hours:    for so many hours an encrypted copy of a held file is kept; 0: none is.
    keep_files_mb:       no more than that is kept, in 10**6 bytes.
    """

    enabled: bool = False
    sign_in: SignInBy = SignInBy.LINK
    openid: OpenIdSettings | None = None
    decide_within_hours: Annotated[int, values.number(1, 720)] = 24
    lock_min: Annotated[int, values.number(1, 60)] = 5
    idle_min: Annotated[int, values.number(1, 240)] = 30
    session_hours: Annotated[int, values.number(1, 24)] = 10
    picture_url: Annotated[str, values.picture_address] = ""
    pictures_per_day: Annotated[int, values.number(0, 1000)] = 60
    break_after_min: Annotated[int, values.number(1, 480)] = 60
    break_min: Annotated[int, values.number(1, 240)] = 15
    blind_check_percent: Annotated[int, values.number(0, 100)] = 5
    keep_files_hours: Annotated[int, values.number(0, 168)] = 0
    keep_files_mb: Annotated[int, values.number(1, 1_000_000)] = 1000

    def check(self) -> None:
        """Reject an OpenID provider that is missing, or that nobody would use."""
        if (self.sign_in is SignInBy.OPENID) != (self.openid is not None):
            raise ConfigError(
                "review.openid",
                'must be there if sign_in is "openid", and only then: name the provider in'
                " [review.openid], or change sign_in in [review]",
            )
