# SPDX-License-Identifier: Apache-2.0
"""What an address hints at: a protected purpose, or that it shows more than one item."""

import pytest

from stemtide.protocol.law.doubts import Hints, Inexact, hints


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.spiegel.de/a/7", ("journalistic", "spiegel.de")),
        ("https://notspiegel.de/a/7", None),
        ("https://video.example/@bbcnews/videos/7", ("journalistic", "bbcnews")),
        ("https://x.com/bbcnews/status/7", ("journalistic", "bbcnews")),
        ("https://video.example/newsTeam/7", ("journalistic", "news")),
        ("https://video.example/user/city_museum", ("artistic", "museum")),
        ("https://cs.uni.ac.uk/7", ("educational", "ac.uk")),
        ("https://zenodo.org/records/7", ("research", "zenodo.org")),
        ("https://video.example/v/attack-on-a-museum", None),
        ("https://video.example/newsletter/7", None),
        ("https://forum.example/thread/7", None),
        ("small-forum.example/nieuws/7", ("journalistic", "nieuws")),
    ],
)
def test_a_source_is_known_by_its_host_its_section_or_its_account(url, expected):
    assert hints().source_of(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://video.example/search?q=attack", Inexact.SEARCH),
        ("https://forum.example/?q=attack", Inexact.SEARCH),
        ("https://video.example/watch?v=7&q=attack", None),
        ("https://video.example/hashtag/attack", Inexact.LISTING),
        ("https://video.example/tag/attack/7", None),
        ("https://video.example/@somebody", Inexact.PROFILE),
        ("https://video.example/@somebody/videos", Inexact.PROFILE),
        ("https://video.example/@somebody/7", None),
        ("https://video.example/channel/UC7", Inexact.PROFILE),
        ("https://video.example/channel/UC7/7", None),
        ("https://video.example/user/somebody?item=7", None),
        ("https://t.me/somechannel", Inexact.PROFILE),
        ("https://t.me/somechannel/7", None),
        ("https://forum.example/#/thread/7", Inexact.FRAGMENT),
        ("https://forum.example/thread/7#post-9", None),
        ("https://forum.example/", None),
    ],
)
def test_an_address_that_shows_more_than_one_item_is_known(url, expected):
    assert hints().inexact(url) is expected


def test_each_list_has_its_source_and_small_letters():
    lists = hints()
    assert isinstance(lists, Hints)
    assert lists.dated.year >= 2026
    words = set().union(*(source.words | source.hosts for source in lists.sources.values()))
    assert words == {word.lower() for word in words}
    assert all(source.source for source in lists.sources.values())
