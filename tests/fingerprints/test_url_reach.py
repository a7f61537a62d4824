# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from hypothesis import given, settings, strategies as st

from stemtide.fingerprints.kinds import Fingerprint, Kind
from stemtide.fingerprints.url.canonical import (
    SHARED,
    SITES,
    UrlClass,
    UrlError,
    canonical,
    digest,
    url_class,
)
from stemtide.fingerprints.url.reach import (
    MAX_FOLDERS,
    UrlScope,
    expressions,
    fingerprints_of_url,
    prefix_of,
    print_of_url,
    rule_of,
)
from tests.rounds import rounds

PAGE = "https://video.example.co.uk:8443/clips/2026/12.html?id=7"


def spelled(url, reach=None):
    return [one for at, one in expressions(canonical(url)) if reach in {None, at}]


def test_an_address_is_looked_up_under_itself_its_folders_and_its_hosts():
    assert spelled(PAGE) == [
        "video.example.co.uk:8443/clips/2026/12.html?id=7",
        "video.example.co.uk/clips/2026/12.html/",
        "example.co.uk/clips/2026/12.html/",
        "video.example.co.uk/clips/2026/",
        "example.co.uk/clips/2026/",
        "video.example.co.uk/clips/",
        "example.co.uk/clips/",
        "video.example.co.uk/",
        "example.co.uk/",
    ]


def test_no_address_has_more_than_26_expressions():
    deep = "http://a.b.c.d.e.f.g.example.com/1/2/3/4/5/6/7?q#!x"
    found = spelled(deep)
    assert len(found) == len(set(found)) == 26
    assert spelled(deep, UrlScope.HOST) == [
        "a.b.c.d.e.f.g.example.com/",
        "e.f.g.example.com/",
        "f.g.example.com/",
        "g.example.com/",
        "example.com/",
    ]


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://co.uk/a", []),
        ("http://someone.github.io/a", ["someone.github.io/"]),
        ("http://x.someone.blogspot.com", ["x.someone.blogspot.com/", "someone.blogspot.com/"]),
        ("http://someone.tumblr.com", ["someone.tumblr.com/"]),
        ("http://tumblr.com/a", []),
        ("http://m.facebook.com/someone", []),
        ("http://bit.ly/a", []),
        ("http://localhost/a", []),
        ("http://192.0.2.7/a", ["192.0.2.7/"]),
        ("http://[2001:db8::1]:8080/a", ["[2001:db8::1]/"]),
    ],
)
def test_no_expression_covers_a_public_suffix_or_a_shared_host(url, hosts):
    assert spelled(url, UrlScope.HOST) == hosts


@pytest.mark.parametrize(
    ("url", "folders"),
    [
        ("https://www.youtube.com/watch?v=abc", []),
        ("https://youtu.be/@me/x", ["youtu.be/@me/x/", "youtu.be/@me/"]),
        ("https://m.x.com/me", ["m.x.com/me/", "x.com/me/"]),
        ("https://mega.nz/file/abc", ["mega.nz/file/abc/"]),
        ("https://t.me/someone/7", ["t.me/someone/7/", "t.me/someone/"]),
        ("https://t.me/s/someone", ["t.me/s/someone/"]),
        ("https://x.com/I/Status/7", ["x.com/I/Status/7/"]),
    ],
)  # fmt: skip
def test_no_folder_covers_what_is_nobodys_in_particular(url, folders):
    assert spelled(url, UrlScope.FOLDER) == folders


def test_a_rule_is_one_of_the_expressions_of_what_it_covers():
    assert rule_of(PAGE, reach=UrlScope.ADDRESS) == canonical(PAGE)
    for url, reach in (
        ("http://example.co.uk", UrlScope.HOST),
        ("http://video.example.co.uk/any?page", UrlScope.HOST),
        ("http://example.co.uk/clips/", UrlScope.FOLDER),
        ("https://video.example.co.uk/clips/2026", UrlScope.FOLDER),
        (PAGE, UrlScope.FOLDER),
    ):
        assert rule_of(url, reach=reach) in spelled(PAGE, reach)
    for other in ("http://example.co.uk/clip", "http://ample.co.uk/clips"):
        assert rule_of(other, reach=UrlScope.FOLDER) not in spelled(PAGE)


