# SPDX-License-Identifier: Apache-2.0
"""Signals go into a hub and out of it as files, against a real hub on loopback."""

import csv
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from stemtide.cli.commands.signals import bulks as signal_bulks
from stemtide.cli.commands.signals.importer import import_signals
from stemtide.cli.commands.signals.parquet_rows import ColumnError, _lines
from stemtide.fingerprints.values.video import VideoPrint
from stemtide.fingerprints.video.vpdq import to_json
from stemtide.matching.common.content import common_set
from stemtide.protocol.files.columns import COLUMNS, BadRow, LeftOut, ParsedLine
from tests.cli.conftest import run
from tests.cli.test_room import say
from tests.hub.api.conftest import serving
from tests.prints import long_value
from tests.rounds import rounds
from tests.world import hex_value

OTHER = "fr-referral-unit"
FACTS = [name for name in COLUMNS if name not in {"id", "position", "shared_by", "shared_at"}]
WHAT = ["--label", "incitement", "--severity", "low"]


def exported(hub, *words, party="be-crisis-centre"):
    return say(hub, "signal", "export", *words, party=party).rows


def imported(hub, *words, party="be-crisis-centre", code=0):
    return say(hub, "signal", "import", *words, "--json", party=party, code=code).rows


@pytest.fixture(scope="module")
def own_hub():
    """A hub that holds what `sent` shares and no other test's signals."""
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def sent(own_hub, tmp_path_factory):
    """Signals of several kinds with several marks: the rows that were exported."""
    hub = own_hub
    folder = tmp_path_factory.mktemp("sent")
    rows = [
        {"kind": "pdq", "value": hex_value(1), "quality": 90, "within_bits": 12},
        {"kind": "url", "value": "https://Video.example/a;=1", "entity": "=1+1"},
        {"kind": "url", "value": "https://a.example/b/c"},
        {"kind": "video", "value": long_value("video").hex(), "tlp": "green"},
        {"kind": "md5", "value": hex_value(2, digits=32), "audience": [OTHER, "big-video"]},
        {"kind": "sha256", "value": hex_value(3), "expires_at": "2099-01-31T12:00:00+01:00"},
        {"kind": "md5", "value": hex_value(4, digits=32), "exercise": True},
    ]
    plain = {"labels": ["incitement", "livestream"], "severity": "high", "pap": "amber"}
    with hub.client() as client:
        body = {"signals": [plain | one for one in rows]}
        assert client.post("/api/v1/signals/bulk", json=body).status_code == 201
    for form in ("csv", "jsonl", "parquet"):
        say(hub, "signal", "export", "--to", folder / f"signals.{form}", "--exercise")
    return exported(hub, "--exercise"), folder


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_what_leaves_as_a_file_comes_in_elsewhere_as_it_was(own_hub, sent, form):
    hub = own_hub
    rows, folder = sent
    file = folder / f"signals.{form}"
    assert file.stat().st_mode & 0o077 == 0
    party = {"csv": OTHER, "jsonl": "eu-referral-unit", "parquet": "tech-forum"}[form]
    (done,) = imported(hub, file, party=party)
    assert (done["created"], done["refused"]) == (7, 0)
    (again,) = imported(hub, file, party=party)
    assert (again["created"], again["existing"]) == (0, 7)
    told = [one for one in exported(hub, "--exercise", party=party) if one["shared_by"] == party]
    by_value = {one["value"]: [one[name] for name in FACTS] for one in told}
    assert by_value == {one["value"]: [one[name] for name in FACTS] for one in rows}


@pytest.mark.usefixtures("sent")
def test_lines_of_tx_and_vpdq_hold_values_alone(own_hub, tmp_path):
    hub = own_hub
    tx, vpdq = tmp_path / "hub.tx", tmp_path / "hub.vpdq"
    said = say(hub, "signal", "export", "--to", tx, "--kind", "pdq", "--kind", "url")
    assert "although this format cannot hold it" in said.err
    assert f"pdq {hex_value(1)}\n" in tx.read_text("utf-8")
    assert "url video.example/a;=1\n" in tx.read_text("utf-8")
    say(hub, "signal", "export", "--to", vpdq, "--kind", "video")
    film = to_json(VideoPrint.from_bytes(long_value("video")))
    assert vpdq.read_text("utf-8").splitlines()[0] == film
    (done,) = imported(hub, vpdq, *WHAT, party="small-forum")
    assert done["created"] == 1
    assert "remove the option" in say(hub, "signal", "export", "--to", tx, "--exercise", code=2).err


