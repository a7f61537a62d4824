# SPDX-License-Identifier: Apache-2.0
"""Uploads that are made to cost much: the agent says what it left out, and answers the next one."""

import io
import tarfile
import zipfile

import pytest

from tests.agent.world import picture, sha256
from tests.rounds import rounds


def zipped(members) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, blob in members:
            archive.writestr(name, blob)
    return packed.getvalue()


def many_files() -> bytes:
    return zipped((f"{number}.txt", f"text {number}") for number in range(20_000))


def many_pictures() -> bytes:
    """Four thousand names for one picture."""
    blob = picture("coins.png")
    return zipped((f"{number}.png", blob) for number in range(400))


def nested() -> bytes:
    blob = b"at last"
    for depth in range(60):
        blob = zipped([(f"{depth}.zip", blob)])
    return blob


def bomb() -> bytes:
    return zipped([("zeros", bytes(400 << 20))])


def long_names() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number in range(200):
            archive.addfile(tarfile.TarInfo(f"{number}" + "n" * 60_000))
    return packed.getvalue()


def endless_pdf() -> bytes:
    """A million pages, all of them the same, by a tree of nodes that name one node many times."""
    parts = ["1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj"]
    kids = " ".join(f"{number} 0 R" for number in [3] * 1000)
    parts.append(f"2 0 obj<</Type/Pages/Count 1000000/Kids[{kids}]>>endobj")
    kids = " ".join(f"{number} 0 R" for number in [4] * 1000)
    parts.append(f"3 0 obj<</Type/Pages/Parent 2 0 R/Count 1000/Kids[{kids}]>>endobj")
    parts.append("4 0 obj<</Type/Page/Parent 3 0 R/MediaBox[0 0 9 9]>>endobj")
    body = "%PDF-1.4\n"
    places = []
    for part in parts:
        places.append(len(body))
        body += part + "\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n{table}"
    tail = f"trailer<</Size {len(parts) + 1}/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF"
    return (body + head + tail).encode()


@pytest.mark.parametrize(
    "made",
    rounds(
        [nested, endless_pdf],
        nightly=[many_files, many_pictures, nested, bomb, long_names, endless_pdf],
    ),
    ids=lambda f: f.__name__,
)
def test_what_costs_much_is_known_by_its_digest_and_the_next_upload_is_answered(hub, agent, made):
    blob = made()
    hub.share(sha256(blob))
    hub.share(sha256(picture("camera.png")))
    agent.wait(position=2)
    item = agent.match(blob)
    assert item["decision"]["action"] == "block"
    assert item["decision"]["undecodable"] or made in (many_pictures, long_names)
    assert all(len(remark) <= 300 for remark in item["remarks"])
    assert len(item["remarks"]) <= 20
    assert agent.match(picture("camera.png"))["decision"]["action"] == "block"
