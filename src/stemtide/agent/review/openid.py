# SPDX-License-Identifier: Apache-2.0
"""Sign-in at an OpenID provider: the hub, or the agent's own organisation's. Decision 0171.

1 The provider describes itself (Discovery). Its addresses must be as safe as the configured one.
2 A sign-in is stored with its state, nonce and verifier (PKCE), and belongs to one browser.
3 The browser returns with a code. The sign-in is used up, also if it fails.
4 The code is exchanged for an ID token, which must be of this provider, for this client, and for
  this sign-in.

source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7; RFC 7636; RFC 9207.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx
import jwt
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from stemtide.agent.config.review import OpenIdSettings
from stemtide.agent.review.sessions import clean_name, digest, subject_of
from stemtide.agent.store.database import Store
from stemtide.client.connection import is_loopback

SIGN_IN_TERM = timedelta(minutes=10)
MOST_OPEN = 200
"""Sign-ins that are begun and not ended. Others on this machine could begin them for ever."""

_TIMEOUT_S = 10.0
_MAX_BYTES = 256 * 1024
_LEEWAY_S = 60
_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_NAMES = ("name", "preferred_username", "email")
_OK = 200


class ReviewSignInError(Exception):
    """A sign-in that failed. The message is for the person."""


@dataclass(frozen=True, slots=True)
class OpenIdProvider:
    """The addresses of a provider, as it says them itself."""

    issuer: str
    authorize: str
    token: str
    keys: str


@dataclass(frozen=True, slots=True)
class BegunSignIn:
    """A sign-in that was begun. address: of the provider's page. browser: the cookie's value."""

    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class ProvedPerson:
    """A person that a provider identified.

    link: digest of the link that they opened before, or "".
    """

    subject: str
    name: str
    link: str


@dataclass(frozen=True, slots=True)
class _SignIn:
    """A stored sign-in. address: where the browser returns."""

    client: str
    nonce: str
    verifier: str
    address: str
    link: str


async def read_provider(issuer: str) -> OpenIdProvider:
    """Ask a provider for its addresses. raises: ReviewSignInError."""
    facts = await _ask("GET", f"{issuer}/.well-known/openid-configuration")
    stated = facts.get("issuer")
    if not isinstance(stated, str) or stated.rstrip("/") != issuer:
        raise ReviewSignInError(f"{issuer} says that it is {stated!r}: is this its address?")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    addresses = [facts.get(name) for name in names]
    for name, address in zip(names, addresses, strict=True):
        if not isinstance(address, str) or not _is_safe(address, issuer):
            raise ReviewSignInError(f"{issuer} gives no safe {name}: it must be https")
    return OpenIdProvider(stated, *map(str, addresses))


def _is_safe(address: str, issuer: str) -> bool:
    """Whether an address of a provider is https, or plain http where the provider itself is."""
    parts, own = urlsplit(address), urlsplit(issuer)
    is_own = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
    is_local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    return bool(parts.netloc) and (parts.scheme == "https" or is_own or is_local)


def begin(
    store: Store,
    provider: OpenIdProvider,
    *,
    client_id: str,
    address: str,
    scopes: str,
    link: str,
    now: float,
) -> BegunSignIn:
    """Store a sign-in, and return where it goes on.

    address: where the browser returns. link: digest of a link that the person opened before.
    """
    state, browser, nonce = (secrets.token_urlsafe(32) for _ in range(3))
    client = WebApplicationClient(client_id)
    verifier = client.create_code_verifier(64)
    with store.write() as tx:
        tx.execute("DELETE FROM review_sign_ins WHERE ends_at <= ?", (now,))
        tx.execute(
            "DELETE FROM review_sign_ins WHERE state IN (SELECT state FROM review_sign_ins"
            " ORDER BY ends_at DESC LIMIT -1 OFFSET ?)",
            (MOST_OPEN - 1,),
        )
        tx.execute(
            "INSERT INTO review_sign_ins VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(digest(state), digest(browser), client_id, nonce, verifier, address, link),
                now + SIGN_IN_TERM.total_seconds(),
            ),
        )
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": address,
        "scope": scopes,
        "state": state,
        "nonce": nonce,
        "code_challenge": client.create_code_challenge(verifier, "S256"),
        "code_challenge_method": "S256",
    }
    own_query = dict(parse_qsl(urlsplit(provider.authorize).query))
    base = provider.authorize.partition("?")[0]
    return BegunSignIn(f"{base}?{urlencode(own_query | query)}", browser)


async def finish(
    sign_in: _SignIn,
    provider: OpenIdProvider,
    *,
    code: str,
    settings: OpenIdSettings | None,
    now: float,
) -> ProvedPerson:
    """Exchange a code for an ID token, and return the person that it identifies.

    raises: ReviewSignInError.

    settings: of the own provider; None for the hub, which has no secret and decides itself.
    """
    client = WebApplicationClient(sign_in.client)
    body = client.prepare_request_body(
        code=code,
        redirect_uri=sign_in.address,
        code_verifier=sign_in.verifier,
        include_client_id=True,
    )
    secret = settings.client_secret if settings else ""
    answer = await _ask("POST", provider.token, body=body, client=sign_in.client, secret=secret)
    try:
        token = client.parse_request_body_response(json.dumps(answer)).get("id_token")
    except OAuth2Error as error:
        raise ReviewSignInError(f"the provider refused the code ({error.error})") from error
    claims = _check_token(
        str(token or ""), await _ask("GET", provider.keys), sign_in, provider=provider, now=now
    )
    if settings:
        check_claim(claims, settings)
    person = str(claims["sub"])
    names = (clean_name(str(claims.get(name) or "")) for name in _NAMES)
    name = next(filter(None, names), "") or clean_name(person) or digest(person)[:12]
    return ProvedPerson(subject_of(provider.issuer.rstrip("/"), person), name, sign_in.link)


def take(store: Store, *, state: str, browser: str, now: float) -> _SignIn:
    """Use a stored sign-in up, if it was begun in this browser. raises: ReviewSignInError."""
    with store.write() as tx:
        rows = tx.execute(
            "DELETE FROM review_sign_ins WHERE state = ? AND browser = ? AND ends_at > ?"
            " RETURNING client, nonce, verifier, address, link",
            (digest(state), digest(browser), now),
        ).fetchall()
    if not rows:
        raise ReviewSignInError(
            "this sign-in was used already, is older than 10 minutes, or was begun in another"
            " browser"
        )
    return _SignIn(*rows[0])


def check_answer(query: Mapping[str, str], provider: OpenIdProvider) -> None:
    """Refuse an answer that is an error, or of another provider. raises: ReviewSignInError."""
    if query.get("iss", provider.issuer) != provider.issuer:
        raise ReviewSignInError("the answer is of another provider (iss)")
    if error := query.get("error", ""):
        text = clean_name(f"{error} {query.get('error_description', '')}"[:60])
        raise ReviewSignInError(f"the provider refused it ({text})")
    if not query.get("code"):
        raise ReviewSignInError("the provider gave no code")


def check_claim(claims: Mapping[str, Any], settings: OpenIdSettings) -> None:
    """Refuse people who lack the claim that reviewers have. raises: ReviewSignInError."""
    value = claims.get(settings.claim)
    values = value if isinstance(value, list) else [value]
    if settings.claim and settings.value not in values:
        raise ReviewSignInError(
            f"your account is not one of those that may review: it lacks {settings.claim} ="
            f" {settings.value}. Ask whoever looks after the accounts"
        )


def _check_token(
    token: str,
    keys: Mapping[str, Any],
    sign_in: _SignIn,
    *,
    provider: OpenIdProvider,
    now: float,
) -> dict[str, Any]:
    """Return the claims of an ID token that is for this sign-in. raises: ReviewSignInError."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _key_of(token, jwt.PyJWKSet.from_dict(dict(keys))),
            algorithms=_ALGORITHMS,
            audience=sign_in.client,
            issuer=provider.issuer,
            leeway=_LEEWAY_S,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise ReviewSignInError(
            f"the provider's ID token is not valid ({error}). Are the clocks right?"
        ) from error
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), sign_in.nonce.encode()):
        raise ReviewSignInError("the provider's ID token is of another sign-in (nonce)")
    if claims.get("azp", sign_in.client) != sign_in.client:
        raise ReviewSignInError("the provider's ID token is for another program (azp)")
    if claims["iat"] < now - SIGN_IN_TERM.total_seconds():
        raise ReviewSignInError("the provider's ID token is old. Are the clocks right?")
    return claims


