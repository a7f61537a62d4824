# SPDX-License-Identifier: Apache-2.0
"""Signing in to the review page at an OpenID provider of one's own: who gets in, and what not."""

import asyncio
import re
import sqlite3
import time
from contextlib import closing
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from stemtide.agent.config.review import OpenIdSettings, ReviewSettings, SignInBy
from stemtide.agent.config.settings import ConfigError, load
from stemtide.agent.http.review.access import BACK
from stemtide.agent.http.review.sign_in import SignInPages
from stemtide.agent.review import openid, sessions
from stemtide.agent.review.sessions import make_link
from stemtide.agent.store.database import Store
from tests.agent.fake_hub import KEY
from tests.agent.world import agent_of, config_of
from tests.openid_provider import IdentityProvider
from tests.rounds import rounds

ANNA = {"sub": "7", "name": "Anna", "groups": ["staff", "moderators"]}
HALF_A_RULE = """sign_in = "openid"
openid = {issuer = "https://i.example", client_id = "a", claim = "groups"}
"""
AT = "/review/sign-in/with"
BACK_HERE = f"http://127.0.0.1:9{BACK}"


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def running(key):
    with pytest.MonkeyPatch.context() as patch:  # to make a key takes longer than a sign-in
        patch.setattr(rsa, "generate_private_key", lambda **_: key)
        provider = IdentityProvider()
    provider.claims = dict(ANNA)
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture
def config(hub, tmp_path, running):
    settings = OpenIdSettings(
        running.issuer, running.client_id, running.client_secret, "groups", "moderators"
    )
    review = ReviewSettings(enabled=True, sign_in=SignInBy.OPENID, openid=settings)
    return config_of(hub, tmp_path, review=review)


class Browser:
    """A browser without JavaScript, at the agent's own address."""

    def __init__(self, agent):
        self.http = httpx.Client(base_url=agent.http.base_url, timeout=60)

    def asked(self, **query):
        """Go to the provider; what it is asked."""
        away = self.http.get(AT, params=query)
        assert away.status_code == 303, away.text
        return away.headers["Location"]

    def answer(self, **query):
        """Go there and let it answer; the address that leads back."""
        there = httpx.get(self.asked(**query), timeout=60)
        return there.headers["Location"]

    def sign_in(self, **query):
        """Sign in; the page of the queue."""
        page = self.http.get(self.answer(**query))
        assert page.status_code == 200, page.text
        return self.http.get(re.search(r'href="(/review/s/\w+)"', page.text)[1])


@pytest.fixture
def another(agent):
    """Make further browsers."""
    opened = []

    def make():
        opened.append(Browser(agent))
        return opened[-1]

    yield make
    for browser in opened:
        browser.http.close()


@pytest.fixture
def browser(another):
    return another()


def person(page):
    assert page.status_code == 200, page.text
    return re.search(r'bar__person"><bdi>([^<]+)', page.text)[1]


def refused(page):
    """Why nobody got in."""
    assert page.status_code == 403
    assert "Sign in at 127.0.0.1" in page.text
    assert not [name for name in page.cookies if name.startswith("stemtide-review-")]
    assert "You are not signed in" in page.text
    return unescape(re.search(r"<p><bdi>(.*?)</bdi></p>", page.text)[1])


def changed(address, **values):
    split = urlsplit(address)
    query = dict(parse_qsl(split.query)) | values
    return f"{split.scheme}://{split.netloc}{split.path}?{urlencode(query)}"


def test_a_person_of_the_own_provider_signs_in_by_code_and_pkce(agent, browser, another, running):
    asked = dict(parse_qsl(urlsplit(browser.asked()).query))
    assert asked["redirect_uri"] == f"{str(agent.http.base_url).rstrip('/')}{BACK}"
    assert asked["code_challenge_method"] == "S256"
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert person(browser.sign_in()) == "Anna"
    running.claims["name"] = "Anna Peeters"  # she stays the same person
    assert person(another().sign_in()) == "Anna"


