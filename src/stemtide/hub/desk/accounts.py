# SPDX-License-Identifier: Apache-2.0
"""What allauth asks us while somebody signs in: no door for strangers."""

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

from stemtide.hub import networks
from stemtide.hub.desk.refusals import in_words
from stemtide.hub.parties import reads, reads_people, rules_openid, writes_people
from stemtide.hub.parties.reads import Someone
from stemtide.hub.parties.rules import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.parties.rules_people import needs_second_factor
from stemtide.protocol.words import Role

_RECENTLY_S = 300

_SAID = {
    "account/messages/password_changed.txt": _(
        "Your password is changed. You are signed out everywhere else."
    ),
    "mfa/messages/totp_activated.txt": _("Codes from your app are asked for from now on."),
    "mfa/messages/totp_deactivated.txt": _("Codes from your app are no longer asked for."),
    "mfa/messages/webauthn_added.txt": _("The passkey is kept."),
    "mfa/messages/webauthn_removed.txt": _("The passkey is removed."),
    "mfa/messages/recovery_codes_generated.txt": _("New recovery codes are made."),
}
"""What the desk says of allauth's acts; of the others it says nothing."""


def organisation(provider: str) -> rules_openid.Organisation | None:
    """The organisation whose identity provider this is."""
    found: tuple[rules_openid.Organisation, ...] = settings.ORGANISATIONS
    return next((one for one in found if one.id == provider), None)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Signing in."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "incorrect_password": _("This is not your password. Try again."),
        "too_many_login_attempts": _("Too many tries. Wait a few minutes."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002  # allauth's signature
        """Nobody adds themselves."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return what allauth's limits count by: the caller's network."""
        return networks.network_of(str(request.META.get("REMOTE_ADDR", ""))) or "unknown"

    def respond_user_inactive(
        self,
        request: HttpRequest,
        user: Someone,  # noqa: ARG002  # allauth's signature
    ) -> HttpResponseBase:
        """Whoever is deactivated is told no more than a stranger."""
        messages.error(request, gettext("This did not open the desk. Try again, or another way."))
        return redirect("sign-in")

    def reauthenticate(self, user: Someone, password: str) -> bool:
        """Whether this is the person's password; wrong ones count towards the lock."""
        found = authenticate(context.request, username=user.email, password=password)
        return found is not None and found.pk == user.pk

    def is_reauthentication_required(self, *, app: str, **facts: object) -> bool:
        """Whoever signed in a moment ago need not say again who they are."""
        records = get_authentication_records(context.request, context.request.user)
        if any(time.time() - record["at"] < _RECENTLY_S for record in records):
            return False
        required: bool = super().is_reauthentication_required(app=app, **facts)
        return required

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        *_given: object,
        **facts: object,
    ) -> None:
        """Say what happened in our words, or nothing."""
        said = _SAID.get(message_template or "") or facts.get("message")
        if said:
            messages.add_message(request, level, str(said))


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Second factors."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This code is wrong, was used, or is too old. Try the next one."),
        "cannot_delete_authenticator": _(
            "Your role needs a second factor: set up another one before you remove this one."
        ),
    }

    def get_totp_issuer(self) -> str:
        """What an app shows beside the codes."""
        return "Stemtide"

    def can_delete_authenticator(self, authenticator) -> bool:  # type: ignore[no-untyped-def]  # noqa: ANN001  # allauth has no types
        """Whose role needs a second factor removes one only while there is another."""
        person = authenticator.user
        if not settings.SECOND_FACTOR_REQUIRED or not needs_second_factor(Role(person.role)):
            return True
        kinds = authenticator.Type
        rest = type(authenticator).objects.filter(user=person).exclude(pk=authenticator.pk)
        return bool(rest.exclude(type=kinds.RECOVERY_CODES).exists())

    def encrypt(self, text: str) -> str:
        """Keep secrets unreadable for whoever has the database, but not the hub's own secret."""
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret again."""
        return _box().decrypt(encrypted_text.encode()).decode()


class OrganisationAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Identity providers of organisations."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: object) -> bool:  # noqa: ARG002  # allauth's signature
        """Nobody adds themselves."""
        return False

    def on_authentication_error(
        self, request: HttpRequest, *_given: object, **_facts: object
    ) -> None:
        """Whatever went wrong on the way there and back, the sign-in page says so."""
        messages.error(
            request, gettext("Signing in with your organisation did not work. Try again.")
        )
        raise ImmediateHttpResponse(redirect("sign-in"))

    def pre_social_login(self, request: HttpRequest, sociallogin) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  # allauth has no types
        """Let in whom this provider may vouch for.

        1. The provider is one of ours, and somebody signs in with it (and does nothing else).
        2. The mail address is of its domains, and not said to be unverified.
        3. The person was added to the party for which it speaks, or is added now, to read only.
        4. The person, however they were found, is of that party.
        """
        account, now = sociallogin.account, datetime.now(UTC)
        claims = account.extra_data.get("id_token") or {}
        account.extra_data = {}
        said = rules_openid.Claims(
            email=str(claims.get("email") or "").strip().lower(),
            is_verified=claims.get("email_verified"),
        )
        try:
            person = _let_in(sociallogin, said=said, now=now)
        except (NotAllowedError, NotFoundError, ConflictError, InvalidError) as error:
            messages.error(request, in_words(error))
            raise ImmediateHttpResponse(redirect("sign-in")) from error
        if sociallogin.is_existing:
            writes_people.forget_claims(account.pk)
            return
        sociallogin.email_addresses = []
        sociallogin.connect(request, person)
        writes_people.tie_account(person, provider=account.provider, now=now)


def _let_in(sociallogin, *, said: rules_openid.Claims, now: datetime) -> Someone:  # type: ignore[no-untyped-def]  # noqa: ANN001  # allauth has no types
    """Whom an identity provider signs in, by the four steps above.

    raises: NotAllowedError, NotFoundError, ConflictError, InvalidError.
    """
    provider = sociallogin.account.provider
    asked = organisation(provider)
    if asked is None or sociallogin.state.get("process") not in {None, "login"}:
        raise NotAllowedError(gettext("This identity provider is not known here."))
    rules_openid.check_claims(said, organisation=asked)
    if sociallogin.is_existing:
        person: Someone = sociallogin.user
    else:
        person = _vouched_for(said.email, organisation=asked, now=now)
        if reads_people.is_tied(viewer=person, provider=provider):
            raise ConflictError(
                gettext(
                    "You were known by another account of your organisation: ask an"
                    " administrator of your party to remove your second factors."
                )
            )
    rules_openid.check_speaks_for(person.party.name, organisation=asked)
    return person


def _vouched_for(email: str, *, organisation: rules_openid.Organisation, now: datetime) -> Someone:
    """The person of the organisation's party with this address.

    raises: NotAllowedError, NotFoundError for a party that is not there, ConflictError.
    """
    by = f"openid:{organisation.id}"
    party = reads.party_named(organisation.party, by=by)
    person = reads_people.colleague(email=email, party=party)
    if person is None and organisation.adds_observers:
        person = writes_people.add_observer(email, party=party, actor=by, now=now)
    if person is None:
        raise NotAllowedError(
            gettext(
                "Your organisation knows you, but its administrator has not added you here:"
                " ask them to."
            )
        )
    return person


def _box() -> Fernet:
    """What secrets are kept in: a key made from the hub's own secret, for this use alone."""
    key = hashlib.sha256(b"stemtide second factors " + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
