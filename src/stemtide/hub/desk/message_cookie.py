# SPDX-License-Identifier: Apache-2.0
"""The cookie that carries a message to the next page, named as the desk's other cookies are."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class MessageCookie(CookieStorage):
    """Django's signed cookie, with the prefix of the settings."""

    cookie_name = f"{settings.COOKIE_PREFIX}messages"


class MessageStorage(FallbackStorage):
    """The cookie; what is too long for it goes into the session."""

    storage_classes = (MessageCookie, SessionStorage)
