# SPDX-License-Identifier: Apache-2.0
"""The hub's settings: read once from the environment, with safe defaults."""

import os
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from dj_database_url import DBConfig
from django.core.exceptions import ImproperlyConfigured

from stemtide import private_files
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.hub.database_url import (
    OPTIONS_OF_REPLICA,
    READ_OF_REPLICA_S,
    read_database_url,
)
from stemtide.hub.platform import networks, secret_files
from stemtide.hub.platform.rate_windows import DEFAULT_QUOTAS
from stemtide.hub.platform.roles import Role
from stemtide.hub.platform.static_headers import add_static_headers
from stemtide.hub.rooms.ledger.rules.rate_limits import HOURLY_LIMITS
from stemtide.hub.rooms.parties.rules import people
from stemtide.hub.rooms.parties.rules.openid import OpenIdError, Organisation, read_organisations
from stemtide.logs import LogFormat


def _secret(name: str) -> str:
    """Return the setting NAME or, better, the content of the file named by NAME_FILE; or ""."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path).read_text("utf-8").strip() if path else os.environ.get(name, "")


def _stored_secret(path: Path) -> str:
    """Return the secret in a file; create the file (readable by its owner only) the first time."""
    try:
        secret_files.make_once(path, lambda: secrets.token_urlsafe(48).encode())
    except OSError as error:
        raise ImproperlyConfigured(
            f"{path} cannot be made ({error.strerror}): let this user write there, on a file system"
            " with hard links, or give the secret in STEMTIDE_SECRET_KEY"
        ) from error
    secret = path.read_text("utf-8").strip()
    if not secret:
        raise ImproperlyConfigured(
            f"{path} is empty: put the secret back from a backup; what it locks is lost without"
            " it, so delete the file only if this hub is new"
        )
    return secret


def _is_on(name: str) -> bool:
    """Whether a switch in the environment is on."""
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}


def _whole_number(name: str, default: int, *, lowest: int = 1) -> int:
    """Return a setting that is a whole number, not below the lowest."""
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) < lowest:
        raise ImproperlyConfigured(f"{name} is {text[:20]!r}: give a whole number from {lowest} on")
    return int(text)


def _numbers(name: str, defaults: Mapping[str, int]) -> dict[str, int]:
    """Return whole numbers by name, as in "lead=240 hold=50", over the defaults; "off": none."""
    words = os.environ.get(name, "").split()
    if words == ["off"]:
        return {}
    numbers = dict(defaults)
    for word in words:
        key, _, number = word.partition("=")
        if key not in defaults or not number.isdecimal() or int(number) < 1:
            raise ImproperlyConfigured(
                f"{name}: {word[:40]!r} is not understood: write off, or some of"
                f" {', '.join(defaults)} with a whole number from 1 on, as in {min(defaults)}=10"
            )
        numbers[key] = int(number)
    return numbers


def _one_of(name: str, *words: str) -> str:
    """Return one of some words from the environment; by default the first."""
    value = os.environ.get(name, words[0])
    if value not in words:
        raise ImproperlyConfigured(f"{name} is {value!r}: write one of {', '.join(words)}")
    return value


def _walls(name: str) -> frozenset[Wall]:
    """Return walls of the sandbox, separated by commas."""
    try:
        return frozenset(Wall(word.strip()) for word in os.environ.get(name, "").split(",") if word)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}; write any of {', '.join(Wall)}") from error


def _roles(name: str) -> frozenset[Role]:
    """Return roles, separated by spaces or commas; all by default."""
    words = os.environ.get(name, "").replace(",", " ").split() or list(Role)
    try:
        return frozenset(map(Role, words))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}; write any of {', '.join(Role)}") from error


def _proxies(name: str) -> tuple[str, ...]:
    """Return the proxies whose X-Forwarded-For is trusted."""
    try:
        return networks.read_proxies(os.environ.get(name, ""))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


def _file(path: str) -> str:
    """Return the content of a file; "" if no file is named."""
    return Path(path).read_text("utf-8").strip() if path else ""


def _organisations() -> tuple[Organisation, ...]:
    """Return the organisations' identity providers, from the file named by STEMTIDE_OPENID_FILE."""
    path = os.environ.get("STEMTIDE_OPENID_FILE", "")
    try:
        return read_organisations(_file(path))
    except OpenIdError as error:
        raise ImproperlyConfigured(f"STEMTIDE_OPENID_FILE: {path}: {error}") from error


