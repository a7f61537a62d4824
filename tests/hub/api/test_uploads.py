# SPDX-License-Identifier: Apache-2.0
"""Uploads of content: who may send them, how many at a time, and that they stay in memory."""

import asyncio
import os
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from stemtide.hub.api.uploads import MOST_UPLOADS, admit_uploads, is_upload

BODY = {"type": "http.request", "body": b"x" * 10, "more_body": False}


def is_in_memory(file):
    return str(Path(f"/proc/self/fd/{file.fileno()}").readlink()).startswith("/memfd:")


def scope(**changed):
    headers = [(b"content-length", b"5000000")]
    return {"type": "http", "method": "POST", "path": "/share", "headers": headers, **changed}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"headers": []}, True),
        ({"headers": [(b"content-length", b"900")]}, False),
        ({"method": "GET"}, False),
        ({"path": "/share/undo"}, False),
    ],
)
def test_what_counts_as_an_upload(changed, expected):
    assert is_upload(scope(**changed)) is expected


def statuses(parties):
    """The statuses of uploads that are sent at once by people of these parties; 200 is admitted."""
    sent = {}

    async def application(_request, receive, send):
        await receive()
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def upload(gate, number):
        async def receive():
            return BODY

        async def send(message):
            sent.setdefault(number, message.get("status"))
            if len(sent) + MOST_UPLOADS >= len(parties):
                refused.set()

        await gate(scope(number=number), receive, send)

    async def play():
        nonlocal release, refused
        release, refused = asyncio.Event(), asyncio.Event()
        gate = admit_uploads(application, party_of=lambda request: parties[request["number"]])
        uploads = [asyncio.create_task(upload(gate, number)) for number in range(len(parties))]
        await refused.wait()  # those that are admitted go on when all others have an answer
        release.set()
        await asyncio.gather(*uploads)

    release = refused = None
    asyncio.run(play())
    return [sent[number] for number in range(len(parties))]


def test_an_upload_of_nobody_is_not_read(transactional_db):  # noqa: ARG001  # threads of its own
    assert statuses([None, 1, 2]) == [403, 200, 200]


def test_a_party_has_one_upload_at_a_time_and_the_hub_two(transactional_db):  # noqa: ARG001
    assert sorted(statuses([1, 1, 2, 3])) == [200, 200, 429, 429]


def test_a_body_that_is_uploaded_stays_in_memory():
    from stemtide.hub.asgi import _InMemory

    async def receive():
        return BODY

    with asyncio.run(_InMemory().read_body(receive)) as body:
        assert is_in_memory(body)
        assert body.read() == BODY["body"]


def test_a_file_that_is_uploaded_stays_in_memory():
    content = os.urandom(5_000_000)
    file = SimpleUploadedFile("film.mp4", content)
    request = RequestFactory().post("/share", {"file": file})
    uploaded = request.FILES["file"]
    assert is_in_memory(uploaded)
    assert uploaded.read() == content
    request.close()


def test_other_uploads_are_left_to_django():
    file = SimpleUploadedFile("still.jpg", b"x" * 3_000_000)
    request = RequestFactory().post("/signals/1/preview", {"file": file})
    assert request.FILES["file"].temporary_file_path()
    request.close()
