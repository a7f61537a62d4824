# SPDX-License-Identifier: Apache-2.0
"""All machines of a hub have the same keys, or do not start."""

from pathlib import Path
from uuid import uuid4

import pytest

from stemtide.hub import host_keys
from stemtide.hub.rooms.ledger.models import Entry, HubKey
from stemtide.hub.rooms.ledger.rules.keys import KeyName, OtherKeyError, secret_fingerprint
from stemtide.hub.rooms.media import keys as media
from stemtide.hub.rooms.snapshots import keys as signing
from tests import tables
from tests.world import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def host(settings, tmp_path):
    """host("a") makes this process a machine with a data folder of its own."""

    def become(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        settings.DATA_DIR = folder
        settings.SECRET_KEY_PLACE = str(folder / "secret.key")
        settings.SECRET_KEY = f"the secret of {name}"
        settings.SIGNING_KEY_FILE = folder / "signing.key"
        settings.MEDIA_KEY_FILE = folder / "media.key"
        return folder

    return become


def record(*names: KeyName) -> None:
    host_keys.record(*names, actor="operator", now=NOON)


def kinds() -> list[str]:
    found = Entry.objects.filter(subject__startswith="hub_key:").order_by("number")
    return [f"{entry.kind} {entry.subject}" for entry in found]


def test_the_first_start_records_every_key_and_the_next_one_nothing(host):
    host("a")
    record()
    record()

    assert set(HubKey.objects.values_list("name", flat=True)) == set(KeyName)
    assert kinds() == [f"hub_key.recorded hub_key:{name}" for name in KeyName]


@pytest.mark.parametrize("name", KeyName)
def test_a_machine_with_another_key_is_told_which_file_to_copy_from_where(host, name):
    first = host("a")
    record(name)
    second = host("b")
    file = "seal.pem" if name is KeyName.SEAL else f"{name}.key"

    with pytest.raises(OtherKeyError) as refused:
        record(name)
    assert f"copy {first / file} of the host " in str(refused.value)
    assert f" to {second / file} here" in str(refused.value)


def test_a_machine_that_lacks_a_key_makes_none_of_its_own(host):
    host("a")
    record(KeyName.SIGNING)
    second = host("b")

    with pytest.raises(OtherKeyError, match="the signing key is missing on this machine"):
        record(KeyName.SIGNING)
    assert not (second / "signing.key").exists()


@pytest.mark.parametrize(
    ("name", "rotate"),
    [
        (KeyName.SIGNING, lambda folder, _: signing.add_key(folder / "signing.key")),
        (KeyName.MEDIA, lambda folder, _: media.add_key(folder / "media.key")),
        (KeyName.SECRET, lambda _, settings: rotate_secret(settings)),
    ],
)
def test_a_newer_key_above_the_recorded_one_takes_its_place(host, settings, name, rotate):
    folder = host("a")
    record(name)
    before = HubKey.objects.get(name=name).fingerprint
    rotate(folder, settings)
    record(name)

    assert HubKey.objects.get(name=name).fingerprint != before
    assert kinds()[-1] == f"hub_key.replaced hub_key:{name}"


def rotate_secret(settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new secret"


def test_a_machine_that_still_has_the_older_key_alone_is_refused(host):
    folder = host("a")
    record(KeyName.SIGNING)
    old = (folder / "signing.key").read_bytes()
    signing.add_key(folder / "signing.key")
    record(KeyName.SIGNING)
    (folder / "signing.key").write_bytes(old)

    with pytest.raises(OtherKeyError, match="signing key is another"):
        record(KeyName.SIGNING)


def test_a_key_that_is_accepted_on_purpose_is_the_hubs(host):
    host("a")
    record(KeyName.SIGNING)
    host("b")

    assert host_keys.accept(KeyName.SIGNING, actor="operator", now=NOON)
    record(KeyName.SIGNING)
    assert kinds()[-1] == "hub_key.accepted hub_key:signing"


def test_a_fingerprint_of_the_secret_is_no_plain_digest_and_differs_between_hubs():
    assert secret_fingerprint("a", hub=uuid4()) != secret_fingerprint("a", hub=uuid4())


@pytest.mark.nightly
def test_a_second_machine_with_other_keys_ends_in_one_line(run, empty_hub, tmp_path):
    if "STEMTIDE_DATABASE_URL" not in empty_hub:
        folder = tmp_path / "hub"
        tables.lay(folder)
        empty_hub["STEMTIDE_DATABASE_URL"] = f"sqlite:///{folder / tables.NAME}"
    assert run("hub", "start", "--port", "0").stdout.readline()

    other = run("hub", "start", "--port", "0", STEMTIDE_DATA_DIR=str(tmp_path / "other"))

    lines = other.stderr.read().splitlines()
    assert other.wait() == 2
    assert len(lines) == 1
    assert f"copy {tmp_path}/hub/secret.key of the host " in lines[0]
    accepted = ("hub", "accept-key", "secret", "--yes")
    assert run(*accepted, STEMTIDE_DATA_DIR=str(tmp_path / "other")).wait() == 0
