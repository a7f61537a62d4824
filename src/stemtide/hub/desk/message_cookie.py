# SPDX-License-Identifier: Apache-2.0
"""The cookie that carries a message to the next page, named like the desk's other cookies."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class MessageCookie(CookieStorage):
    """Django's signed message cookie, with the prefix of the settings."""

    cookie_name = f"{settings.COOKIE_PREFIX}messages"


class MessageStorage(FallbackStorage):
    """Messages in the cookie, or in the session if they are too long for it."""

    storage_classes = (MessageCookie, SessionStorage)
