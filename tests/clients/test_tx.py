# SPDX-License-Identifier: Apache-2.0
"""The real `tx`, unchanged, from an empty state: fetch, match, opinions, withdrawal."""

import io
import re

import httpx
import PIL.Image
import PIL.ImageDraw
import pytest

from stemtide.exercises import media, pictures
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests import forks
from tests.clients.conftest import plain_environment, throw_away_hub

pytestmark = pytest.mark.flow


def drawing(seed: int) -> PIL.Image.Image:
    """A picture of nothing, another one for each seed."""
    picture = PIL.Image.new("RGB", (640, 480), (40, 70, 90))
    pen = PIL.ImageDraw.Draw(picture)
    for number in range(24):
        x, y = (number * 97 * seed) % 560, (number * 61 + 37 * seed) % 400
        colour = ((number * 53) % 255, (number * 31 * seed) % 255, (number * 17) % 255)
        pen.ellipse((x, y, x + 60 + number * 3, y + 40 + number * 5), fill=colour)
    return picture


class Tx:
    """`tx` with a state of its own."""

    def __init__(self, folder, **variables):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        state = {"TX_STATEDIR": str(folder / "state")}
        self.environment = plain_environment() | state | variables

    def __call__(self, *words, code=0):
        done = forks.run(["tx", *words], folder=self.folder, environment=self.environment)
        out = done.stdout.decode()
        assert done.returncode == code, out + done.stderr.decode()
        return re.sub(r"\x1b\[[0-9;]*m", "", out)

    def save(self, name, picture, **how):
        picture.save(self.folder / name, **how)
        return name


