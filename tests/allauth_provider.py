# SPDX-License-Identifier: Apache-2.0
"""django-allauth as an organisation's identity provider, in a process and a database of its own.

python -m tests.allauth_provider REDIRECT-URI prints its address once it listens. Not the hub's own
provider for agents: this one has people with passwords, asks them for consent, and knows one
client, which proves itself with a secret.
"""

import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

EMAIL, PASSWORD = "duty@provider.example", "correct-horse-battery"
UNVERIFIED = "new@provider.example"
CLIENT, SECRET = "stemtide", "between these two"
FOLDER = Path(__file__).parents[1]


@contextmanager
def running(redirect_uri):
    """Run the provider; its issuer."""
    command = [sys.executable, "-m", "tests.allauth_provider", redirect_uri]
    with subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE) as process:
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.terminate()


def configure(folder):
    """Set Django up for the provider alone."""
    import django
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from django.conf import settings

    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    apps = ("auth", "contenttypes", "sessions", "messages")
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        SECRET_KEY="of this provider alone",
        INSTALLED_APPS=[
            *(f"django.contrib.{app}" for app in apps),
            *("allauth", "allauth.account", "allauth.idp.oidc"),
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        ACCOUNT_LOGIN_METHODS={"email"},
        ACCOUNT_EMAIL_VERIFICATION="none",
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(Path(folder) / "provider.sqlite3"),
            }
        },
        IDP_OIDC_PRIVATE_KEY=pem.decode(),
        USE_TZ=True,
    )
    django.setup()
    from django.urls import include, path

    # One list of addresses, as a tuple: Django's cache needs what can be hashed.
    settings.ROOT_URLCONF = (
        path("", include("allauth.idp.urls")),
        path("accounts/", include("allauth.account.urls")),
    )


def add_people_and_client(redirect_uri):
    """Create the tables, a person whose address is verified, one whose is not, and the client."""
    from allauth.account.models import EmailAddress
    from allauth.idp.oidc.models import Client
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    for email in (EMAIL, UNVERIFIED):
        user = User.objects.create_user(email, email=email, password=PASSWORD)
        EmailAddress.objects.create(
            user=user, email=email, primary=True, verified=email != UNVERIFIED
        )
    client = Client(
        id=CLIENT,
        name="The hub",
        scopes="openid\nemail\nprofile",
        redirect_uris=redirect_uri,
        response_types="code",
    )
    client.set_secret(SECRET)
    client.save()


def main(redirect_uri):
    """Serve until the process is ended."""
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_):
            pass

    with tempfile.TemporaryDirectory() as folder:
        configure(folder)
        add_people_and_client(redirect_uri)
        from django.core.wsgi import get_wsgi_application

        with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet) as server:
            print(f"http://127.0.0.1:{server.server_port}", flush=True)
            server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
