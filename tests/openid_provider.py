# SPDX-License-Identifier: Apache-2.0
"""A small identity provider on loopback: OpenID Connect, authorization code with PKCE."""

import base64
import hashlib
import secrets
import threading
import time
from urllib.parse import unquote, urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route


class IdentityProvider:
    """Whoever comes by is `claims`; what it asks of the hub, and how often, is counted."""

    client_id, client_secret = "stemtide", "between us"

    def __init__(self):
        self.claims = {"sub": "one", "email": "duty@provider.example", "email_verified": True}
        self.codes, self.issuer, self.said_issuer = {}, "", None
        self.published = None
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        routes = [
            Route("/.well-known/openid-configuration", self.configuration),
            Route("/authorize", self.authorize),
            Route("/token", self.token, methods=["POST"]),
            Route("/keys", self.keys),
        ]
        config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="critical")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def start(self):
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.issuer = f"http://127.0.0.1:{port}"

    def stop(self):
        self.server.should_exit = True
        self.thread.join()

    def configuration(self, _request):
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    def authorize(self, request):
        asked = request.query_params
        assert asked["response_type"] == "code"
        assert asked["client_id"] == self.client_id
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        nonce = {"nonce": asked["nonce"]} if "nonce" in asked else {}
        self.codes[code] = (asked["code_challenge"], asked["redirect_uri"], nonce)
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}")

    async def token(self, request):
        form = await request.form()
        challenge, redirect_uri, nonce = self.codes.pop(form["code"], ("", "", {}))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            not self.knows(request, form)
            or proved != challenge
            or form["redirect_uri"] != redirect_uri
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        now = int(time.time())
        frame = {"iss": self.said_issuer or self.issuer, "aud": self.client_id}
        token = jwt.encode(
            frame | {"iat": now, "exp": now + 60} | nonce | self.claims, self.key, algorithm="RS256"
        )
        return JSONResponse(
            {"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": token}
        )

    def knows(self, request, form):
        """Whether a client proves itself, in the header or in the form."""
        scheme, _, coded = request.headers.get("Authorization", "").partition(" ")
        told = f"{form.get('client_id')}:{form.get('client_secret')}"
        if scheme == "Basic":
            told = unquote(base64.b64decode(coded).decode())
        return told == f"{self.client_id}:{self.client_secret}"

    def keys(self, _request):
        key = self.published or self.key
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return JSONResponse({"keys": [jwk | {"kid": "one", "use": "sig", "alg": "RS256"}]})