class Authority:
    """Who shares, at a throw-away hub."""

    def __init__(self, http):
        self._http = http

    def share(self, **facts):
        body = {"labels": ["perpetrator-content"], "severity": "high", **facts}
        answer = self._http.post("/signals", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def withdraw(self, uid):
        answer = self._http.post(f"/signals/{uid}/withdraw", json={"reason": "mistake"})
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub with few signals: an index of one hash is another one than an index of many."""
    with throw_away_hub(tmp_path_factory.mktemp("hub")) as variables:
        yield variables


@pytest.fixture
def tx(hub, tmp_path):
    made = Tx(tmp_path, TX_STOPNCII_KEYS=hub["STOPNCII_KEYS"])
    made("config", "collab", "edit", "stop_ncii", "--create", "EU Crisis")
    return made


@pytest.fixture
def authority(hub):
    headers = {"Authorization": f"Bearer {hub['HUB_TOKEN']}"}
    with httpx.Client(base_url=f"{hub['HUB_URL']}/api/v1", headers=headers, timeout=60) as http:
        yield Authority(http)


def test_tx_matches_a_reencoded_picture_and_is_told_of_its_withdrawal(tx, authority):
    picture = drawing(3)
    value = tx("hash", "photo", tx.save("one.png", picture)).split()[1]
    shared = authority.share(kind="pdq", value=value, quality=100)

    tx("fetch")
    altered = tx.save("again.jpg", picture.resize((500, 375)), quality=40)
    said = tx("match", "photo", altered)
    assert re.fullmatch(r"pdq \d+ \(EU Crisis\) POSITIVE_CLASS \+1 \+be-crisis-centre\n", said)
    assert tx("match", "photo", tx.save("other.png", drawing(8))) == ""

    authority.withdraw(shared)
    tx("fetch")
    assert "DISPUTED -1 -be-crisis-centre" in tx("match", "photo", altered)

    tx("fetch", "--clear")
    tx("fetch")
    assert tx("match", "photo", altered) == ""


def test_the_first_hash_of_a_crisis_matches(hub, tmp_path, authority):
    """An index of one PDQ hash loses it: the canary is there so that none has one."""
    value = "0f" * 16 + "a5c3" * 8
    authority.share(kind="pdq", value=value, quality=100)
    tx = Tx(tmp_path, TX_STOPNCII_KEYS=hub["STOPNCII_KEYS"])
    tx("config", "collab", "edit", "stop_ncii", "--create", "EU Crisis")
    tx("fetch")
    (tmp_path / "hash.txt").write_text(value)
    assert "POSITIVE_CLASS" in tx("match", "-H", "photo", "hash.txt")


@pytest.mark.nightly
def test_opinions_are_shown(tx, hub, authority):
    authority.share(kind="url", value="https://bad.example/opinions")
    provider = {
        "x-functions-key": hub["STOPNCII_FEEDBACK_KEY"],
        "Ocp-Apim-Subscription-Key": hub["STOPNCII_KEYS"].split(",")[1],
    }
    base = hub["STOPNCII_KEYS"].split(",")[2]
    for says, shown in [
        ("Blocked", "POSITIVE_CLASS +2 +be-crisis-centre,+big-videos"),
        ("NotBlocked", "DISPUTED 0 +be-crisis-centre,-big-videos"),
    ]:
        said = {"feedbackValue": says, "hashValue": "https://bad.example/opinions", "tags": []}
        answer = httpx.post(
            f"{base}/SubmitFeedback",
            json={"count": 1, "hashFeedbacks": [said]},
            headers=provider,
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        tx("fetch")
        told = tx("match", "url", "--", "https://bad.example/opinions")
        assert shown in told.replace("+0", "0")


def test_a_wrong_key_is_said_by_tx_itself(tmp_path, hub):
    address = hub["STOPNCII_KEYS"].split(",")[2]
    tx = Tx(tmp_path, TX_STOPNCII_KEYS=f"st_nobody_x,st_nobody_x,{address}")
    tx("config", "collab", "edit", "stop_ncii", "--create", "EU Crisis")
    tx("fetch", code=3)


def test_the_canary_matches_on_a_hub_with_nothing(tx, hub):
    address = hub["STOPNCII_KEYS"].split(",")[2]
    picture = PIL.Image.open(io.BytesIO(httpx.get(f"{address}/canary.png", timeout=60).content))
    tx("fetch")
    assert "INVESTIGATION_SEED 0" in tx(
        "match", "photo", tx.save("canary.jpg", picture, quality=60)
    )


# With our extension


@pytest.fixture
def extended(hub, tmp_path):
    """`tx` with our extension, following the hub with an authority's key."""
    made = Tx(tmp_path, TX_STEMTIDE_KEY=hub["HUB_TOKEN"])
    made("config", "extensions", "add", "stemtide.tx")
    made("config", "collab", "edit", "stemtide", "--create", "Hub", "--hub-url", hub["HUB_URL"])
    return made


@pytest.mark.nightly
def test_every_kind_is_matched_and_what_is_withdrawn_is_gone(extended, authority, tmp_path):
    photographs = pictures.photographs()
    (tmp_path / "film.mp4").write_bytes(media.film(photographs))
    (tmp_path / "page.html").write_bytes(media.document())
    with Sandbox() as sandbox:
        made = sandbox.fingerprint(tmp_path / "film.mp4").each
        text = sandbox.fingerprint(tmp_path / "page.html").of(Kind.TEXT)
    shared = [
        authority.share(kind=one.kind, value=one.hex)
        for one in (*made, *text)
        if one.kind is not Kind.PDQ
    ]
    shared.append(authority.share(kind="url", value="https://bad.example/tx/b?c=1"))

    extended("fetch")
    film = extended("match", "video", "film.mp4")
    kinds = {line.split()[0] for line in film.splitlines()}
    assert {"video_md5", "video_sha256", "stemtide_video"} <= kinds
    assert "POSITIVE_CLASS be-crisis-centre perpetrator-content" in film
    assert extended("match", "text", "page.html").startswith("stemtide_text ")
    assert extended("match", "url", "--", "http://www.bad.example/tx/b?c=1").startswith(
        "stemtide_url"
    )
    assert extended("match", "url", "--", "http://other.example/") == ""

    for uid in shared:
        authority.withdraw(uid)
    extended("fetch")
    assert extended("match", "video", "film.mp4") == ""
    assert extended("match", "text", "page.html") == ""
    assert extended("match", "url", "--", "http://www.bad.example/tx/b?c=1") == ""


def test_a_label_is_an_opinion_and_with_words_of_ours_a_share(extended, hub, tmp_path):
    (tmp_path / "hash.txt").write_text("3c" * 16 + "a5c3" * 8 + "\n")
    label = ("label", "-H", "pdq", "Hub", "photo", "hash.txt")
    extended(*label, code=1)  # the hub has no such hash, and nobody says what it is
    words = "livestream,severity:critical,tlp:green"
    extended(*label[:3], "-l", words, *label[3:])
    provider = Tx(tmp_path / "provider", TX_STEMTIDE_KEY=hub["STOPNCII_FEEDBACK_KEY"])
    provider("config", "extensions", "add", "stemtide.tx")
    provider("config", "collab", "edit", "stemtide", "--create", "Hub", "--hub-url", hub["HUB_URL"])
    provider(*label[:-1], str(tmp_path / "hash.txt"))

    headers = {"Authorization": f"Bearer {hub['HUB_TOKEN']}"}
    feed = httpx.get(f"{hub['HUB_URL']}/api/v1/feed", headers=headers, timeout=60).json()["entries"]
    (uid,) = [one["id"] for one in feed if one.get("value", "").startswith("3c3c")]
    told = httpx.get(f"{hub['HUB_URL']}/api/v1/signals/{uid}", headers=headers, timeout=60).json()
    assert (told["labels"], told["severity"], told["tlp"]) == (["livestream"], "critical", "green")
    assert [(one["party"], one["opinion"]) for one in told["opinions"]] == [("big-videos", "agree")]


def test_the_first_hash_matches_with_the_extension_too(extended, authority, tmp_path):
    value = "96" * 16 + "a5c3" * 8
    uid = authority.share(kind="pdq", value=value, quality=100)
    (tmp_path / "hash.txt").write_text(value)
    look = ("match", "-H", "-S", "pdq", "photo", "hash.txt")
    extended("fetch")
    assert "POSITIVE_CLASS be-crisis-centre" in extended(*look)
    authority.withdraw(uid)
    extended("fetch")
    assert extended(*look) == ""


@pytest.mark.nightly
def test_another_hub_is_not_mixed_into_what_was_fetched(extended, shared_hub):
    extended("fetch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(extended.environment, "TX_STEMTIDE_KEY", shared_hub["HUB_TOKEN"])
        extended("config", "collab", "edit", "stemtide", "Hub", "--hub-url", shared_hub["HUB_URL"])
        extended("fetch", code=3)
        extended("fetch", "--clear")
        extended("fetch")