def test_a_table_of_parquet_is_typed_and_says_what_it_is_of(sent):
    rows, folder = sent
    table = pq.read_table(folder / "signals.parquet")
    assert table.schema.field("labels").type == pa.list_(pa.string())
    assert table.schema.field("shared_at").type == pa.timestamp("us", tz="UTC")
    assert table.schema.metadata[b"stemtide.position"].isdigit()
    assert [one["value"] for one in table.to_pylist()] == [one["value"] for one in rows]


def test_a_dry_run_says_what_would_happen_and_does_nothing(hub, tmp_path):
    file = tmp_path / "a.csv"
    pixel = next(key for key, name in common_set().file_names.items() if "one pixel" in name)
    rows = [f"md5,{hex_value(50, digits=32)}", "md5,zz", f"sha256,{pixel}"]
    file.write_text("\n".join(["kind,value", *rows, ""]), "utf-8")
    said = say(hub, "signal", "import", file, *WHAT, "--dry-run", code=1)
    assert "line       4  would wait for a second look: it would match much other" in said.out
    assert "line       3  value: a md5 value is 32 hex digits" in said.out
    assert "would be shared" in said.out
    assert "Nothing was shared" in said.err
    assert hex_value(50, digits=32) not in {one["value"] for one in exported(hub)}


def test_an_import_that_stops_says_where_and_goes_on_when_it_is_repeated(hub, tmp_path):
    file = tmp_path / "long.csv"
    rows = [f"sha256,{hex_value(1000 + one)},incitement,low" for one in range(10_500)]
    rows[10_200] = "sha256,zz,incitement,low"
    file.write_text("\n".join(["kind,value,labels,severity", *rows, ""]), "utf-8")
    said = say(hub, "signal", "import", file, code=1)
    assert "line   10202  value: a sha256 value is 64 hex digits" in said.out
    assert "No row of lines 10002 to 10501 was shared" in said.err
    assert "--from 10002" in said.err
    refused, done = imported(hub, file, "--continue", code=1)
    assert refused["line"] == 10_202
    assert (done["created"], done["existing"], done["refused"]) == (499, 10_000, 1)
    rows[10_200] = rows[10_201]
    file.write_text("\n".join(["kind,value,labels,severity", *rows, ""]), "utf-8")
    (rest,) = imported(hub, file, "--from", "10002")
    assert (rest["created"], rest["existing"]) == (0, 500)


def test_a_file_that_breaks_off_says_what_is_shared(hub, tmp_path):
    file = tmp_path / "broken.jsonl"
    good = {"kind": "md5", "value": hex_value(60, digits=32)}
    file.write_bytes(json.dumps(good).encode() + b"\n\xff\n")
    said = say(hub, "signal", "import", file, *WHAT, code=1)
    assert "line 2: is not in UTF-8" in said.err
    assert "Nothing was shared" in said.err


def test_what_ended_is_told_and_never_shared_anew(hub, tmp_path):
    file = tmp_path / "ended.csv"
    value = hex_value(70, digits=32)
    with hub.client() as client:
        body = {"kind": "md5", "value": value, "labels": ["incitement"], "severity": "low"}
        uid = client.post("/api/v1/signals", json=body).json()["id"]
        client.post(f"/api/v1/signals/{uid}/withdraw", json={"reason": "mistake"})
    say(hub, "signal", "export", "--to", file, "--withdrawn", "--kind", "md5")
    with file.open(encoding="utf-8") as told:
        states = {one["value"]: one["state"] for one in csv.DictReader(told)}
    assert states[value] == "withdrawn"
    done = imported(hub, file, party="big-video")[-1]
    assert done["left_out"]["withdrawn"] == 1
    assert value not in {one["value"] for one in exported(hub, party="big-video")}


