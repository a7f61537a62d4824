# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S311 - repeatable on purpose
import random
import threading

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.text.fingerprint import TextPrint, sketch
from stemtide.matching.text.passages import (
    COMMON_IN_TEXTS,
    FEWEST_SHARED,
    PassageFinder,
    bundled_background,
    confidence_of,
)
from tests.fingerprints.texts import ideographs, prose
from tests.rounds import rounds

BOOKS = {key: prose(f"book {key}", 3000) for key in range(8)}


def value(text):
    return sketch(text).to_bytes()


def excerpt(text, start, count):
    return " ".join(text.split()[start : start + count])


def keys(finder, text):
    return [one.key for one in finder.find(value(text))]


@pytest.fixture(scope="module")
def library():
    finder = PassageFinder()
    finder.put(list(BOOKS), [value(text) for text in BOOKS.values()])
    return finder


def test_unrelated_texts_do_not_match(library):
    for seed in range(60):
        assert library.find(value(prose(f"else {seed}", 2000))) == []
        assert library.find(value(ideographs(seed, 2000))) == []


def test_a_copy_is_found_with_all_of_its_passages(library):
    (found,) = library.find(value(BOOKS[3].upper()))
    assert (found.key, found.transform) == (3, "")
    assert found.confidence > 0.99
    (passage,) = library.passages(sketch(BOOKS[3]))
    assert (passage.of_query, passage.of_signal) == (1.0, 1.0)


def test_how_texts_relate_is_said(library):
    cut = excerpt(BOOKS[2], 500, 900)
    long = f"{prose('before', 3000)} {cut} {prose('after', 3000)}"
    said = {
        "quote": excerpt(BOOKS[2], 100, 100),
        "excerpt": cut,
        "passage": long,
        "embedded": f"{prose('before', 5000)} {BOOKS[2]} {prose('after', 5000)}",
        "": f"{BOOKS[2]} {prose('a little more', 300)}",
    }
    for words, text in said.items():
        found = library.find(value(text))
        assert [(one.key, one.transform) for one in found] == [(2, words)]


@pytest.mark.parametrize("words", rounds([40], nightly=[40, 60, 100]))
def test_short_quotes_inside_other_text_are_found(library, words):
    rng, found = random.Random(words), 0
    for trial in range(40):
        quote = excerpt(BOOKS[1], rng.randrange(2800), words)
        post = f"{prose(f'x{trial}', 300)} {quote} {prose(f'y{trial}', 300)}"
        found += keys(library, post) == [1]
    assert found >= 38


