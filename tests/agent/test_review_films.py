# SPDX-License-Identifier: Apache-2.0
"""Films on the review page: six small still frames, blurred and grey, each of which counts."""

import io
import re
from html import unescape

import pytest
from PIL import Image

from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.config.settings import WebhookSettings
from tests.agent import streams
from tests.agent.test_review import Moderator, held
from tests.agent.world import SECRET, agent_of, config_of, picture


@pytest.fixture
def with_films(hub, provider, sandbox, tmp_path):
    """An agent that asks the provider for files, with a limit of eight pictures a day."""
    settings = ReviewSettings(
        enabled=True, picture_url=f"{provider.address}/pictures/{{ref}}", pictures_per_day=8
    )
    webhook = WebhookSettings(url=provider.url, secret=SECRET)
    config = config_of(hub, tmp_path, review=settings, webhook=webhook)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        yield agent, config


def frames(moderator):
    """The frames on the page."""
    sources = re.findall(r'<img class="look__still" src="([^"]+)"', moderator.page.text)
    answers = [moderator.http.get(unescape(source)) for source in sources]
    assert {answer.headers["content-type"] for answer in answers} <= {"image/jpeg"}
    return [Image.open(io.BytesIO(answer.content)) for answer in answers]


def follow(moderator, key):
    """Follow the link of a key on the page."""
    link = re.search(rf'<a href="([^"]+)" aria-keyshortcuts="{key}"', moderator.page.text)[1]
    moderator.page = moderator.http.get(unescape(link))


def test_a_film_is_six_blurred_frames_of_which_one_at_a_time_is_shown_sharp(
    hub, with_films, provider
):
    agent, config = with_films
    provider.pictures["film"] = streams.known_film()
    held(hub, agent, "film")
    with Moderator(agent, config) as anna:
        anna.open("film")
        assert frames(anna) == []
        anna.post("look", ref="film")
        veiled = frames(anna)
        assert len(veiled) == 6
        assert {image.mode for image in veiled} == {"L"}
        assert max(max(image.size) for image in veiled) <= 256
        times = re.findall(r'alt="Frame at (\d+:\d\d\.\d)', anna.page.text)
        assert times == sorted(times)
        assert (times[0], len(set(times))) == ("0:00.0", 6)
        assert "2 left" in anna.page.text
        follow(anna, "3")
        sharp = frames(anna)
        changed = [a.tobytes() != b.tobytes() for a, b in zip(veiled, sharp, strict=True)]
        assert changed == [False, False, True, False, False, False]
        assert anna.page.text.count("small and grey") == 1
        follow(anna, "p")
        assert [image.tobytes() for image in frames(anna)] == [image.tobytes() for image in veiled]
        assert "2 left" in anna.page.text  # seen again, and not counted again
        assert provider.picture_requests == ["film"]
        assert "<video" not in anna.page.text
        assert "<audio" not in anna.page.text


def test_a_film_that_the_limit_does_not_cover_is_not_shown_at_all(hub, with_films, provider):
    agent, config = with_films
    for ref in ("a", "b", "c"):
        provider.pictures[ref] = picture("chelsea.png")
    provider.pictures["film"] = streams.known_film()
    held(hub, agent, "a", "b", "c", "film")
    with Moderator(agent, config) as anna:
        for ref in ("a", "b", "c"):
            anna.post("look", ref=ref)
        anna.post("look", ref="film")
        assert frames(anna) == []
        assert "a film counts as 6 pictures, and 5 are left today" in anna.page.text
        assert "5 left" in anna.page.text


def test_a_frame_needs_the_session_that_asked_and_a_number_that_there_is(hub, with_films, provider):
    agent, config = with_films
    provider.pictures["film"] = streams.known_film()
    held(hub, agent, "film")
    with Moderator(agent, config) as anna, Moderator(agent, config, "Ben") as ben:
        anna.post("look", ref="film")
        look = re.search(r"look=(\w+)", str(anna.page.url))[1]
        for number, status in (("1", 200), ("6", 200), ("7", 404), ("0", 404), ("x", 404)):
            assert anna.get("/picture", look=look, frame=number).status_code == status
        assert ben.get("/picture", look=look, frame="1").status_code == 404
        assert anna.get("/picture", look=f"{look}-0", frame="1").status_code == 404


def test_what_a_person_writes_into_the_address_changes_no_number(hub, with_films, provider):
    agent, config = with_films
    provider.pictures["film"] = streams.known_film()
    held(hub, agent, "film")
    with Moderator(agent, config) as anna:
        anna.post("look", ref="film")
        look = re.search(r"look=(\w+)", str(anna.page.url))[1]
        page = anna.get("/item", ref="film", look=look, at="<b>_1.0_9.9.9_nan" + "_2.0" * 50).text
        assert page.count("look__still") == 6
        assert "<b>" not in page