def test_a_name_of_content_is_the_files_own(hub, tmp_path, capsys):
    def share(file, **way):
        import_signals(str(file), hub=hub.address, key=hub.keys["big-video"], as_json=True, **way)
        return json.loads(capsys.readouterr().out)["existing"]

    values = [hex_value(85 + number, digits=32) for number in range(2)]
    files = [tmp_path / folder / "day.csv" for folder in "ab"]
    for file, value in zip(files, values, strict=True):
        file.parent.mkdir()
        row = f"md5,{value},incitement,low,film 1"
        file.write_text(f"kind,value,labels,severity,content\n{row}\n", "utf-8")
        assert share(file) == 0
        assert share(file) == 1
    found = exported(hub, "--kind", "md5", party="big-video")
    assert len({one["content"] for one in found if one["value"] in values}) == 2
    moved = files[0].rename(tmp_path / "moved.csv")
    assert share(moved, content_space=str(files[0])) == 1
    with pytest.raises(typer.Exit):
        share(moved)
    assert "content" in capsys.readouterr().out


def test_names_of_columns_and_stdin_are_taken(hub):
    words = ["--column", "Hash=value", "--column", "note=", "--kind", "md5", *WHAT]
    text = f"Hash;note\n{hex_value(80, digits=32)};secret\n".encode("utf-8-sig")
    said = run(
        *("signal", "import", "-", "--format", "csv", *words, "--json"),
        stdin=text,
        STEMTIDE_HUB_URL=hub.address,
        STEMTIDE_KEY=hub.keys["be-crisis-centre"],
    )
    assert said.rows == [
        {"created": 1, "existing": 0, "refused": 0, "left_out": {}, "reached": 2, "dry_run": False}
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["import", "x.dat"], "--format csv|jsonl|parquet|vpdq|tx"),
        (["import", "missing.csv"], "cannot be read"),
        (["import", "x.csv", "--column", "a"], "--column their=ours"),
        (["import", "x.csv", "--expires", "30d"], "another time when the file is imported again"),
        (["import", "-", "--format", "parquet"], "from stdin"),
        (["export", "--format", "parquet"], "--to FILE"),
        (["export", "--since", "yesterday"], "a feed position or an ISO time"),
        (["import", "x.csv", "--label", "csam"], "hotline"),
    ],
    ids=lambda one: " ".join(one[:2]) if isinstance(one, list) else None,
)
def test_a_command_that_is_misused_says_how_to_do_it(words, says):
    said = run("signal", *words, STEMTIDE_KEY="st_x_y")
    assert said.code in {1, 2}
    assert says in said.err
    assert "Traceback" not in said.err


# Parquet that means harm


def hostile(hub, tmp_path, table, **options):
    file = tmp_path / "hostile.parquet"
    if isinstance(table, bytes):
        file.write_bytes(table)
    else:
        pq.write_table(table, file, **options)
    said = say(hub, "signal", "import", file, *WHAT, code=1)
    assert "Traceback" not in said.err
    return said.err


@pytest.mark.nightly
def test_a_file_that_unfolds_to_gigabytes_ends_its_reader_and_no_more(hub, tmp_path):
    page = pa.array([b"\0" * 700_000_000], pa.large_binary())
    table = pa.table({"kind": ["pdq"], "value": page})
    plain = {"use_dictionary": False, "write_statistics": False}  # which take ten seconds to make
    err = hostile(hub, tmp_path, table, compression="zstd", **plain)
    assert "more memory" in err or "the process that reads the file crashed" in err


@pytest.mark.nightly
def test_an_endless_group_of_rows_costs_one_bulk(hub, tmp_path):
    rows = 20_000_000
    kinds = pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int8()).fill_null(0), pa.array(["x"]))
    err = hostile(hub, tmp_path, pa.table({"kind": kinds}), row_group_size=rows)
    assert "No row of lines 1 to 10000 was shared" in err


COLUMNS_OF_NO_FIELD = [
    ({"labels": [{"a": 1}]}, "of type struct"),
    ({"colour": ["red"]}, "no column 'colour'"),
    ({"labels": [[["a"]]]}, "of type list"),
    ({f"c{one}": ["x"] for one in range(70)}, "70 columns"),
]


@pytest.mark.parametrize(
    ("column", "says"), rounds(COLUMNS_OF_NO_FIELD[:1], nightly=COLUMNS_OF_NO_FIELD)
)
def test_a_column_that_no_field_is_of_is_named(hub, tmp_path, column, says):
    assert says in hostile(hub, tmp_path, pa.table(column))


