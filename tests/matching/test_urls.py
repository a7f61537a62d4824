# SPDX-License-Identifier: Apache-2.0
import hashlib
import threading

import pytest

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.url import canonical, digest
from stemtide.fingerprints.url_reach import Reach, prefix_of, print_of_url, rule_of
from stemtide.matching.urls import UrlFinder


def signal(url, reach=Reach.ADDRESS):
    return digest(rule_of(url, reach=reach))


def keys(finder, url):
    return [(one.key, one.transform) for one in finder.find(print_of_url(url).to_bytes())]


@pytest.fixture
def finder():
    made = UrlFinder()
    made.put(
        [1, 2, 3, 4],
        [
            signal("https://bad.example/video/12"),
            signal("https://bad.example/video", Reach.FOLDER),
            signal("https://bad.example", Reach.HOST),
            signal("https://other.example/video/12"),
        ],
    )
    return made


def test_an_address_meets_its_signal_its_folders_and_its_hosts_narrowest_first(finder):
    assert keys(finder, "HXXP://www.bad.example:80/video/12/?utm_source=x") == [
        (1, ""), (2, "folder"), (3, "host"),
    ]  # fmt: skip
    assert keys(finder, "http://m.bad.example/else") == [(3, "host")]
    assert keys(finder, "http://good.example/video/12") == []


def test_a_bare_digest_is_looked_up_as_an_address(finder):
    found = finder.find(digest(canonical("bad.example/video/12")))
    assert [(one.key, one.score, one.confidence) for one in found] == [(1, 1.0, 1.0)]


def test_a_signal_of_everything_at_a_shared_host_meets_nothing():
    finder = UrlFinder()
    finder.put([1, 2], [digest("youtube.com/"), digest("youtube.com/watch/")])
    assert keys(finder, "https://www.youtube.com/watch?v=abc") == []


def test_a_bucket_answers_without_being_told_the_address(finder):
    asked = print_of_url("https://bad.example/video/77")
    answered = finder.buckets(asked.prefixes)
    assert asked.check(answered) is Reach.FOLDER
    assert finder.bucket(prefix_of(signal("https://other.example/video/12"))) == [
        signal("https://other.example/video/12")
    ]
    assert print_of_url("https://good.example/").check(answered) is None


def test_a_bucket_holds_every_digest_that_begins_so_each_once():
    finder = UrlFinder()
    twins = [b"same" + hashlib.sha256(bytes((at,))).digest()[:28] for at in range(5)]
    finder.put(range(10), twins * 2)
    assert finder.bucket(b"same") == sorted(twins)
    assert finder.bucket(b"none") == []
    finder.drop([0, 5, 1])
    assert finder.bucket(b"same") == sorted(twins[1:])


@pytest.mark.parametrize("prefix", [b"", b"abc", b"abcde"])
def test_a_prefix_of_another_length_is_refused(finder, prefix):
    with pytest.raises(FingerprintError, match="4 bytes"):
        finder.bucket(prefix)


def test_a_key_that_is_put_again_takes_its_place(finder):
    finder.put([1], [signal("https://new.example/a")])
    assert len(finder) == 4
    assert keys(finder, "https://bad.example/video/12") == [(2, "folder"), (3, "host")]
    assert keys(finder, "https://new.example/a") == [(1, "")]
    finder.put([1], [signal("https://new.example/a")])
    assert keys(finder, "https://new.example/a") == [(1, "")]


def test_what_is_dropped_is_gone_and_unknown_keys_are_ignored(finder):
    finder.drop([1, 1, 99])
    finder.drop([2, 3, 4])
    assert len(finder) == 0
    assert keys(finder, "https://bad.example/video/12") == []
    assert finder._buckets == {}


def test_values_of_another_length_are_refused_and_change_nothing(finder):
    with pytest.raises(FingerprintError, match="32 bytes"):
        finder.put([8, 9], [bytes(32), bytes(31)])
    assert len(finder) == 4
    with pytest.raises(FingerprintError):
        finder.find(bytes(31))


def test_an_address_that_is_put_again_and_again_is_found_all_the_time():
    finder, stop, missed = UrlFinder(), threading.Event(), []
    first, second = signal("https://a.example/x"), signal("https://a.example", Reach.HOST)
    asked = print_of_url("https://a.example/x").to_bytes()
    finder.put([1], [first])

    def read():
        while not stop.is_set():
            if not finder.find(asked):
                missed.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for at in range(3000):
        finder.put([1, 2], [second if at % 2 else first, first])
        finder.drop([2])
    stop.set()
    reader.join()
    assert not missed
