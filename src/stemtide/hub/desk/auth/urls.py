# SPDX-License-Identifier: Apache-2.0
"""URLs of signing in and of one's own account. Other allauth views have no URL.

Some have two names: the desk's, and the name by which allauth looks for them.
"""

from allauth.account.views import reauthenticate
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes.views import view_recovery_codes
from allauth.mfa.webauthn import views as passkey
from allauth.socialaccount.providers.openid_connect import views as openid
from django.contrib.auth.decorators import login_required
from django.urls import path

from stemtide.hub.desk.auth import (
    account,
    factors,
    preferences,
    review_pages,
    set_up,
    sign_in,
)

urlpatterns = [
    path("sign-in", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-in", sign_in.SignIn.as_view(), name="account_login"),
    path("sign-in/code", factor.authenticate, name="mfa_authenticate"),
    path("sign-in/passkey", passkey.login_webauthn, name="mfa_login_webauthn"),
    path("sign-in/with/<slug:provider_id>", openid.login, name="openid_connect_login"),
    path("sign-in/with/<slug:provider_id>/back", openid.callback, name="openid_connect_callback"),
    path(
        ".well-known/openid-configuration", review_pages.configuration, name="openid-configuration"
    ),
    path("openid/keys", review_pages.keys, name="openid-keys"),
    path("openid/authorize", review_pages.authorize, name="openid-authorize"),
    path("openid/token", review_pages.token, name="openid-token"),
    path("sign-out", sign_in.SignOut.as_view(), name="sign-out"),
    path("invited/<str:secret>", sign_in.invited, name="invited"),
    path("set-up", set_up.set_up, name="set-up"),
    path("set-up/<str:secret>", set_up.link, name="set-up-link"),
    path("you", account.you, name="you"),
    path("you", account.you, name="mfa_index"),
    path("you/name", account.change_name, name="own-name"),
    path("you", account.you, name="mfa_list_webauthn"),
    path("you/preferences", preferences.preferences, name="preferences"),
    path("you/password", factors.change_password, name="account_change_password"),
    path("you/again", login_required(reauthenticate), name="account_reauthenticate"),
    path("you/again/code", factor.reauthenticate, name="mfa_reauthenticate"),
    path("you/again/key", passkey.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("you/codes", factors.SetUpCodes.as_view(), name="mfa_activate_totp"),
    path("you/codes/remove", factors.RemoveCodes.as_view(), name="mfa_deactivate_totp"),
    path("you/paper", view_recovery_codes, name="mfa_view_recovery_codes"),
    path("you/paper/new", factors.NewPaperCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("you/passkeys/new", factors.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path(
        "you/passkeys/<int:pk>/remove", factors.RemovePasskey.as_view(), name="mfa_remove_webauthn"
    ),
    path("you/sittings/end", account.end_sitting, name="sitting-end"),
]
