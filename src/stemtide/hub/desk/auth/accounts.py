# SPDX-License-Identifier: Apache-2.0
"""Adapters for django-allauth: sign-in, second factors, identity providers of organisations."""

import base64
import hashlib
import time
from datetime import UTC, datetime

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext, gettext_lazy as _

from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.platform import networks
from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    SuspendedError,
)
from stemtide.hub.rooms.parties.reads import parties as reads, people, suspensions
from stemtide.hub.rooms.parties.reads.parties import Someone
from stemtide.hub.rooms.parties.rules import openid
from stemtide.hub.rooms.parties.rules.people import needs_second_factor
from stemtide.hub.rooms.parties.writes import people as people_writes
from stemtide.protocol.enums import Role

_RECENTLY_S = 300

_MESSAGES = {
    "account/messages/password_changed.txt": _(
        "Your password is changed. You are signed out everywhere else."
    ),
    "mfa/messages/totp_activated.txt": _(
        "Authenticator app set up. You will be asked for its codes."
    ),
    "mfa/messages/totp_deactivated.txt": _("Authenticator app removed."),
    "mfa/messages/webauthn_added.txt": _("Passkey added."),
    "mfa/messages/webauthn_removed.txt": _("The passkey is removed."),
    "mfa/messages/recovery_codes_generated.txt": _("New recovery codes created."),
}
"""The desk's texts for allauth's messages; messages that are not listed are not shown."""


def organisation(provider: str) -> openid.Organisation | None:
    """Return the organisation that a configured identity provider belongs to, or None."""
    organisations: tuple[openid.Organisation, ...] = settings.ORGANISATIONS
    return next((candidate for candidate in organisations if candidate.id == provider), None)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Signing in with a password: no sign-up, attempts limited per network."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "incorrect_password": _("This is not your password. Try again."),
        "too_many_login_attempts": _("Too many tries. Wait a few minutes."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002  # allauth's signature
        """Whether people may create their own account: never."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the caller's network, which is the key of allauth's rate limits."""
        return networks.network_of(str(request.META.get("REMOTE_ADDR", ""))) or "unknown"

    def respond_user_inactive(
        self,
        request: HttpRequest,
        user: Someone,  # noqa: ARG002  # allauth's signature
    ) -> HttpResponseBase:
        """Show a deactivated person the same message as an unknown person."""
        messages.error(request, gettext("Sign-in failed. Try again, or sign in another way."))
        return redirect("sign-in")

    def pre_login(self, request: HttpRequest, user: Someone, **hooks: object) -> object:
        """Refuse people of a suspended party, by whichever method they sign in, and say why."""
        try:
            suspensions.check_not_suspended(user.party)
        except SuspendedError as error:
            messages.error(request, error_text(error))
            return redirect("sign-in")
        return super().pre_login(request, user, **hooks)

    def reauthenticate(self, user: Someone, password: str) -> bool:
        """Whether the password is the person's; wrong passwords count towards the lock."""
        person = authenticate(context.request, username=user.email, password=password)
        return person is not None and person.pk == user.pk

    def is_reauthentication_required(self, *, app: str, **options: object) -> bool:
        """Whether to ask for the password again: not within five minutes of the last time."""
        records = get_authentication_records(context.request, context.request.user)
        if any(time.time() - record["at"] < _RECENTLY_S for record in records):
            return False
        required: bool = super().is_reauthentication_required(app=app, **options)
        return required

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        *_args: object,
        **options: object,
    ) -> None:
        """Show the desk's own text for an allauth message, or nothing if it has none."""
        text = _MESSAGES.get(message_template or "") or options.get("message")
        if text:
            messages.add_message(request, level, str(text))


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Second factors: codes of an app, passkeys, recovery codes."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This code is wrong, was used, or is too old. Try the next one."),
        "cannot_delete_authenticator": _(
            "Your role needs a second factor: set up another one before you remove this one."
        ),
    }

    def get_totp_issuer(self) -> str:
        """Return the name that an authenticator app shows above the codes."""
        return "Stemtide"

    def can_delete_authenticator(self, authenticator) -> bool:  # type: ignore[no-untyped-def]  # noqa: ANN001  # allauth has no types
        """Whether a factor may be removed: the last one only if the role needs no second factor."""
        person = authenticator.user
        if not settings.SECOND_FACTOR_REQUIRED or not needs_second_factor(Role(person.role)):
            return True
        kinds = authenticator.Type
        rest = type(authenticator).objects.filter(user=person).exclude(pk=authenticator.pk)
        return bool(rest.exclude(type=kinds.RECOVERY_CODES).exists())

    def encrypt(self, text: str) -> str:
        """Encrypt a factor's secret, so that it cannot be read with the database alone."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a factor's secret."""
        return _cipher().decrypt(encrypted_text.encode()).decode()


class OrganisationAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Signing in through an organisation's identity provider (OpenID Connect)."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: object) -> bool:  # noqa: ARG002  # allauth's signature
        """Whether people may create their own account: never."""
        return False

    def on_authentication_error(
        self, request: HttpRequest, *_args: object, **_facts: object
    ) -> None:
        """Return to the sign-in page with an error message."""
        messages.error(
            request, gettext("Signing in with your organisation did not work. Try again.")
        )
        raise ImmediateHttpResponse(redirect("sign-in"))

    def pre_social_login(self, request: HttpRequest, sociallogin) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  # allauth has no types
        """Sign in the person that an identity provider names, if it may do so.

        1. The provider is configured, and the request is for signing in and nothing else.
        2. The mail address is in one of its domains and not marked as unverified.
        3. The person is in the provider's party already, or is added now as an observer.
        4. The person, however they were found, belongs to that party.
        """
        account, now = sociallogin.account, datetime.now(UTC)
        claims = account.extra_data.get("id_token") or {}
        account.extra_data = {}
        stated = openid.Claims(
            email=str(claims.get("email") or "").strip().lower(),
            is_verified=claims.get("email_verified"),
        )
        try:
            person = _person_signing_in(sociallogin, stated=stated, now=now)
        except (NotAllowedError, NotFoundError, ConflictError, InvalidError) as error:
            messages.error(request, error_text(error))
            raise ImmediateHttpResponse(redirect("sign-in")) from error
        if sociallogin.is_existing:
            people_writes.forget_claims(account.pk)
            return
        sociallogin.email_addresses = []
        sociallogin.connect(request, person)
        people_writes.link_account(person, provider=account.provider, now=now)


def _person_signing_in(sociallogin, *, stated: openid.Claims, now: datetime) -> Someone:  # type: ignore[no-untyped-def]  # noqa: ANN001  # allauth has no types
    """Return the person that an identity provider signs in, by the four steps above.

    raises: NotAllowedError, NotFoundError, ConflictError, InvalidError.
    """
    provider = sociallogin.account.provider
    configured = organisation(provider)
    if configured is None or sociallogin.state.get("process") not in {None, "login"}:
        raise NotAllowedError(gettext("This identity provider is not known here."))
    openid.check_claims(stated, organisation=configured)
    if sociallogin.is_existing:
        person: Someone = sociallogin.user
    else:
        person = _colleague_of_organisation(stated.email, organisation=configured, now=now)
        if people.is_linked(viewer=person, provider=provider):
            raise ConflictError(
                gettext(
                    "You were known by another account of your organisation: ask an"
                    " administrator of your party to remove your second factors."
                )
            )
    openid.check_speaks_for(person.party.name, organisation=configured)
    return person


def _colleague_of_organisation(
    email: str, *, organisation: openid.Organisation, now: datetime
) -> Someone:
    """Return the person with this address in the organisation's party; add them if it may.

    raises: NotAllowedError, NotFoundError for a party that is not there, ConflictError.
    """
    actor = f"openid:{organisation.id}"
    party = reads.party(organisation.party)
    person = people.colleague(email=email, party=party)
    if person is None and organisation.adds_observers:
        person = people_writes.add_observer(email, party=party, actor=actor, now=now)
    if person is None:
        raise NotAllowedError(
            gettext(
                "Your organisation knows you, but its administrator has not added you here:"
                " ask them to."
            )
        )
    return person


def _cipher() -> Fernet:
    """Return the cipher for factors' secrets; its key is derived from the hub's SECRET_KEY."""
    key = hashlib.sha256(b"stemtide second factors " + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