@pytest.mark.nightly
def test_damaged_files_are_no_parquet(hub, tmp_path):
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.table({"kind": ["md5"] * 1000}), whole)
    body = whole.read_bytes()
    for damaged in (b"x" * 100, body[: len(body) // 2], body[:-8] + b"\xff\xff\xff\x7fPAR1"):
        assert "not a readable Parquet file" in hostile(hub, tmp_path, damaged)


def test_the_types_of_other_programs_are_read(tmp_path):
    file = tmp_path / "odd.parquet"
    table = pa.table(
        {
            "value": pa.array([b"\1" * 32], pa.binary(32)),
            "quality": [90.0],
            "confidence": [float("nan")],
            "labels": ["incitement|livestream"],
            "expires_at": pa.array([1_000_000_001], pa.timestamp("ns", tz="Europe/Brussels")),
            "exercise": pa.array([None]),
        }
    )
    pq.write_table(table, file)
    head, row = map(json.loads, b"".join(_lines(pq.ParquetFile(file))).splitlines())
    assert head["rows"] == 1
    assert dict(zip(head["columns"], row, strict=True)) == {
        "value": "01" * 32,
        "quality": 90,
        "confidence": None,
        "labels": ["incitement", "livestream"],
        "expires_at": "1970-01-01T00:00:01+00:00",
        "exercise": None,
    }
    pq.write_table(pa.table({"quality": pa.array([1], pa.duration("s"))}), file)
    with pytest.raises(ColumnError, match="of type duration"):
        list(_lines(pq.ParquetFile(file)))


def test_without_pyarrow_the_command_says_what_to_install(monkeypatch, capsys):
    import typer

    from stemtide.cli.commands.signals.source import check_pyarrow

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(typer.Exit):
        check_pyarrow()
    assert "pip install 'stemtide[parquet]'" in capsys.readouterr().err


# Packing


def packed(found, **limits):
    return list(signal_bulks._packed(iter(found), signal_bulks.ImportOptions(**limits)))


def test_rows_are_packed_by_number_by_bytes_and_by_long_values(monkeypatch):
    monkeypatch.setattr(signal_bulks, "AT_ONCE", 3)
    short = [ParsedLine(line, {"kind": "md5", "value": "a"}) for line in range(2, 9)]
    assert [one.lines for one in packed(short)] == [[2, 3, 4], [5, 6, 7], [8]]
    assert [(one.first, one.last) for one in packed(short)] == [(2, 4), (5, 7), (8, 8)]
    monkeypatch.setattr(signal_bulks, "MAX_BULK_VALUE_BYTES", 10)
    long = [ParsedLine(line, {"kind": "video", "value": "a" * 12}) for line in (1, 2)]
    assert [one.lines for one in packed(long)] == [[1], [2]]
    monkeypatch.setattr(signal_bulks, "AT_ONCE_BYTES", 70)
    wide = [ParsedLine(line, {"kind": "md5", "entity": "a" * 30}) for line in (1, 2)]
    assert [one.lines for one in packed(wide)] == [[1], [2]]


def test_rows_that_cannot_travel_are_set_aside():
    found = [
        ParsedLine(2, LeftOut("withdrawn")),
        ParsedLine(3, BadRow("kind", "is none")),
        ParsedLine(4, {"kind": "md5", "entity": "a\0b"}),
        ParsedLine(5, {"kind": "md5"}),
    ]
    (bulk,) = packed(found)
    assert bulk.lines == [5]
    assert [line for line, _ in bulk.bad] == [3, 4]
    assert bulk.left_out == {"withdrawn": 1}
    assert packed(found, begin=6) == []


FOLDER = "https://bad.example/waits/{}/"


def test_a_share_that_waits_is_called_proposed_by_text_json_and_exit_code(hub, newcomer):
    words = ("signal", "share", *WHAT, "--reach", "folder")
    shared = say(hub, *words, FOLDER.format(newcomer), party=newcomer, code=3)
    assert "url     proposed; published once another person approves it: it covers" in shared.out
    (row,) = say(hub, *words, FOLDER.format(newcomer), "--json", party=newcomer, code=3).rows
    assert row["state"] == "waiting"
    live = say(hub, "signal", "share", f"sha256:{hex_value(77)}", *WHAT, party=newcomer)
    assert live.out.endswith("shared\n")


def test_an_import_of_rows_that_wait_ends_with_3(hub, newcomer, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(f"kind,value,reach\nurl,{FOLDER.format(newcomer)},folder\n", "utf-8")
    *_, sums = imported(hub, file, *WHAT, party=newcomer, code=3)
    assert (sums["created"], sums["waiting"]) == (0, 1)
