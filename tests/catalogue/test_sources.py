# SPDX-License-Identifier: Apache-2.0
"""Sources of a scan beside folders and CSV files: object stores, Parquet files, databases."""

import os
import sqlite3
import time
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from stemtide.catalogue.budget import Pace
from stemtide.catalogue.content import ReadingSettings, look_at
from stemtide.catalogue.items import CatalogueError, StoredItem, UnlistedItem
from stemtide.catalogue.sources.listing import check_sources, list_source
from stemtide.catalogue.sources.objects import opened
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.walls import Wall
from tests import postgres
from tests.catalogue.conftest import CAT, ROCKET, events, summary
from tests.rounds import rounds

ROWS = [("post-1", "stored/2025/cat.png", None), ("post-2", None, "https://cdn.example/2.jpg")]


@pytest.fixture(scope="module")
def s3():
    """An S3 of this machine; the environment that leads there."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.stop()


@pytest.fixture
def bucket(s3, monkeypatch):
    """A bucket with two pictures, one of them in a folder."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    store = fsspec.filesystem("s3", skip_instance_cache=True)
    store.mkdir("photos")
    store.pipe({"photos/2025/cat.png": CAT, "photos/rocket.jpg": ROCKET})
    yield store
    store.rm("photos", recursive=True)


@pytest.mark.nightly
def test_a_bucket_is_scanned_and_only_what_changed_is_read_again(scan, share, bucket, s3):
    share(CAT)
    said = scan("s3://photos", **s3)
    assert said.code == 0, said.err + said.out
    assert [match["ref"] for match in events(said, "match")] == ["s3://photos/2025/cat.png"]
    bucket.pipe("photos/rocket.jpg", CAT)
    said = scan("s3://photos", **s3)
    assert [match["ref"] for match in events(said, "match")] == ["s3://photos/rocket.jpg"]
    assert (summary(said)["listed"], summary(said)["looked"]) == (2, 1)


UNLISTED = [
    ("s3://no-such-bucket", "s3://no-such-bucket cannot be listed"),
    ("nothing://here", "nothing://here cannot be opened: begin the address with one of s3://"),
    ("sftp://ann@photos.example/x", "photos.example/x cannot be opened: begin the address"),
    ("abfs://photos@ours.dfs.example/x", "cannot be opened: name the account in the env"),
    ("zip::s3://photos", "chains file systems"),
]


@pytest.mark.parametrize(("address", "why"), rounds(UNLISTED[:1], nightly=UNLISTED))
@pytest.mark.usefixtures("bucket")
def test_an_object_store_that_cannot_be_listed_ends_the_scan(address, why):
    with pytest.raises(CatalogueError, match=why):
        list(list_source(address, query=""))


def test_a_folder_of_fsspec_is_listed_with_sizes_and_stamps(stored):
    items = sorted(list_source(f"file://{stored}", query=""), key=lambda item: item.ref)
    assert [(item.ref.removeprefix(f"file://{stored}/"), item.size_bytes) for item in items] == [
        ("2025/cat.png", len(CAT)),
        ("note.txt", (stored / "note.txt").stat().st_size),
        ("rocket.jpg", len(ROCKET)),
    ]
    os.utime(stored / "rocket.jpg", (1, 1))
    again = {item.ref: item.stamp for item in list_source(f"file://{stored}", query="")}
    assert {item.ref for item in items if again[item.ref] != item.stamp} == {items[-1].ref}


def test_an_object_that_is_too_large_or_gone_is_unreadable_and_a_large_one_is_read(
    stored, monkeypatch
):
    monkeypatch.setattr("stemtide.catalogue.sources.objects._IN_MEMORY_BYTES", 100)
    address = f"file://{stored}/2025/cat.png"
    items = [StoredItem("cat", address), StoredItem("gone", f"file://{stored}/gone.png")]
    cat, gone = look_at(items, ReadingSettings(frozenset(Wall)))
    assert {print_.kind for print_ in cat.prints.each} == {Kind.PDQ, Kind.SHA256, Kind.MD5}
    assert (gone.prints, gone.trouble.startswith("cannot be read: ")) == (None, True)
    limits = DecodingLimits(max_file_bytes=1000)
    (large,) = look_at(items[:1], ReadingSettings(frozenset(Wall), limits=limits))
    assert large.trouble == "cannot be read: it has more than 1,000 bytes, which is the limit"


@pytest.mark.parametrize("in_memory_bytes", [100, 1 << 20])
def test_the_copy_of_an_object_never_stands_in_a_folder(
    stored, tmp_path, monkeypatch, in_memory_bytes
):
    monkeypatch.setattr("stemtide.catalogue.sources.objects._IN_MEMORY_BYTES", in_memory_bytes)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()
    item = StoredItem("cat", f"file://{stored}/2025/cat.png")
    with opened(item, max_bytes=1 << 20) as content:
        assert list((tmp_path / "copies").iterdir()) == []
        assert (content if isinstance(content, bytes) else Path(content).read_bytes()) == CAT


def listed(items):
    return [
        (item.ref, item.location) if isinstance(item, StoredItem) else (item.place, item.why)
        for item in items
    ]


