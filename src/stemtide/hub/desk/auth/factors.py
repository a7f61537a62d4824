# SPDX-License-Identifier: Apache-2.0
"""Second factors: app codes, passkeys, recovery codes, and authenticating again."""

from datetime import UTC, datetime
from typing import Any

from allauth.account.forms import ChangePasswordForm as AllauthChangePasswordForm
from allauth.account.views import PasswordChangeView
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.views import AddWebAuthnView, RemoveWebAuthnView
from django.contrib.auth.decorators import login_required
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from stemtide.hub.desk.auth import sessions
from stemtide.hub.desk.auth.accounts import AccountAdapter
from stemtide.hub.desk.auth.locks import is_locked
from stemtide.hub.rooms.parties.writes import (
    locks,
    people,
    sessions as sessions_writes,
)


class _LockedForm:
    """A form for codes; wrong codes count towards the same lock as wrong passwords."""

    user: Any
    authenticator: Any

    def clean_code(self) -> str:
        """Return the code if it is right, unused, and attempts are allowed.

        1. If the account or network is locked, or the hour's attempts are used up, nothing is
        checked.
        2. The attempt is counted before the code is checked, so that parallel requests gain
        nothing.
        3. A wrong code stays counted, and counts towards the lock as well.
        """
        request = context.request
        number = None
        if not is_locked(request, self.user.email):
            number = locks.begin_code(self.user, now=datetime.now(UTC))
        if number is None:
            request.axes_locked_out = True
            request.axes_credentials = {"username": self.user.email}
            raise ValidationError(_("Too many tries."))
        try:
            code = str(super().clean_code())  # type: ignore[misc]  # mixin of allauth's form
            self._check_unused(code)
        except ValidationError:
            user_login_failed.send(
                sender=__name__, credentials={"username": self.user.email}, request=request
            )
            raise
        locks.forget_code(number)
        return code

    def _check_unused(self, code: str) -> None:
        """Refuse an app code that was used before; allauth does so for recovery codes."""
        factor = self.authenticator
        if factor.type != factor.Type.TOTP:
            return
        secret = decrypt(factor.data["secret"])
        digits = "".join(character for character in code if character.isdigit())
        steps = [
            step
            for step in yield_hotp_counters_from_time()
            if format_hotp_value(hotp_value(secret, step)) == digits
        ]
        if not steps or not people.use_code(factor.pk, step=max(steps)):
            raise ValidationError(_("This code was used. Wait for the next one."))


class CodeForm(_LockedForm, AuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code that is asked for while signing in."""


class CodeAgainForm(_LockedForm, ReauthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code that is asked for before a sensitive action."""


class _RecordedFactorChange:
    """A view that changes a second factor and records the change in the ledger."""

    factor_kind = ""
    request: Any

    def form_valid(self, form: Form) -> HttpResponse:
        """Make the change, and record it."""
        response: HttpResponse = super().form_valid(form)  # type: ignore[misc]  # mixin of allauth's view
        people.record_factor(self.request.user, factor=self.factor_kind, now=datetime.now(UTC))
        return response


class SetUpCodes(_RecordedFactorChange, ActivateTOTPView):  # type: ignore[misc]  # allauth has no types
    """Set up an authenticator app."""

    factor_kind = "code"


class RemoveCodes(_RecordedFactorChange, DeactivateTOTPView):  # type: ignore[misc]  # allauth has no types
    """Remove the authenticator app."""

    factor_kind = "code"


class AddPasskey(_RecordedFactorChange, AddWebAuthnView):  # type: ignore[misc]  # allauth has no types
    """Add a passkey."""

    factor_kind = "passkey"


class RemovePasskey(_RecordedFactorChange, RemoveWebAuthnView):  # type: ignore[misc]  # allauth has no types
    """Remove a passkey."""

    factor_kind = "passkey"


class NewPaperCodes(_RecordedFactorChange, GenerateRecoveryCodesView):  # type: ignore[misc]  # allauth has no types
    """Generate new recovery codes, which replace the old ones."""

    factor_kind = "codes"


class ChangePasswordForm(AllauthChangePasswordForm):  # type: ignore[misc]  # allauth has no types
    """The old password and a new one."""

    def clean_oldpassword(self) -> str:
        """Return the old password if it is right; a wrong one counts towards the lock."""
        password = str(self.cleaned_data["oldpassword"])
        if not AccountAdapter().reauthenticate(self.user, password):
            raise AccountAdapter().validation_error("enter_current_password")
        return password


class ChangePassword(PasswordChangeView):  # type: ignore[misc]  # allauth has no types
    """Change one's password; all other sessions end."""

    def dispatch(self, request: HttpRequest, *args: object, **named: object) -> HttpResponse:
        """Redirect people who sign in through their organisation: they have no password."""
        if not self.request.user.has_usable_password():
            return redirect("you")
        response: HttpResponse = super().dispatch(request, *args, **named)
        return response

    def form_valid(self, form: Form) -> HttpResponse:
        """Change the password, record it, and end the person's other sessions."""
        response: HttpResponse = super().form_valid(form)
        person, now = self.request.user, datetime.now(UTC)
        people.record_password(person, now=now)
        sessions_writes.end_other_sessions(sessions.number(self.request), person=person, now=now)
        return response


change_password = login_required(ChangePassword.as_view())
