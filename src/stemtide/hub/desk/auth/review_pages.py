# SPDX-License-Identifier: Apache-2.0
"""Sign-in to the review pages of agents: the hub as their OpenID provider. Decision 0171.

django-allauth makes the codes and the ID token. The hub offers only what an agent needs: the
authorization code flow with PKCE, for people of the agent's party. There is no consent: nothing but
the own agent of one's own party can be signed in to, and it learns a name.
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any, Literal

from allauth.idp.oidc import views
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.models import Client, PrivateKey
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from stemtide.hub.desk.auth.people import SignedInRequest, signed_in
from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.rooms.parties.reads import review_pages as reads
from stemtide.hub.rooms.parties.reads.parties import Someone
from stemtide.hub.rooms.parties.rules import review_pages as rules

_KEY = "openid signing key"
_KEY_S = 30 * 24 * 3600
"""After 30 days another key signs. Agents read it anew at each sign-in."""

_REDIRECT = 302


class ReviewPageAdapter(DefaultOIDCAdapter):  # type: ignore[misc]  # allauth has no types
    """The people, the claims and the key of the hub's OpenID provider."""

    def get_claims(
        self,
        purpose: Literal["id_token", "userinfo"],  # noqa: ARG002  # allauth's signature
        user: Someone,
        client: Client,
        scopes: Iterable[str],  # noqa: ARG002  # allauth's signature
        **_facts: object,
    ) -> dict[str, Any]:
        """Return what an agent learns of a person: a number, and a name or mail address."""
        return {"sub": self.get_user_sub(client, user), "name": user.name or user.email}

    def get_user_by_sub(self, client: Client, sub: str) -> Someone | None:
        """Return the person of a code, if they may still review."""
        person: Someone | None = super().get_user_by_sub(client, sub)
        if person is None or person.party.is_suspended:
            return None
        try:
            reads.check_may_review(reads.review_page(client.pk), viewer=person)
        except (NotAllowedError, NotFoundError):
            return None
        return person

    def list_private_keys(self, **_which: object) -> list[PrivateKey]:
        """Return the one key that signs."""
        return [PrivateKey(pem=_signing_key())]


def _signing_key() -> str:
    """Return the key that signs ID tokens, which all processes share. It is stored encrypted."""
    digest = hashlib.sha256(b"stemtide openid key " + settings.SECRET_KEY.encode()).digest()
    cipher = Fernet(base64.urlsafe_b64encode(digest))
    try:
        return cipher.decrypt(str(cache.get(_KEY)).encode()).decode()
    except InvalidToken:  # there is none, or the hub has another secret
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    cache.set(_KEY, cipher.encrypt(pem).decode(), _KEY_S)
    return pem.decode()


@require_GET
def configuration(request: HttpRequest) -> JsonResponse:
    """GET .well-known/openid-configuration: the OpenID provider, for programs.

    source: OpenID Connect Discovery 1.0.
    """
    address = request.build_absolute_uri
    return JsonResponse(
        {
            "issuer": address("/").rstrip("/"),
            "authorization_endpoint": address(reverse("openid-authorize")),
            "token_endpoint": address(reverse("openid-token")),
            "jwks_uri": address(reverse("openid-keys")),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid"],
            "claims_supported": ["sub", "name"],
        }
    )


@require_GET
def keys(request: HttpRequest) -> HttpResponseBase:
    """GET openid/keys: the public key of ID tokens."""
    response: HttpResponseBase = views.jwks(request)
    response.headers["Cache-Control"] = "no-store"
    return response


@require_GET
@signed_in
def authorize(request: SignedInRequest) -> HttpResponse:
    """GET openid/authorize: sign in to the review page of an agent.

    The page that leads there is no redirect: the person may have come by the form to sign in, and
    forms may not lead to other sites (Content-Security-Policy).
    """
    page = reads.review_page(request.GET.get("client_id", ""))
    rules.check_request(dict(request.GET.lists()), address=page.address)
    reads.check_may_review(page, viewer=request.user)
    response = views.authorization(request)
    target = response.headers.get("Location", "")
    if response.status_code != _REDIRECT or not target.startswith(f"{page.address}?code="):
        raise NotAllowedError(
            "this request to sign in is not complete: open the review page and try again"
        )
    return render(request, "desk/review_page.html", {"page": page, "target": target})


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponseBase:
    """POST openid/token: exchange a code for an ID token, once."""
    response: HttpResponseBase = views.token(request)
    return response