def _identity_providers(organisations: tuple[Organisation, ...]) -> dict[str, object]:
    """Return allauth's settings for them. The ID token suffices: userinfo is not fetched."""
    apps = [
        {
            "provider_id": organisation.id,
            "name": organisation.name,
            "client_id": organisation.client_id,
            "secret": _file(organisation.client_secret_file) or organisation.client_secret,
            "settings": {
                "server_url": organisation.issuer,
                "fetch_userinfo": False,
                "oauth_pkce_enabled": True,
            },
        }
        for organisation in organisations
    ]
    return {"openid_connect": {"APPS": apps}}


private_files.close_umask()
DATA_DIR = Path(os.environ.get("STEMTIDE_DATA_DIR", "var/hub")).resolve()
private_files.claim(DATA_DIR, names=("hub.sqlite3*", "*.key", "seal.pem", "snapshots"))

SECRET_KEY = _secret("STEMTIDE_SECRET_KEY") or _stored_secret(DATA_DIR / "secret.key")
SECRET_KEY_PLACE = (
    os.environ.get("STEMTIDE_SECRET_KEY_FILE")
    or (os.environ.get("STEMTIDE_SECRET_KEY") and "STEMTIDE_SECRET_KEY")
    or str(DATA_DIR / "secret.key")
)
SECRET_KEY_FALLBACKS = _secret("STEMTIDE_OLD_SECRET_KEYS").split()
DEBUG = False
ALLOWED_HOSTS = os.environ.get("STEMTIDE_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "axes",
    "stemtide.hub.rooms.ledger",
    "stemtide.hub.rooms.parties",
    "stemtide.hub.rooms.signing",
    "stemtide.hub.rooms.crises",
    "stemtide.hub.rooms.exercises",
    "stemtide.hub.rooms.approvals",
    "stemtide.hub.rooms.allowlists",
    "stemtide.hub.rooms.signals",
    "stemtide.hub.rooms.stix",
    "stemtide.hub.rooms.exchanges",
    "stemtide.hub.rooms.situation",
    "stemtide.hub.rooms.media",
    "stemtide.hub.rooms.local_features",
    "stemtide.hub.rooms.private_matching",
    "stemtide.hub.rooms.referrals",
    "stemtide.hub.rooms.orders",
    "stemtide.hub.rooms.transparency",
    "stemtide.hub.rooms.propagation",
    "stemtide.hub.rooms.tasks",
    "stemtide.hub.rooms.rechecks",
    "stemtide.hub.rooms.complaints",
    "stemtide.hub.rooms.rights",
    "stemtide.hub.rooms.retention",
    "stemtide.hub.rooms.adoptions",
    "stemtide.hub.rooms.reports",
    "stemtide.hub.rooms.alerts",
    "stemtide.hub.rooms.webhooks",
    "stemtide.hub.desk",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.idp.oidc",
]