@pytest.mark.parametrize(
    ("url", "reach", "words"),
    [
        ("http://co.uk", UrlScope.HOST, "what many people publish"),
        ("http://www.youtube.com", UrlScope.HOST, "what many people publish"),
        ("http://mobile.x.com/someone", UrlScope.HOST, "what many people publish"),
        ("http://youtube.com/watch?v=1", UrlScope.FOLDER, "what many people publish"),
        ("http://drive.google.com/file", UrlScope.FOLDER, "what many people publish"),
        ("http://bit.ly/a", UrlScope.HOST, "what many people publish"),
        ("http://example.com", UrlScope.FOLDER, "names no folder"),
        ("http://example.com/1/2/3/4/5", UrlScope.FOLDER, "share a shorter one"),
        ("javascript:alert(1)", UrlScope.HOST, "only http and https"),
    ],
)
def test_a_rule_that_would_reach_too_far_is_refused_with_a_remedy(url, reach, words):
    with pytest.raises(UrlError, match=re.escape(words)):
        rule_of(url, reach=reach)


def test_a_folder_signal_covers_the_page_named_like_it_and_an_address_signal_does_not():
    folder = digest(rule_of("http://example.com/a", reach=UrlScope.FOLDER))
    address = digest(rule_of("http://example.com/a", reach=UrlScope.ADDRESS))
    below = print_of_url("http://example.com/a/b?c")
    assert print_of_url("http://example.com/a").check([folder]) is UrlScope.FOLDER
    assert print_of_url("http://example.com/a").check([folder, address]) is UrlScope.ADDRESS
    assert below.check([folder]) is UrlScope.FOLDER
    assert below.check([address]) is None


def test_short_links_and_front_pages_are_classes_of_their_own():
    assert url_class("https://bit.ly/abc") is UrlClass.SHORT_LINK
    assert url_class("https://www.example.com/") is UrlClass.SITE
    assert url_class("https://bit.ly") is UrlClass.SITE
    assert url_class("https://example.com/bit.ly") is UrlClass.PAGE
    assert "where it leads is not followed" in print_of_url("http://t.co/x").remarks[0]
    assert print_of_url("http://example.com/x").remarks == ()


def test_a_look_up_tells_four_bytes_of_each_digest_and_nothing_else():
    found = print_of_url(PAGE)
    assert found.prefixes == tuple(sorted({prefix_of(one) for _, one in found.digests}))
    assert {len(one) for one in found.prefixes} == {4}


def test_the_lists_are_spelled_as_hosts_and_folders_are():
    for host, folders in SHARED.items():
        assert canonical(host) == host
        for folder in folders:
            assert len(folder.split("/")) <= MAX_FOLDERS
            assert canonical(f"{host}/{folder}") == f"{host}/{folder}"
    assert all(canonical(host) == host for host in SITES)


def test_an_address_is_known_by_itself_and_looked_up_by_what_it_lies_in():
    (_, own), *wider = print_of_url(PAGE).digests
    made = fingerprints_of_url(PAGE)
    assert made.each == (Fingerprint(Kind.URL, own),)
    assert [(one.kind, one.value) for one in made.views] == [(Kind.URL, one) for _, one in wider]
    assert [one.transform for one in made.views] == [at.name.lower() for at, _ in wider]
    assert made.remarks == ()
    assert "not followed" in fingerprints_of_url("https://bit.ly/abc").remarks[0]


def test_a_bucket_tells_who_asked_what_covers_the_address():
    asked = print_of_url("https://bad.example/video/77")
    folder = digest(rule_of("https://bad.example/video", reach=UrlScope.FOLDER))
    other = prefix_of(asked.digests[0][1]) + bytes(28)
    assert prefix_of(folder) in asked.prefixes
    assert asked.check([other, folder]) is UrlScope.FOLDER
    assert asked.check([other]) is None


PARTS = ["a", "..", "co", "uk", "com", "x.com", "b", "/", "?", "#!", "%2F", "@", ":80", "é"]


@given(tail=st.lists(st.sampled_from(PARTS), max_size=12).map(".".join))
@settings(max_examples=rounds(62, nightly=500), deadline=None)
def test_no_address_is_spelled_like_a_folder_or_a_host(tail):
    try:
        one = canonical(f"http://{tail}.example.com/{tail}")
    except UrlError:
        return
    found = expressions(one)
    assert len(found) <= 26
    for reach, expression in found:
        is_wide = expression.endswith("/") and not {"?", "#"} & set(expression)
        assert is_wide == (reach is not UrlScope.ADDRESS)