@pytest.mark.nightly
def test_two_people_of_one_name_are_two_people(browser, another, running):
    assert person(browser.sign_in()) == "Anna"
    running.claims |= {"sub": "8", "name": "ANNA"}
    assert person(another().sign_in()) == "ANNA (2)"
    running.claims |= {"sub": "9", "name": "Ben (by link)"}
    assert person(another().sign_in()) == "Ben (by link) (2)"


NO_NAMES = [
    ({"name": ""}, "anna7"),
    ({"name": "", "preferred_username": ""}, "a@b.example"),
    ({"name": "x" * 61, "preferred_username": "\u202e", "email": "\n"}, "7"),
]


@pytest.mark.parametrize(
    ("claims", "name"),
    rounds(NO_NAMES[2:], nightly=NO_NAMES),
)
def test_a_name_that_cannot_be_shown_is_not_taken(browser, running, claims, name):
    running.claims |= {"preferred_username": "anna7", "email": "a@b.example"} | claims
    assert person(browser.sign_in()) == name


NOT_FOR_US = [
    ({"nonce": "of another sign-in"}, "nonce"),
    ({"aud": "another program"}, "not valid"),
    ({"aud": ["stemtide", "other"], "azp": "other"}, "azp"),
    ({"iss": "https://evil.example"}, "not valid"),
    ({"exp": 1}, "clocks"),
    ({"iat": int(time.time()) - 3600}, "clocks"),
    ({"iat": int(time.time()) + 3600}, "clocks"),
    ({"sub": None}, "not valid"),
    ({"groups": ["staff"]}, "lacks groups = moderators"),
    ({"groups": "moderators-not"}, "lacks groups = moderators"),
    ({"groups": None}, "lacks groups = moderators"),
]


@pytest.mark.parametrize(
    ("claims", "words"),
    rounds([NOT_FOR_US[0], NOT_FOR_US[1], NOT_FOR_US[8]], nightly=NOT_FOR_US),
)
def test_an_id_token_that_is_not_for_this_sign_in_is_refused(browser, running, claims, words):
    running.claims |= claims
    assert words in refused(browser.http.get(browser.answer()))


def test_a_token_of_another_key_is_refused(browser, running):
    running.published = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "not valid" in refused(browser.http.get(browser.answer()))


def test_an_answer_works_once_and_in_its_own_browser(browser, another):
    address = browser.answer()
    assert "another browser" in refused(another().http.get(address))
    assert "another browser" in refused(browser.http.get(changed(address, state="other")))
    assert browser.http.get(address).status_code == 200
    assert "used already" in refused(browser.http.get(address))


CHANGED = [
    ({"code": "another"}, "refused the code (invalid_grant)"),
    ({"code": ""}, "gave no code"),
    ({"error": "access_denied"}, "refused it (access_denied)"),
    ({"error": "<b>\u202e"}, "refused it ()"),
    ({"iss": "https://evil.example"}, "another provider"),
]


@pytest.mark.parametrize(
    ("values", "words"),
    rounds(CHANGED[:1], nightly=CHANGED),
)
def test_an_answer_that_was_changed_uses_the_sign_in_up(browser, values, words):
    address = browser.answer()
    assert words in refused(browser.http.get(changed(address, **values)))
    assert "used already" in refused(browser.http.get(address))


def test_a_sign_in_ends_after_ten_minutes(browser, config):
    address = browser.answer()
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as file, file:
        file.execute("UPDATE review_sign_ins SET ends_at = ?", (time.time() - 1,))
    assert "older than 10 minutes" in refused(browser.http.get(address))


@pytest.mark.nightly
def test_sign_ins_that_nobody_ends_do_not_fill_the_file(browser, config, monkeypatch):
    monkeypatch.setattr(openid, "MOST_OPEN", 3)
    addresses = [browser.answer() for _ in range(5)]
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as file:
        assert file.execute("SELECT count(*) FROM review_sign_ins").fetchone() == (3,)
    assert browser.http.get(addresses[-1]).status_code == 200


LOADS = [("no-cors", "image"), ("navigate", "iframe")]


