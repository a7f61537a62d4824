# SPDX-License-Identifier: Apache-2.0
import json
from datetime import UTC, datetime

import pytest

from stemtide.hub.platform.documents import hub_seal as own
from stemtide.protocol.messages.documents import MAX_DOCUMENT_BYTES
from tests.hub.papers.papers import plain

PDF = "application/pdf"
PATH = "/api/v1/documents/verify"


@pytest.fixture
def shown(world, machine, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    sender = machine(world.big_provider)

    def show(content, kind=PDF):
        return sender("POST", PATH, content, content_type=kind)

    return show


def test_anybody_with_a_key_may_show_a_document(shown):
    sealed = own.sealed(plain(), reason="Paper", now=datetime.now(UTC))
    found = shown(sealed).json()
    assert (found["verdict"], found["seals"][0]["trust"]) == ("genuine", "own")
    assert shown(plain()).json()["verdict"] == "unsealed"
    assert shown(b"no pdf").json()["verdict"] == "unreadable"


def test_a_document_comes_as_a_pdf_of_a_size_that_is_looked_at(shown):
    assert shown(b"{}", "application/json").status_code == 415
    assert shown(b"%PDF-" + bytes(MAX_DOCUMENT_BYTES)).status_code == 413


def test_nobody_without_a_key_makes_the_hub_look(machine):
    assert machine(None)("POST", PATH, b"%PDF-", content_type=PDF).status_code == 401


def test_the_hub_says_what_it_seals_with(world, machine, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    told = machine(world.observer)("GET", "/api/v1/seal").json()
    assert told["pem"].startswith("-----BEGIN CERTIFICATE-----")
    assert (told["self_signed"], len(told["fingerprint"])) == (True, 64)
    assert "PRIVATE" not in json.dumps(told)