def _key_of(token: str, keys: jwt.PyJWKSet) -> jwt.PyJWK:
    """Return the key that signed a token; the only one if none is named. raises: PyJWTError."""
    kid = jwt.get_unverified_header(token).get("kid")
    named = [key for key in keys.keys if kid in {None, key.key_id}]
    if len(named) != 1:
        raise jwt.InvalidTokenError(f"the provider has no key {kid!r}")
    return named[0]


async def _ask(
    method: str, address: str, *, body: str = "", client: str = "", secret: str = ""
) -> dict[str, Any]:
    """Send a request to a provider; return its answer, which may be that it refuses.

    raises: ReviewSignInError if it does not answer, or with something else than a JSON object.
    """
    host = urlsplit(address).hostname or address
    headers = {"Accept": "application/json"}
    if method == "POST":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    # RFC 6749 section 2.3.1: both are form-encoded first.
    auth = httpx.BasicAuth(quote(client, safe=""), quote(secret, safe="")) if secret else None
    content, status = bytearray(), 0
    try:
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as http,
            http.stream(method, address, content=body, headers=headers, auth=auth) as response,
        ):
            status = response.status_code
            async for part in response.aiter_bytes():
                content += part
                if len(content) > _MAX_BYTES:
                    raise ReviewSignInError(f"{host} answers too much")
        answer = json.loads(content)
    except httpx.HTTPError as error:
        raise ReviewSignInError(f"{host} does not answer ({type(error).__name__})") from error
    except ValueError:
        answer = None
    is_refusal = method == "POST" and isinstance(answer, dict) and "error" in answer
    if not isinstance(answer, dict) or (status != _OK and not is_refusal):
        raise ReviewSignInError(f"{host} answers with {status}, and not as an OpenID provider")
    return answer