@pytest.mark.parametrize(("mode", "dest"), rounds(LOADS[1:], nightly=LOADS))
def test_another_site_may_open_a_sign_in_and_not_load_it(browser, config, mode, dest):
    sent = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    assert browser.http.get(AT, headers=sent).status_code == 403
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as file:
        assert file.execute("SELECT count(*) FROM review_sign_ins").fetchone() == (0,)
    sent |= {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert browser.http.get(AT, headers=sent).status_code == 303


def test_a_name_of_the_agent_leads_to_the_address_that_only_it_can_have(agent):
    port = agent.http.base_url.port
    headers = {"Host": f"localhost:{port}"}
    away = httpx.get(f"http://127.0.0.1:{port}{AT}?link=abc", headers=headers)
    assert away.headers["Location"] == f"http://127.0.0.1:{port}{AT}?link=abc"
    headers = {"Host": f"127.0.0.1:{port + 1}"}  # a port that somebody else may have
    away = httpx.get(f"http://127.0.0.1:{port}{AT}", headers=headers)
    assert away.headers["Location"] == f"http://127.0.0.1:{port}{AT}"


def test_a_link_lets_in_while_the_provider_is_away_and_its_name_is_marked(browser, config, running):
    running.stop()
    assert "does not answer" in refused(browser.http.get(AT))
    link = make_link(config.data_dir, now=time.time())
    page = browser.http.get("/review/sign-in", params={"link": link})
    assert "a name that nobody proved" in page.text
    home = browser.http.post("/review/sign-in", data={"link": link, "name": "Anna"})
    assert person(browser.http.get(home.headers["Location"])) == "Anna (by link)"


def test_a_link_with_a_reason_gives_a_proved_person_a_new_allowance(browser, config):
    link = make_link(config.data_dir, now=time.time(), reason="An attack is under way.")
    assert person(browser.sign_in(link=link)) == "Anna"
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as file:
        rows = file.execute("SELECT person, reason FROM review_allowances").fetchall()
        assert rows == [("anna", "An attack is under way.")]
        assert file.execute("SELECT count(*) FROM review_links").fetchone() == (0,)


@pytest.fixture
def proved(tmp_path):
    """The settings, store and session of a person whom the hub proved, at time 0."""
    settings = ReviewSettings(enabled=True, sign_in=SignInBy.HUB)
    with Store(tmp_path) as store:
        subject = sessions.subject_of("https://hub.example", "7")
        signed_in = sessions.sign_in_proved(
            store, subject=subject, name="Anna", link="", settings=settings, now=0.0
        )
        yield settings, store, signed_in


def is_open(proved, *, now):
    settings, store, signed_in = proved
    facts = {"path": signed_in.session.path, "cookie": signed_in.cookie, "settings": settings}
    return sessions.find_session(store, now=now, is_active=True, **facts) is not None


def test_a_session_lasts_until_its_term_if_nobody_ends_it(proved):
    minutes = [minute for minute in range(0, 700, 29) if is_open(proved, now=minute * 60)]
    assert minutes == list(range(0, 10 * 60 + 1, 29))


def test_only_those_whom_the_hub_still_names_stay(proved):
    _, store, _ = proved
    facts = {"store": store, "issuer": "https://hub.example"}
    assert sessions.end_sessions_of_others(**facts, people=["7", "8"]) == 0
    assert is_open(proved, now=1.0)
    assert sessions.end_sessions_of_others(**facts, people=["8"]) == 1
    assert not is_open(proved, now=2.0)


@pytest.fixture
def asking(hub, tmp_path):
    """Make the pages of an agent with a key, where a person of the hub has a session."""
    review = ReviewSettings(enabled=True, sign_in=SignInBy.HUB)
    with Store(tmp_path) as store:
        subject = sessions.subject_of(hub.url, "7")
        facts = {"subject": subject, "name": "Anna", "link": "", "settings": review}
        signed_in = sessions.sign_in_proved(store, now=0.0, **facts)

        def make(key):
            config = config_of(hub, tmp_path, review=review, key=key)
            return SignInPages(config=config, store=store), (review, store, signed_in)

        yield make


@pytest.mark.parametrize(("key", "is_kept"), [(KEY, True), ("revoked", False)])
def test_sessions_end_when_the_hub_refuses_the_key(asking, key, is_kept):
    pages, proved = asking(key)
    asyncio.run(pages._end_others(BACK_HERE))
    assert is_open(proved, now=1.0) is is_kept


def test_sessions_last_while_the_hub_is_away(asking, hub):
    pages, proved = asking(KEY)
    hub.stop()
    asyncio.run(pages._end_others(BACK_HERE))
    assert is_open(proved, now=1.0)


@pytest.mark.parametrize("key", [KEY, "revoked"])
def test_many_sign_ins_at_once_use_the_key_once(asking, hub, key):
    pages, _ = asking(key)

    async def begin():
        begun = [pages._client_id(BACK_HERE) for _ in range(20)]
        return await asyncio.gather(*begun, return_exceptions=True)

    answers = asyncio.run(begin())
    assert len(answers) == 20
    assert (
        answers[0] == "the agent"
        if key == KEY
        else isinstance(answers[0], openid.ReviewSignInError)
    )
    assert hub.asked["/agents/{name}/review-page"] == 1


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('sign_in = "openid"', "review.openid: must be there"),
        ('[review.openid]\nissuer = "https://id.example"\nclient_id = "a"', "must be there"),
        ('sign_in = "password"', "must be one of link, hub, openid"),
        (
            'sign_in = "openid"\n[review.openid]\nissuer = "http://id.example"\nclient_id = "a"',
            "must be https",
        ),
        (HALF_A_RULE, "review.openid.value: is missing"),
        ('sign_in = "openid"\n[review.openid]\nissuer = "https://i.example"', "register the agent"),
    ],
)
def test_settings_that_let_in_the_wrong_people_are_refused(tmp_path, lines, words):
    file = tmp_path / "agent.toml"
    own = f'name = "a"\nhub_url = "https://hub.example"\nkey = "k"\ndata_dir = "{tmp_path}"\n'
    file.write_text(f"{own}[review]\nenabled = true\n{lines}\n")
    with pytest.raises(ConfigError, match=re.escape(words)):
        load(file, env={})


