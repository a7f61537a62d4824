# SPDX-License-Identifier: Apache-2.0
"""Sessions at rest and the cookies that open them."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session
from django.test import Client

from stemtide.hub.platform.sessions import SessionStore, stored_key
from tests.hub.desk.conftest import PASSWORD
from tests.rounds import at_night

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

_COOKIES = """
import django
django.setup()
from django.conf import settings
from stemtide.hub.desk.message_cookie import MessageCookie
for name in ("SESSION", "CSRF", "LANGUAGE"):
    print(getattr(settings, f"{name}_COOKIE_NAME"), getattr(settings, f"{name}_COOKIE_PATH"),
          getattr(settings, f"{name}_COOKIE_DOMAIN"))
print(MessageCookie.cookie_name, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE)
"""


@pytest.fixture
def signed_in(world):
    world.person("provider")
    client = Client()
    client.post("/sign-in", {"username": "analyst@provider.example", "password": PASSWORD})
    assert client.get("/").status_code == 200
    return client


def test_a_copy_of_the_database_signs_nobody_in(signed_in):
    """Every key of the session table is sent as a cookie: none opens the desk."""
    for key in Session.objects.values_list("session_key", flat=True):
        thief = Client()
        thief.cookies["sessionid"] = key
        assert thief.get("/").status_code == 302
    assert signed_in.get("/").status_code == 200


def test_the_cookie_is_not_in_the_database(signed_in):
    value = signed_in.cookies["sessionid"].value
    assert value not in str(list(Session.objects.values()))
    assert Session.objects.filter(session_key=stored_key(value)).exists()


def test_a_session_of_the_time_before_digests_is_over(signed_in):
    value = signed_in.cookies["sessionid"].value
    Session.objects.update(session_key=value)
    assert signed_in.get("/").status_code == 302


def test_a_session_ends_with_its_time(signed_in):
    Session.objects.update(expire_date=datetime.now(UTC) - timedelta(seconds=1))
    assert signed_in.get("/").status_code == 302
    SessionStore.clear_expired()
    assert not Session.objects.exists()


def test_signing_out_deletes_the_row(signed_in):
    signed_in.post("/sign-out")
    assert not Session.objects.exists()


def test_a_changed_key_leaves_one_row_with_the_same_content():
    store = SessionStore()
    store["what"] = "kept"
    store.save()
    before = store.session_key
    store.cycle_key()
    assert SessionStore(store.session_key)["what"] == "kept"
    assert "what" not in SessionStore(before)
    assert Session.objects.count() == 1


def test_a_session_that_was_ended_elsewhere_is_not_written_again(signed_in):
    """A request under way must not bring a session back that was deleted meanwhile."""
    from django.contrib.sessions.backends.base import UpdateError

    store = SessionStore(signed_in.cookies["sessionid"].value)
    store["what"] = "late"
    Session.objects.all().delete()
    with pytest.raises(UpdateError):
        store.save()


def test_streams_read_the_same_sessions():
    async_to_sync(_use_as_streams_do)()
    assert not Session.objects.exists()


async def _use_as_streams_do():
    store = SessionStore()
    await store.aset("what", "kept")
    await store.asave()
    key = store.session_key
    assert await SessionStore(key).aget("what") == "kept"
    assert await SessionStore().aexists(key)
    await store.acycle_key()
    assert await SessionStore(key).aget("what") is None
    await store.adelete()


@at_night
@pytest.mark.parametrize(("https", "prefix"), [("1", "__Host-"), ("", "")])
def test_cookies_under_https_are_bound_to_the_host(tmp_path, https, prefix):
    """With the prefix, browsers refuse a cookie that has a domain or another path."""
    printed = subprocess.run(
        [sys.executable, "-c", _COOKIES],
        env=os.environ
        | {
            "STEMTIDE_DATA_DIR": str(tmp_path),
            "STEMTIDE_HTTPS": https,
            "DJANGO_SETTINGS_MODULE": "stemtide.hub.settings",
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert printed == [
        f"{prefix}sessionid / None",
        f"{prefix}csrftoken / None",
        f"{prefix}django_language / None",
        f"{prefix}messages {bool(https)} {bool(https)}",
    ]


def test_no_script_reads_a_cookie_of_the_desk(signed_in):
    stranger = Client()
    stranger.get("/sign-in?language=de")
    cookies = signed_in.cookies | stranger.cookies
    assert {
        name: (cookie["httponly"], cookie["samesite"], cookie["max-age"])
        for name, cookie in cookies.items()
    } == {
        "sessionid": (True, "Lax", 43_200),
        "csrftoken": (True, "Lax", 31_449_600),
        "django_language": (True, "Lax", ""),
    }
