# SPDX-License-Identifier: Apache-2.0
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url import canonical as urls
from stemtide.fingerprints.url.canonical import (
    UrlError,
    canonical,
    digest,
    fingerprint_url,
    in_ascii,
)
from tests.rounds import rounds

DOC = (Path(__file__).parents[2] / "docs/understand/urls.md").read_text("utf-8")


def rows(heading, columns):
    """The rows of the tables under the headings that have these column titles."""
    found, reading = [], False
    for line in DOC.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[: len(columns)] == columns:
            reading = True
        elif not line.startswith("|"):
            reading = False
        elif reading and not set(line) <= set("|- "):
            found.append(cells)
    assert found, heading
    return found


def code(cell):
    """What stands between backticks, spaces included."""
    return re.fullmatch(r"`(.*)`", cell)[1]


EXAMPLES = [(code(row[0]), code(row[1])) for row in rows("examples", ["address", "canonical"])]
REFUSED = [(code(row[0]), row[1]) for row in rows("refused", ["address", "the error says"])]


def listed(name):
    block = re.search(rf"<!-- {name} -->(.*?)<!-- /{name} -->", DOC, re.DOTALL)
    return re.findall(r"`([^`]+)`", block[1])


@pytest.mark.parametrize(("address", "expected"), EXAMPLES)
def test_every_example_in_the_docs_is_spelled_as_they_say(address, expected):
    assert canonical(address) == expected
    assert canonical(expected) == expected


@pytest.mark.parametrize(("address", "words"), REFUSED)
def test_what_the_docs_call_no_web_address_is_refused_by_name(address, words):
    with pytest.raises(UrlError) as error:
        canonical(address)
    assert repr(address) in str(error.value)
    assert words in str(error.value)


def test_the_docs_list_every_tracker():
    assert listed("trackers") == sorted(urls.TRACKERS)
    assert listed("prefixes") == sorted(urls.TRACKER_PREFIXES)
    documented = {row[0]: re.findall(r"`([^`]+)`", row[1]) for row in rows("hosts", ["host"])}
    assert documented == {host: sorted(names) for host, names in urls.TRACKERS_AT.items()}


SPELLINGS = [
    "https://www.example.com/video/12?b=2&a=1",
    "http://www.example.com/video/12?b=2&a=1",
    "HTTPS://WWW.Example.COM:443/video/12/?a=1&b=2",
    "example.com/video/12?a=1&b=2#comments",
    "hxxps://www[.]example[.]com/video/12?a=1&b=2",
    "https://user@example.com./video/./x/../12?a=1&b=2&utm_campaign=c&fbclid=d",
    "https://example.com//video//%31%32?&a=1&&b=2",
    "http:\\\\example.com\\video\\12?a=%31&b=2",
]


def test_equal_addresses_have_one_digest():
    assert len({fingerprint_url(address).value for address in SPELLINGS}) == 1


@pytest.mark.parametrize(
    "other",
    [
        "https://example.com/video/13?a=1&b=2",
        "https://example.com/Video/12?a=1&b=2",
        "https://example.com/video/12?a=2&b=1",
        "https://example.com/video/12?a=1",
        "https://example.com:8443/video/12?a=1&b=2",
        "https://m.example.com/video/12?a=1&b=2",
        "https://example.org/video/12?a=1&b=2",
        "https://example.com/video%2F12?a=1&b=2",
    ],
)
def test_other_addresses_have_other_digests(other):
    assert fingerprint_url(other).value != fingerprint_url(SPELLINGS[0]).value


def test_a_fingerprint_is_the_digest_of_the_canonical_spelling():
    found = fingerprint_url(SPELLINGS[0])
    assert found.kind is Kind.URL
    assert found.value == digest("example.com/video/12?a=1&b=2")
    assert found.value == hashlib.sha256(b"example.com/video/12?a=1&b=2").digest()


def test_an_address_that_is_too_long_is_refused_before_and_after_coding():
    for tail in ("a" * 9000, "ä" * 4000):
        with pytest.raises(UrlError, match=r"longer than 8192 characters.*shorten it"):
            canonical("http://example.com/" + tail)


def test_an_error_shows_no_more_of_an_address_than_fits_a_line():
    with pytest.raises(UrlError) as error:
        canonical("javascript:" + "a" * 5000)
    assert len(str(error.value)) < 300


def spelled(address):
    try:
        return canonical(address)
    except UrlError:
        return None


PIECES = [
    "http", "https", "hxxp", ":", "/", "//", "\\", "?", "#", "#!", "&", "=", "+", "%", "%2", "%2e",
    "%25", "%41", "%zz", "..", ".", "[.]", "(dot)", "[:]", "[", "]", "@", "www.", "WWW.", "example",
    ".com", "1", "0x7f", "::1", ":80", ":443", ":8080", "a", "B", "é", "。", " ", "\t", "\x00",
    "utm_x", "~", "'", '"', "<", ">", "|", "^", "`", "{", "}", "xn--", "\u200b", "\ud800", "😀",
]  # fmt: skip


@given(address=st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@example(address="http://www.www.example.com..//")
@example(address="http://example.com/%25%34%31")
@settings(max_examples=rounds(187, nightly=1500), deadline=None)
def test_the_canonical_spelling_of_a_canonical_spelling_is_itself(address):
    once = spelled(address)
    assert once is None or canonical(once) == once


@given(tail=st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
@settings(max_examples=rounds(125, nightly=1000), deadline=None)
def test_addresses_under_a_good_host_stay_there(tail):
    once = spelled("http://example.com/" + tail)
    if once is not None:
        assert once.isascii()
        assert re.match(r"example\.com(?:$|[/?#])", once)
        assert canonical(once) == once


@pytest.mark.parametrize(
    ("address", "travels"),
    [
        ("https://bücher.example/ü?q=ö#ä", "https://xn--bcher-kva.example/%C3%BC?q=%C3%B6#%C3%A4"),
        ("hxxps://a[.]example/\u0627/1", "https://a.example/%D8%A7/1"),
        ("https://a.example/%d8%a7?q=A&b", "https://a.example/%d8%a7?q=A&b"),
    ],
)
def test_an_address_is_spelled_as_it_travels(address, travels):
    assert in_ascii(address) == travels


@pytest.mark.parametrize("address", ["https://", "ftp://ü.example", "https://ü.example:port/"])
def test_what_is_no_address_does_not_travel(address):
    with pytest.raises(UrlError):
        in_ascii(address)


@given(address=st.text(max_size=60))
@settings(max_examples=rounds(62, nightly=500), deadline=None)
def test_no_text_raises_anything_but_a_url_error(address):
    spelled(address)


def test_addresses_are_spelled_without_loading_numpy_or_pillow():
    program = (
        "import sys, stemtide.fingerprints.url.canonical, stemtide.fingerprints.file;"
        "print(sorted({'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"[]"]
