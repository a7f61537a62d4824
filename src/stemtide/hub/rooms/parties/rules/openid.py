# SPDX-License-Identifier: Apache-2.0
"""Rules for identity providers, which may sign in only the people of their own party."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from stemtide.hub.platform.errors import NotAllowedError

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_NEEDED = frozenset({"id", "name", "party", "issuer", "client_id", "mail_domains"})
_OPTIONAL = frozenset(
    {"client_secret", "client_secret_file", "asks_second_factor", "adds_observers"}
)


class OpenIdError(ValueError):
    """The file of identity providers cannot be used. The text names the problem and the remedy."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation's identity provider (OpenID Connect), and the party that it belongs to.

    asks_second_factor: the provider asks for a second factor, so that the hub need not.
    adds_observers: people that it signs in are added to the party as observers.
    """

    id: str
    name: str
    party: str
    issuer: str
    client_id: str
    mail_domains: frozenset[str]
    client_secret: str = ""
    client_secret_file: str = ""
    asks_second_factor: bool = False
    adds_observers: bool = False


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of an identity provider about a person. is_verified: None if it does not say."""

    email: str
    is_verified: bool | None


def read_organisations(text: str) -> tuple[Organisation, ...]:
    """Return the organisations in a TOML settings file.

    raises: OpenIdError naming the problem.
    """
    try:
        rows = tomllib.loads(text).get("organisation", [])
    except tomllib.TOMLDecodeError as error:
        raise OpenIdError(f"it is not TOML: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise OpenIdError("write each organisation under [[organisation]]")
    organisations = tuple(_organisation(row, number) for number, row in enumerate(rows, start=1))
    ids = [organisation.id for organisation in organisations]
    if len(set(ids)) != len(ids):
        raise OpenIdError("two organisations have the same id: choose another for one")
    return organisations


def check_claims(claims: Claims, *, organisation: Organisation) -> None:
    """Refuse mail addresses outside the identity provider's domains, or unverified ones."""
    domain = claims.email.rpartition("@")[2].lower()
    if not claims.email or domain not in organisation.mail_domains:
        raise NotAllowedError(
            "{name} may not confirm this mail address: ask the hub's operator",
            name=organisation.name,
        )
    if claims.is_verified is False:
        raise NotAllowedError(
            "{name} has not verified your mail address: verify it there first",
            name=organisation.name,
        )


def check_speaks_for(party: str, *, organisation: Organisation) -> None:
    """Refuse people of any party but the identity provider's own."""
    if party != organisation.party:
        raise NotAllowedError("{name} cannot sign in people of your party", name=organisation.name)


def _organisation(row: Mapping[str, object], number: int) -> Organisation:
    """Return one organisation of the file."""
    row_name = f"organisation {row.get('id', number)!r}"
    missing, unknown = _NEEDED - set(row), set(row) - _NEEDED - _OPTIONAL
    if missing or unknown:
        problem = f"lacks {min(missing)}" if missing else f"has an unknown {min(unknown)}"
        raise OpenIdError(f"{row_name} {problem}")
    domains = row["mail_domains"]
    if not isinstance(domains, list) or not domains:
        raise OpenIdError(f'{row_name}: mail_domains is a list, such as ["agency.example"]')
    if not _ID.fullmatch(str(row["id"])):
        raise OpenIdError(f"{row_name}: id is 1 to 60 of a-z, 0-9 and -")
    issuer = urlsplit(str(row["issuer"]))
    if issuer.scheme != "https" and issuer.hostname not in _LOOPBACK:
        raise OpenIdError(f"{row_name}: issuer is an https address")
    return Organisation(
        id=str(row["id"]),
        name=str(row["name"]),
        party=str(row["party"]),
        issuer=str(row["issuer"]).rstrip("/"),
        client_id=str(row["client_id"]),
        mail_domains=frozenset(str(domain).lower() for domain in domains),
        client_secret=str(row.get("client_secret", "")),
        client_secret_file=str(row.get("client_secret_file", "")),
        asks_second_factor=row.get("asks_second_factor") is True,
        adds_observers=row.get("adds_observers") is True,
    )
