# SPDX-License-Identifier: Apache-2.0
"""Clients and agents take a new key from their key file while they run."""

import os

import httpx
import pytest

from stemtide.agent.config import settings
from stemtide.client.connection import Connection


def sent(client):
    """The key that a client sends next."""
    return client.get("/").json()


@pytest.fixture
def opened(tmp_path):
    """A client with a key file, whose requests are answered with the key that they carry."""
    file = tmp_path / "hub.key"
    file.write_text("st_old\n")

    def echo(request):
        return httpx.Response(200, json=request.headers["Authorization"])

    connection = Connection("http://127.0.0.1:1", key="st_old", key_file=file)
    options = connection.options() | {"transport": httpx.MockTransport(echo)}
    with httpx.Client(**options) as client:
        yield client, file


def replace(file, text):
    """Replace a file as `mv` does."""
    beside = file.with_name("new")
    beside.write_text(text)
    beside.replace(file)


def test_a_key_that_was_replaced_before_the_client_began_is_used(opened):
    _, file = opened
    replace(file, "st_new\n")
    connection = Connection("http://127.0.0.1:1", key="st_old", key_file=file)
    request = httpx.Request("GET", "http://127.0.0.1:1/")
    next(connection.options()["auth"].auth_flow(request))
    assert request.headers["Authorization"] == "Bearer st_new"


def test_a_new_key_in_the_file_is_used_with_the_next_request(opened):
    client, file = opened
    assert sent(client) == "Bearer st_old"
    replace(file, "st_new\n")
    assert sent(client) == "Bearer st_new"
    file.write_text("st_newer\n")
    os.utime(file, ns=(1, 1))  # written in place, whatever the clock of the disk shows
    assert sent(client) == "Bearer st_newer"


@pytest.mark.parametrize("text", ["", "\n", "two words", "\x00", "gone"])
def test_without_a_usable_key_in_the_file_the_last_one_is_used(opened, text):
    client, file = opened
    if text == "gone":
        file.unlink()
    else:
        replace(file, text)
    assert sent(client) == "Bearer st_old"
    replace(file, "st_new")
    assert sent(client) == "Bearer st_new"


def test_an_agent_knows_the_file_of_its_key_alone(tmp_path):
    (tmp_path / "hub.key").write_text("st_a_b\n")
    config = {"name": "a", "hub_url": "https://hub.example", "data_dir": "x"}
    read = settings.parse(config | {"key_file": "hub.key"}, root=tmp_path)
    assert (read.key, read.key_path) == ("st_a_b", tmp_path / "hub.key")
    assert settings.parse(config | {"key": "st_a_b"}, root=tmp_path).key_path is None
    with pytest.raises(settings.ConfigError, match="key_path"):
        settings.parse(config | {"key": "st_a_b", "key_path": "x"}, root=tmp_path)