MIDDLEWARE = [
    "stemtide.hub.api.middleware.problem_responses",
    "django.middleware.security.SecurityMiddleware",
    "stemtide.hub.desk.middleware.CompressedPages",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "stemtide.hub.desk.auth.sessions.track_sessions",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "stemtide.hub.desk.middleware.safe_headers",
    "stemtide.hub.desk.auth.preferences.localise",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "stemtide.hub.urls"
ASGI_APPLICATION = "stemtide.hub.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]


def _database() -> DBConfig:
    """Return SQLite in the data directory, or the database of STEMTIDE_DATABASE_URL."""
    url = _secret("STEMTIDE_DATABASE_URL") or f"sqlite:///{DATA_DIR / 'hub.sqlite3'}"
    try:
        database = read_database_url(url)
    except ValueError as error:
        raise ImproperlyConfigured(
            "STEMTIDE_DATABASE_URL is not understood: write it as postgres://user:password@host/name,"
            " and several hosts as postgres://user:password@host1,host2/name"
        ) from error
    if database["ENGINE"] == "django.db.backends.sqlite3":
        private_files.close(private_files.of_sqlite(Path(database["NAME"])))
        database["OPTIONS"] = {
            # A transaction takes the write lock at its start, so that ledger numbers
            # become visible in order and a writer waits instead of failing half-way.
            "transaction_mode": "IMMEDIATE",
            "timeout": 60,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
            # Overwrite deleted rows: texts of leads, expired previews.
            "PRAGMA secure_delete=ON;",
        }
    return database


def _replica(primary: DBConfig) -> dict[str, DBConfig]:
    """Return the replica of STEMTIDE_REPLICA_URL, if it is set."""
    url = _secret("STEMTIDE_REPLICA_URL")
    if not url:
        return {}
    try:
        replica = read_database_url(url)
    except ValueError as error:
        raise ImproperlyConfigured(
            "STEMTIDE_REPLICA_URL is not understood: write it as postgres://user:password@host/name"
        ) from error
    if replica["ENGINE"] != primary["ENGINE"] or "sqlite" in primary["ENGINE"]:
        raise ImproperlyConfigured(
            "STEMTIDE_REPLICA_URL needs a hub on PostgreSQL, and a standby of its server"
        )
    options = replica.get("OPTIONS", {})
    limit = f"-c statement_timeout={READ_OF_REPLICA_S}s"  # ends what nobody waits for any more
    session = f"{options.get('options', '')} {limit} -c default_transaction_read_only=on"
    fixed = {"target_session_attrs": "any", "options": session.strip()}
    replica["OPTIONS"] = OPTIONS_OF_REPLICA | options | fixed
    return {"replica": replica}


DATABASES = {"default": _database()}
DATABASES |= _replica(DATABASES["default"])
STANDBYS = _whole_number("STEMTIDE_STANDBYS", 0, lowest=0)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "parties.Person"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "board"
LOGOUT_REDIRECT_URL = "sign-in"
SESSION_ENGINE = "stemtide.hub.platform.sessions"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_TIMEOUT = timedelta(minutes=_whole_number("STEMTIDE_IDLE_MINUTES", 120))
ACCEPT_MISSING_WALLS = _walls("STEMTIDE_ACCEPT_MISSING_WALLS")
SECOND_FACTOR_REQUIRED = _one_of("STEMTIDE_SECOND_FACTOR", "required", "offered") == "required"
ACCOUNT_ADAPTER = "stemtide.hub.desk.auth.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "sign-in"
# The lock of django-axes covers passwords and codes, in the database, for all processes.
ACCOUNT_RATE_LIMITS = False
ACCOUNT_FORMS = {"change_password": "stemtide.hub.desk.auth.factors.ChangePasswordForm"}
MFA_ADAPTER = "stemtide.hub.desk.auth.accounts.FactorAdapter"
MFA_FORMS = {
    "authenticate": "stemtide.hub.desk.auth.factors.CodeForm",
    "reauthenticate": "stemtide.hub.desk.auth.factors.CodeAgainForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # people are added by somebody who knows their address
MFA_TOTP_TOLERANCE = 1  # a code may be typed slowly; each is good once
MFA_RATE_LIMITS = {"webauthn_login": "60/m/ip"}
ORGANISATIONS = _organisations()
SOCIALACCOUNT_ADAPTER = "stemtide.hub.desk.auth.accounts.OrganisationAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = (
    True  # form-action of our CSP forbids redirects to other sites after a form
)
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = ""
SOCIALACCOUNT_PROVIDERS = _identity_providers(ORGANISATIONS)
# allauth keeps authorization codes and its rate limits in the cache: all processes share it.
CACHES = {"default": {"BACKEND": "stemtide.hub.rooms.parties.shared_cache.SharedCache"}}
IDP_OIDC_ADAPTER = "stemtide.hub.desk.auth.review_pages.ReviewPageAdapter"
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = 60  # nothing here takes the tokens: the ID token suffices
IDP_OIDC_REFRESH_TOKEN_EXPIRES_IN = 60
AXES_HANDLER = "stemtide.hub.desk.auth.locks.SignInLock"
AXES_FAILURE_LIMIT = people.FAILURES
AXES_COOLOFF_TIME = people.LOCKED_FOR
# Attempts at a locked account are not counted, so that they do not prolong the lock.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True  # do not store who signed in from where and when
AXES_SENSITIVE_PARAMETERS = ["code", "oldpassword", "password1", "password2"]
AXES_LOCKOUT_TEMPLATE = "desk/locked_out.html"
# The form's field, not the model's: otherwise failures are counted for nobody in particular,
# and the right password opens a locked door.
AXES_USERNAME_FORM_FIELD = "username"
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
AXES_CLIENT_IP_CALLABLE = "stemtide.hub.desk.auth.locks.network_of_caller"

ROLES = _roles("STEMTIDE_ROLES")
RATES = _numbers("STEMTIDE_RATES", DEFAULT_QUOTAS)
STREAMS = _numbers("STEMTIDE_STREAMS", {"key": 100, "party": 1000, "total": 5000})
ALERTING_ACTS = _numbers(
    "STEMTIDE_ALERTING_ACTS", {str(act): limit for act, limit in HOURLY_LIMITS.items()}
)
LONG_VALUE_BYTES_A_DAY = 1_000_000 * _whole_number("STEMTIDE_LONG_VALUES_MB_A_DAY", 4_000)
REFUSED_VALUES_FILE = os.environ.get("STEMTIDE_REFUSED_VALUES_FILE", "")
NEIGHBOURS_FILE = os.environ.get("STEMTIDE_NEIGHBOURS_FILE", "")
MIN_FREE_MB = _whole_number("STEMTIDE_MIN_FREE_MB", 100)
MEDIA_KEY_FILE = Path(os.environ.get("STEMTIDE_MEDIA_KEY_FILE") or DATA_DIR / "media.key")
SEGMENTS_FOLDER = Path(os.environ.get("STEMTIDE_SEGMENTS_FOLDER") or DATA_DIR / "segments")
SIGNING_KEY_FILE = Path(os.environ.get("STEMTIDE_SIGNING_KEY_FILE") or DATA_DIR / "signing.key")
LOG_LAG_HOURS = _whole_number("STEMTIDE_LOG_LAG_HOURS", 24, lowest=0)
MEDIA_MAX_DAYS = _whole_number("STEMTIDE_MEDIA_MAX_DAYS", 14)
SEAL_FILE = os.environ.get("STEMTIDE_SEAL_FILE", "")
SEAL_PASSWORD = _secret("STEMTIDE_SEAL_PASSWORD")
SEAL_TRUST_FILE = os.environ.get("STEMTIDE_SEAL_TRUST_FILE", "")
SEAL_PARTIES_FILE = os.environ.get("STEMTIDE_SEAL_PARTIES_FILE", "")
AUTHORITIES_FILE = os.environ.get("STEMTIDE_AUTHORITIES_FILE", "")
TIMESTAMP_URL = os.environ.get("STEMTIDE_TIMESTAMP_URL", "")
TIMESTAMP_TRUST_FILE = os.environ.get("STEMTIDE_TIMESTAMP_TRUST_FILE", "")
TIMESTAMP_LOOPBACK = _is_on("STEMTIDE_TIMESTAMP_LOOPBACK")
if TIMESTAMP_URL and not TIMESTAMP_TRUST_FILE:
    raise ImproperlyConfigured(
        "STEMTIDE_TIMESTAMP_URL is set: name the certificates of this time stamp authority in"
        " STEMTIDE_TIMESTAMP_TRUST_FILE"
    )
HUB_ADDRESS = os.environ.get("STEMTIDE_ADDRESS", "").rstrip("/")
WEBHOOK_LOOPBACK = _is_on("STEMTIDE_WEBHOOK_LOOPBACK")
EXCHANGE_LOOPBACK = _is_on("STEMTIDE_EXCHANGE_LOOPBACK")
RECHECKS = _one_of("STEMTIDE_RECHECKS", "on", "off") == "on"
WITNESS_LOOPBACK = _is_on("STEMTIDE_WITNESS_LOOPBACK")
RECHECK_LOOPBACK = _is_on("STEMTIDE_RECHECK_LOOPBACK")


_MAIL_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


def _mail_server() -> SplitResult:
    """Parse STEMTIDE_MAIL_URL: smtp:// (STARTTLS), smtps:// (TLS), smtp+plain://; "": no mail."""
    url = _secret("STEMTIDE_MAIL_URL")
    remedy = "write STEMTIDE_MAIL_URL as smtp://user:password@host:587, or smtps:// for TLS"
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is not a number
    except ValueError as error:
        raise ImproperlyConfigured(remedy) from error
    if url and (not parts.hostname or parts.scheme not in _MAIL_PORTS):
        raise ImproperlyConfigured(remedy)
    return parts


_mail = _mail_server()
EMAIL_HOST: str = _mail.hostname or ""
EMAIL_PORT: int = _mail.port or _MAIL_PORTS.get(_mail.scheme, 0)
EMAIL_HOST_USER: str = unquote(_mail.username or "")
EMAIL_HOST_PASSWORD: str = unquote(_mail.password or "")
EMAIL_USE_TLS = _mail.scheme == "smtp"
EMAIL_USE_SSL = _mail.scheme == "smtps"
MAIL_IS_RECEIPT = _is_on("STEMTIDE_MAIL_IS_RECEIPT")
DEFAULT_FROM_EMAIL = os.environ.get("STEMTIDE_MAIL_FROM", "stemtide@localhost")

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("nl", "Nederlands"), ("fr", "Français"), ("de", "Deutsch")]
LOCALE_PATHS = [Path(__file__).parent / "locale"]
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_ADD_HEADERS_FUNCTION = add_static_headers
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "stemtide.hub.platform.uploads.MemoryUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

