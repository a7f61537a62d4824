# SPDX-License-Identifier: Apache-2.0
"""A package's signal type, installed as its page says, works from the hub to an agent's match."""

import re
import sys
import threading
import time

import pytest

from stemtide.fingerprints.external.installed import installed_types
from stemtide.fingerprints.external.time_limit import TimeLimit
from stemtide.fingerprints.external.usable import why_unusable
from stemtide.fingerprints.kinds import Fingerprint, FingerprintError, Fingerprints, Kind
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.values.external import unpack
from stemtide.matching.external import ExternalFinder
from stemtide.matching.library import IndexedSignal, Library
from tests.cli.conftest import run_process
from tests.rounds import rounds
from tests.signal_types import MISSING, folder, forget, install, queries, value_of

__all__ = ["folder"]  # a fixture


def run(folder, *words):
    """Run a command where the package is installed."""
    return run_process("signal-types", *words, PYTHONPATH=str(folder))


@pytest.fixture
def package(folder):
    install(folder)
    return installed_types()["example.mean"]


@pytest.mark.nightly
def test_the_packages_contract_holds_in_the_sandbox(folder, package):
    told = run(folder, "check", package.name)
    assert (told.code, "FAIL" in told.out) == (0, False)
    assert "vector 1: fingerprint: made in the sandbox" in told.out
    assert package.name in run(folder, "list").out


BREACHES = [
    (".mean(axis=0)", ".max(axis=0)", "vector 1: fingerprint"),
    ("threshold = 12.0", "threshold = 1.0", "vector 1: near"),
    ("threshold = 12.0", "threshold = 255.0", "vector 1: far"),
    (".max(axis=1)", ".max(axis=1)[:5]", "a distance for each value"),
    ("return value.hex()", "return value.hex()[:-2] + '00'", "vector 1: text form"),
]


@pytest.mark.nightly
@pytest.mark.parametrize(("before", "after", "broken"), BREACHES)
def test_a_package_that_breaks_its_contract_fails_the_check(folder, before, after, broken):
    install(folder, spoil=lambda text: text.replace(before, after))
    told = run(folder, "check", "example.mean")
    assert told.code == 1
    assert re.search(rf"FAIL  {broken}", told.out)


UNUSABLE = [
    ("import base64", "import base64, missing_module", "cannot be loaded"),
    ('name = "example.mean"', 'name = "example.other"', "its name is that of its entry point"),
    ("most_bytes = 48", "most_bytes = 70_000", "most_bytes"),
    ("vectors = (", "vectors = () and (", "test vectors"),
]


@pytest.mark.parametrize(("before", "after", "why"), rounds(UNUSABLE[:1], nightly=UNUSABLE))
def test_a_type_that_cannot_be_used_is_named_and_left_out(folder, before, after, why):
    install(folder, spoil=lambda text: text.replace(before, after))
    assert installed_types() == {}
    assert why in run(folder, "list").out


def test_near_values_match_and_others_do_not(package):
    (vector,) = package.vectors
    library = Library()
    near, far = value_of(package, vector.near[0]), value_of(package, vector.far[0])
    library.put([IndexedSignal(1, Kind.EXTERNAL, near), IndexedSignal(2, Kind.EXTERNAL, far)])
    (match,) = library.match(queries(value_of(package, vector.text)))
    assert (match.key, match.kind, match.transform) == (1, Kind.EXTERNAL, package.name)
    library.drop([1])
    assert library.match(queries(value_of(package, vector.text))) == []


@pytest.mark.usefixtures("folder")
def test_signals_of_a_missing_type_are_kept_through_a_restart_and_never_compared(tmp_path):
    library = Library(directory=tmp_path / "files", identity="one")
    library.put([IndexedSignal(1, Kind.EXTERNAL, MISSING)])
    library.save()
    again = Library(directory=tmp_path / "files", identity="one")
    assert (again.keys().tolist(), again.trouble) == ([1], ())
    assert again.external.skipped() == {"vendor.missing": 1}
    assert again.match(queries(MISSING)) == []


def test_signals_that_waited_for_a_package_are_compared_once_it_is_there(folder, tmp_path):
    install(folder)
    (vector,) = installed_types()["example.mean"].vectors
    value = value_of(installed_types()["example.mean"], vector.text)
    (folder / "example_mean.py").rename(folder / "aside.txt")
    forget()
    library = Library(directory=tmp_path / "files", identity="one")
    library.put([IndexedSignal(1, Kind.EXTERNAL, value)])
    library.save()
    assert library.external.skipped() == {"example.mean": 1}
    (folder / "aside.txt").rename(folder / "example_mean.py")
    forget()
    again = Library(directory=tmp_path / "files", identity="one")
    assert [match.key for match in again.match(queries(value))] == [1]
    assert again.external.skipped() == {}