def test_a_parquet_file_lists_what_a_csv_file_would(stored, tmp_path):
    ids, paths, urls = zip(*ROWS, (None, "x.png", None), strict=True)
    table = pa.table({"id": ids, "path": paths, "url": urls, "views": [1, 2, 3]})
    pq.write_table(table, tmp_path / "list.parquet")
    assert listed(list_source(str(tmp_path / "list.parquet"), query="")) == [
        ("post-1", f"{tmp_path}/stored/2025/cat.png"),
        ("post-2", "https://cdn.example/2.jpg"),
        (f"{tmp_path}/list.parquet, row 3", "has no id: give your own id of the content"),
    ]
    assert (stored / "2025" / "cat.png").exists()


@pytest.mark.parametrize("content", [b"PAR1 and no more", b""])
def test_a_parquet_file_that_is_none_ends_the_scan(tmp_path, content):
    (tmp_path / "list.parquet").write_bytes(content)
    with pytest.raises(CatalogueError, match="cannot be read as Parquet"):
        list(list_source(str(tmp_path / "list.parquet"), query=""))


def test_a_query_of_sqlite_lists_content_and_cannot_write(tmp_path):
    path = tmp_path / "posts.db"
    with sqlite3.connect(path) as posts:
        posts.execute("CREATE TABLE posts (number INTEGER, file TEXT)")
        posts.executemany("INSERT INTO posts VALUES (?, ?)", [(7, "/a.png"), (8, None)])
    posts.close()
    query = "SELECT number AS id, 'https://cdn.example' || file AS url FROM posts"
    assert listed(list_source(f"sqlite:///{path}", query=query)) == [
        ("7", "https://cdn.example/a.png"),
        (f"the query of sqlite:///{path}, row 2", "has neither a path nor a url (id 8)"),
    ]
    for wrong in ("DELETE FROM posts", "SELECT 1 AS number", "nonsense"):
        with pytest.raises(CatalogueError, match="the query of"):
            list(list_source(f"sqlite:///{path}", query=wrong))


@pytest.mark.postgres
@pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL is not installed")
def test_a_query_of_postgresql_lists_content_and_cannot_write():
    query = "SELECT 'post-' || n AS id, 's3://posts/' || n AS path FROM generate_series(1, 3) n"
    with postgres.server() as url:
        assert listed(list_source(url, query=query))[2] == ("post-3", "s3://posts/3")
        for wrong in ("CREATE TABLE x ()", "SELECT 1 AS number"):
            with pytest.raises(CatalogueError, match="the query of") as refused:
                list(list_source(url, query=wrong))
            assert url.partition("@")[0] not in str(refused.value)  # its password
    with pytest.raises(CatalogueError, match="the query of"):
        list(list_source(url, query=query))


def test_what_stands_in_url_reaches_the_web_alone(tmp_path):
    (tmp_path / "list.csv").write_text(
        "id,path,url\n1,,s3://photos/x\n2,,file:///etc/passwd\n3,s3://photos/x,\n"
    )
    items = list(list_source(str(tmp_path / "list.csv"), query=""))
    assert [isinstance(item, UnlistedItem) for item in items] == [True, True, False]
    assert items[2].location == "s3://photos/x"


@pytest.mark.parametrize(
    ("sources", "query", "why"),
    [
        (["sqlite:///posts.db"], "", "needs --query"),
        (["."], "SELECT 1", "--query is for a database"),
        (["https://cdn.example/a.png"], "", "is a web address"),
    ],
)
def test_sources_and_query_must_fit(sources, query, why):
    with pytest.raises(CatalogueError, match=why):
        check_sources(sources, query=query)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (
            "postgresql://ann:hu/sh@db.example/posts?password=hush",
            "postgresql://…@db.example/posts",
        ),
        ("postgresql://ann:h?hush@db.example/posts", "postgresql://…"),
        ("postgresql://db.example/posts?user=a@b&password=hush", "postgresql://…"),
        ("https://cdn.example/a.png?key=hush", "https://cdn.example/a.png"),
    ],
)
def test_a_password_in_an_address_is_not_shown(address, shown):
    with pytest.raises(CatalogueError) as refused:
        check_sources([address], query="")
    assert str(refused.value).startswith(f"{shown} ")
    with pytest.raises(CatalogueError) as refused:
        list(list_source("none://ann:hush@photos.example/x", query=""))
    assert str(refused.value).startswith("none://…@photos.example/x cannot be")


@pytest.mark.nightly
def test_a_budget_of_files_and_bytes_is_kept_and_the_next_run_goes_on(scan, stored):
    said = scan(stored, "--max-files", 2)
    assert (said.code, summary(said)["looked"], summary(said)["waiting"]) == (0, 2, 1)
    assert summary(scan(stored, "--max-bytes", 1))["looked"] == 1
    assert summary(scan(stored))["looked"] == 0


def test_requests_are_spread_over_time():
    pace, began = Pace(100), time.monotonic()
    for _ in range(4):
        pace.wait(5)
    assert time.monotonic() - began >= 0.15