_https = _is_on("STEMTIDE_HTTPS")
TRUSTED_PROXIES = _proxies("STEMTIDE_TRUSTED_PROXIES")
READS_CLIENT_CERTIFICATES = _is_on("STEMTIDE_CLIENT_CERTIFICATES")
if READS_CLIENT_CERTIFICATES and not TRUSTED_PROXIES:
    raise ImproperlyConfigured(
        "STEMTIDE_CLIENT_CERTIFICATES is on, and STEMTIDE_TRUSTED_PROXIES names no proxy that "
        "passes them on: name the proxy's address"
    )
# Behind a proxy that is not configured, every caller has the proxy's address: locking it would lock
# out everybody.
NETWORKS_ARE_KNOWN = bool(TRUSTED_PROXIES) or not _https
# The prefix makes browsers refuse the cookie from plain HTTP, from subdomains and for other paths
# (RFC 6265bis, section 4.1.3.2), so it is used where the cookie is Secure.
COOKIE_PREFIX = "__Host-" if _https else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
LANGUAGE_COOKIE_NAME = f"{COOKIE_PREFIX}django_language"
MESSAGE_STORAGE = "stemtide.hub.desk.message_cookie.MessageStorage"
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
CSRF_COOKIE_HTTPONLY = True  # forms carry the token; no script of the desk reads the cookie
SECURE_SSL_REDIRECT = False  # the proxy in front does that
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SESSION_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [
    origin for origin in os.environ.get("STEMTIDE_ORIGINS", "").split(",") if origin
]
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        LogFormat.TEXT: {"()": "stemtide.logs.TextFormatter"},
        LogFormat.JSON: {"()": "stemtide.logs.JsonFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": _one_of("STEMTIDE_LOG_FORMAT", LogFormat.TEXT, LogFormat.JSON),
        }
    },
    # Client errors are in the response and counted in /metrics; a log of them could be flooded.
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "ERROR"},
        "django.security.csrf": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "axes": {"level": "ERROR"},  # it would log mail addresses and networks of failed tries
    },
    "root": {"handlers": ["stderr"], "level": os.environ.get("STEMTIDE_LOG_LEVEL", "WARNING")},
}