def test_a_secret_lies_in_a_file_of_its_own(tmp_path):
    (tmp_path / "secret").write_text("between us\n")
    file = tmp_path / "agent.toml"
    file.write_text(
        f'name = "a"\nhub_url = "https://hub.example"\nkey = "k"\ndata_dir = "{tmp_path}"\n'
        '[review]\nenabled = true\nsign_in = "openid"\n[review.openid]\n'
        'issuer = "https://id.example/"\nclient_id = "a"\nclient_secret_file = "secret"\n'
    )
    settings = load(file, env={}).review.openid
    assert settings.client_secret == "between us"
    assert "between us" not in repr(settings)


def test_a_page_by_link_has_no_way_to_a_provider(hub, tmp_path, sandbox):
    config = config_of(hub, tmp_path, review=ReviewSettings(enabled=True))
    with agent_of(config, sandbox) as agent:
        assert agent.http.get(AT).status_code == 404
        assert agent.http.get(BACK).status_code == 404
        page = agent.http.get("/review")
        assert page.status_code == 403
        assert "Sign in at" not in page.text


def test_each_address_of_an_agent_is_registered_at_the_hub(hub, tmp_path):
    """The hub leads people back only to the address that it was told last."""
    config = config_of(hub, tmp_path, review=ReviewSettings(enabled=True, sign_in=SignInBy.HUB))
    path = "/agents/{name}/review-page"
    with closing(Store(config.data_dir)) as store:
        pages = SignInPages(config=config, store=store)

        async def register():
            for address in ("http://127.0.0.1:9", "http://127.0.0.1:9", "http://[::1]:9"):
                assert await pages._client_id(f"{address}{BACK}") == "the agent"

        asyncio.run(register())
    assert hub.asked[path] == 2