def test_a_type_that_fails_to_compare_is_named_and_other_kinds_go_on(package, monkeypatch):
    def fail(*_):
        raise RuntimeError

    value = value_of(package, package.vectors[0].text)
    library = Library()
    library.put([IndexedSignal(1, Kind.EXTERNAL, value), IndexedSignal(2, Kind.MD5, bytes(16))])
    monkeypatch.setattr(type(package), "distances", fail)
    both = Fingerprints((*queries(value).each, Fingerprint(Kind.MD5, bytes(16))))
    assert [match.key for match in library.match(both)] == [2]
    assert "failed to compare (RuntimeError)" in library.external.troubles[package.name]


def test_a_type_that_hangs_is_named_and_other_kinds_go_on(package, monkeypatch):
    """It is not called again before its first call returns, and compares then."""
    release, real = threading.Event(), type(package).distances
    called = []

    def hang(self, value, others):
        called.append(value)
        release.wait()
        return real(self, value, others)

    value = value_of(package, package.vectors[0].text)
    library = Library()
    library._finders[Kind.EXTERNAL] = ExternalFinder(TimeLimit(0.2))
    library.put([IndexedSignal(1, Kind.EXTERNAL, value), IndexedSignal(2, Kind.MD5, bytes(16))])
    monkeypatch.setattr(type(package), "distances", hang)
    both = Fingerprints((*queries(value).each, Fingerprint(Kind.MD5, bytes(16))))
    for why in ("no answer in 0.2 s", "an earlier call has not returned"):
        assert [match.key for match in library.match(both)] == [2]
        assert why in library.external.troubles[package.name]
    assert len(called) == 1
    release.set()
    assert [match.key for match in _match_later(library, both)] == [1, 2]
    assert library.external.troubles == {}


def _match_later(library, prints):
    """Match once the call that hung has returned."""
    for _ in range(1000):
        if len(matches := library.match(prints)) > 1:
            break
        time.sleep(0.01)
    return sorted(matches, key=lambda match: match.key)


def test_a_type_that_hangs_over_a_value_does_not_compare_it(package, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(type(package), "to_text", lambda *_: release.wait())
    finder = ExternalFinder(TimeLimit(0.2))
    finder.put([1], [value_of(package, package.vectors[0].text)])
    release.set()
    assert finder.skipped() == {package.name: 1}
    assert "failed to check values" in finder.troubles[package.name]


def test_a_type_that_fails_on_content_leaves_a_remark_and_the_other_fingerprints(folder):
    install(folder, spoil=lambda text: text.replace("parts = [", "parts = 1 / 0, ["))
    content = installed_types()["example.mean"].vectors[0].content
    with Sandbox() as sandbox:
        prints = sandbox.analyse(content).fingerprints
    assert prints.is_incomplete
    assert "the signal type example.mean failed (ZeroDivisionError)" in prints.remarks[-1]
    assert prints.of(Kind.SHA256) or prints.of(Kind.PDQ)


def test_a_type_gets_no_file_and_no_network(folder):
    install(
        folder,
        spoil=lambda text: text.replace("parts = [", "open('/etc/hostname').read(); parts = ["),
    )
    content = installed_types()["example.mean"].vectors[0].content
    with Sandbox() as sandbox:
        prints = sandbox.analyse(content).fingerprints
    assert prints.of(Kind.EXTERNAL) == ()
    assert "example.mean failed" in prints.remarks[-1]


def test_a_name_in_a_value_imports_nothing(folder):
    (folder / "vendor").mkdir()
    (folder / "vendor/__init__.py").write_text("raise SystemExit('imported')", "utf-8")
    (folder / "vendor/missing.py").write_text("raise SystemExit('imported')", "utf-8")
    assert "whose package is not installed here" in why_unusable(MISSING)
    assert "vendor" not in sys.modules


@pytest.mark.parametrize(
    "packed",
    [
        *(b"", b"example.mean", b"example.mean\0", b"\0x", b"../x.y\0x", b"os\0x", b"A.b\0x"),
        b"example.mean\0" + bytes(65_537),
    ],
)
def test_a_value_without_a_type_or_too_long_is_refused(packed):
    with pytest.raises(FingerprintError):
        unpack(packed)


@pytest.mark.nightly
def test_the_text_form_becomes_the_value_of_a_signal(folder, package):
    text = package.vectors[0].text
    told = run(folder, "value", package.name, text)
    assert bytes.fromhex(told.out.strip()) == value_of(package, text)
    assert run(folder, "value", package.name, text.upper()).code == 1