def test_passages_removed_and_words_changed_leave_the_rest_to_be_found(library):
    rng = random.Random(5)
    words = BOOKS[4].split()
    gone = " ".join(words[at] for at in range(len(words)) if at // 100 % 3)
    assert keys(library, gone) == [4]
    changed = " ".join(word if rng.random() > 0.15 else "other" for word in words)
    assert keys(library, changed) == [4]


def test_passages_of_two_texts_find_both_the_longer_first(library):
    both = excerpt(BOOKS[5], 0, 100) + " " + excerpt(BOOKS[6], 0, 300)
    assert keys(library, both) == [6, 5]


def test_unspaced_text_is_found_by_an_excerpt():
    finder, book = PassageFinder(), ideographs("book", 3000)
    finder.put([7], [value(book)])
    assert keys(finder, ideographs("x", 500) + book[1000:1120] + ideographs("y", 500)) == [7]
    assert keys(finder, ideographs("z", 3000)) == []


def test_boilerplate_is_no_match():
    notice = (
        "Unless required by applicable law or agreed to in writing, software distributed under the"
        " License is distributed on an AS IS BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND,"
        " either express or implied. See the License for the specific language governing"
        " permissions and limitations under the License."
    )
    finder = PassageFinder()
    finder.put([1], [value(f"{BOOKS[1]} {notice}")])
    assert keys(finder, f"{BOOKS[2]} {notice}") == []
    assert keys(finder, f"{excerpt(BOOKS[1], 0, 80)} {notice}") == [1]
    assert len(bundled_background()) > 1000


def test_a_party_may_add_its_own_boilerplate():
    footer = prose("a footer", 200)
    finder = PassageFinder(background=[value(footer)])
    finder.put([1], [value(f"{BOOKS[1]} {footer}")])
    assert keys(finder, f"{BOOKS[2]} {footer}") == []


def test_what_many_different_texts_hold_is_no_match_and_what_many_versions_hold_is():
    shared, count = prose("in all of them", 120), 2 * COMMON_IN_TEXTS
    different = PassageFinder()
    different.put(range(count), [value(f"{prose(f'd{at}', 400)} {shared}") for at in range(count)])
    assert keys(different, f"{prose('new', 400)} {shared}") == []
    assert keys(different, f"{prose('d7', 400)} {shared}") == [7]
    versions = PassageFinder()
    versions.put(range(count), [value(f"{BOOKS[1]} version {at}") for at in range(count)])
    assert keys(versions, excerpt(BOOKS[1], 300, 100)) == list(range(count))


def test_sketches_of_different_rates_are_compared_on_what_both_keep():
    thin = sketch(BOOKS[1]).at_most(120)
    assert thin.rate_bits > 2
    finder = PassageFinder()
    finder.put([1, 2], [thin.to_bytes(), value(BOOKS[1])])
    for query in (sketch(BOOKS[1]), thin):
        for passage in finder.passages(query):
            assert 0.8 < passage.of_query <= 1
            assert 0.8 < passage.of_signal <= 1


def test_confidence_grows_with_what_is_shared():
    sure = [confidence_of(telling) for telling in range(200)]
    assert sure == sorted(sure)
    assert sure[FEWEST_SHARED - 1] == 0
    assert 0.3 < sure[FEWEST_SHARED] < sure[-1] < 1


# What is held


def test_the_same_key_again_replaces_and_dropped_keys_are_gone():
    finder = PassageFinder()
    finder.put([1, 2], [value(BOOKS[1]), value(BOOKS[2])])
    finder.put([1], [value(BOOKS[3])])
    assert (len(finder), keys(finder, BOOKS[1]), keys(finder, BOOKS[3])) == (2, [], [1])
    finder.put([5, 5], [value(BOOKS[5]), value(BOOKS[6])])
    assert (keys(finder, BOOKS[5]), keys(finder, BOOKS[6])) == ([], [5])
    finder.drop([1, 1, 77])
    assert (len(finder), keys(finder, BOOKS[3]), keys(finder, BOOKS[2])) == (2, [], [2])


def test_a_value_that_is_no_sketch_changes_nothing():
    finder = PassageFinder()
    with pytest.raises(FingerprintError):
        finder.put([1, 2], [value(BOOKS[1]), b"no sketch"])
    assert len(finder) == 0
    with pytest.raises(FingerprintError):
        finder.find(b"")


def test_empty_sketches_and_empty_finders_match_nothing(library):
    finder = PassageFinder()
    assert finder.find(value(BOOKS[1])) == []
    finder.put([], [])
    finder.put([1], [value("")])
    assert len(finder) == 1
    assert finder.find(value(BOOKS[1])) == []
    assert library.find(value("")) == []


def made(numbers):
    return TextPrint(np.unique(np.array(sorted(numbers), np.uint64)), 99).to_bytes()


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "drop"]),
        st.integers(0, 9),
        st.sets(st.integers(0, 30), max_size=12),
    ),
    max_size=40,
)


@given(steps=steps, query=st.sets(st.integers(0, 30), max_size=20))
@settings(max_examples=rounds(18, nightly=150), deadline=None)
def test_it_finds_what_counting_by_hand_finds_whatever_was_put_and_dropped(steps, query):
    finder, held = PassageFinder(), {}
    for kind, key, numbers in steps:
        if kind == "put":
            finder.put([key], [made(numbers)])
            held[key] = numbers
        else:
            finder.drop([key])
            held.pop(key, None)
    shared = {key: len(numbers & query) for key, numbers in held.items()}
    expected = {key: count for key, count in shared.items() if count >= FEWEST_SHARED}
    assert {one.key: one.score for one in finder.find(made(query))} == expected
    assert len(finder) == len(held)


def test_much_put_and_dropped_takes_no_more_room_than_what_is_held():
    finder, rng = PassageFinder(), np.random.default_rng(3)
    for round_ in range(40):
        values = [
            TextPrint(np.unique(rng.integers(0, 1 << 62, 50, np.uint64)), 999) for _ in range(20)
        ]
        finder.put(range(20), [one.to_bytes() for one in values])
        assert [one.key for one in finder.find(values[round_ % 20].to_bytes())] == [round_ % 20]
    segments, texts = finder._published
    assert sum(len(segment) for segment in segments) <= 2 * 20 * 50
    assert texts.count <= 2 * 64
    assert len(segments) <= 8


def test_a_text_that_is_put_again_and_again_is_found_all_the_time():
    finder, stop, missed = PassageFinder(), threading.Event(), []
    first, second = value(BOOKS[1]), value(f"{BOOKS[1]} and more of the same in the end")
    query = value(excerpt(BOOKS[1], 100, 200))
    finder.put([1], [first])

    def read():
        while not stop.is_set():
            missed.extend(finder.find(query)[1:] or [] if finder.find(query) else [None])

    reader = threading.Thread(target=read)
    reader.start()
    for at in range(300):
        finder.put([1], [second if at % 2 else first])
        finder.put([2], [value("something else")])
        finder.drop([2])
    stop.set()
    reader.join()
    assert not missed
