# SPDX-License-Identifier: Apache-2.0
"""The package of docs/use/connect/tmk.md: .tmk files, read and compared as the format says.

The files are made here, of made-up features of frames, by the formulas of the paper.
"""

import struct

import numpy as np
import pytest

from stemtide.fingerprints.external.installed import installed_types
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.contract_check import check_contract
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.values.external import unpack
from tests.agent.world import agent_of, config_of
from tests.signal_types import TMK_PAGE, folder, install, value_of

__all__ = ["folder"]

PERIODS = (2731, 4391, 9767, 14653)
WAVES, WIDTH = 32, 256


@pytest.fixture
def tmk(folder):
    """The installed type and its module."""
    install(folder, page=TMK_PAGE)
    import example_tmk

    return example_tmk, installed_types()["example.tmk"]


def film(seed, frames=300):
    """Features of frames: scenes of 25 frames, of features that no other seed has."""
    rng = np.random.default_rng(seed)
    scenes = rng.normal(0, 1, (frames // 25, WIDTH)) + rng.normal(0, 0.5, WIDTH)
    return np.repeat(scenes, 25, axis=0)


def file_of(features, weights, *, at=0):
    """A .tmk file of a film whose first frame has this number."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    numbers = np.arange(at, at + len(features))
    rows = {"cos": [], "sin": []}
    for period in PERIODS:
        for wave in range(WAVES):
            angle = 2 * np.pi * wave * numbers / period
            for name, turn in (("cos", np.cos(angle)), ("sin", np.sin(angle))):
                total = turn @ unit
                length = np.linalg.norm(total) if wave or name == "cos" else 1
                rows[name].append(total / length * np.sqrt(weights[wave]))
    head = struct.pack("<12s5i", b"TMK1FVECPDQF", 15, 4, WAVES, WIDTH, len(features))
    average = features.mean(axis=0)
    floats = np.concatenate([weights, average, np.ravel(rows["cos"]), np.ravel(rows["sin"])])
    return head + np.array(PERIODS, "<i4").tobytes() + floats.astype("<f4").tobytes()


def slow_level_2(module, one, other):
    """Compute the score as it is defined: each shift of each period, one by one."""
    best = -1.0
    waves = np.arange(1, WAVES)
    for at, period in enumerate(PERIODS):
        dots = {
            (a, b): module.WEIGHTS * (getattr(one, a)[at] * getattr(other, b)[at]).sum(-1)
            for a in ("cos", "sin")
            for b in ("cos", "sin")
        }
        even = (dots["cos", "cos"] + dots["sin", "sin"])[1:]
        odd = (dots["sin", "cos"] - dots["cos", "sin"])[1:]
        for shift in range(period):
            delta = 2 * np.pi * shift / period
            total = dots["cos", "cos"][0]
            total += np.cos(waves * delta) @ even + np.sin(waves * delta) @ odd
            best = max(best, total)
    return best / (module.WEIGHTS[0] + 2 * module.WEIGHTS[1:].sum())


@pytest.mark.nightly
def test_the_package_keeps_every_rule_of_the_contract(tmk):
    with Sandbox() as sandbox:
        broken = [rule for rule in check_contract(tmk[1], sandbox) if not rule.is_kept]
    assert broken == []


def test_a_film_that_begins_later_matches_and_another_does_not(tmk):
    module, kind = tmk
    known = kind.fingerprint(file_of(film(1), module.WEIGHTS))
    later = kind.fingerprint(file_of(film(1), module.WEIGHTS, at=70))
    noisy = film(1) + np.random.default_rng(9).normal(0, 0.3, (300, WIDTH))
    altered = kind.fingerprint(file_of(noisy, module.WEIGHTS))
    other = kind.fingerprint(file_of(film(2), module.WEIGHTS))
    same, moved, changed, far = kind.distances(known, [known, later, altered, other])
    assert same == pytest.approx(0, abs=1e-3)
    assert moved <= kind.threshold
    assert changed <= kind.threshold
    assert far > kind.threshold


def test_scenes_in_another_order_share_the_average_and_score_less_at_level_2(tmk):
    module, _ = tmk
    turned = np.concatenate([film(1, 3000)[1500:][::-1], film(1, 3000)[:1500][::-1]])
    one, other = (
        module.Film.of_file(file_of(features, module.WEIGHTS))
        for features in (film(1, 3000), turned)
    )
    assert module.level_1(one, other) == pytest.approx(1, abs=1e-6)
    assert module.level_2(one, other) < 0.95


@pytest.mark.nightly
def test_the_fast_score_equals_the_slow_one_and_the_value_loses_little(tmk):
    module, kind = tmk
    files = [file_of(film(seed), module.WEIGHTS, at=at) for seed, at in ((1, 0), (1, 40), (2, 0))]
    films = [module.Film.of_file(file) for file in files]
    values = [module.Film.of_value(kind.fingerprint(file)) for file in files]
    for first, second in ((0, 1), (0, 2)):
        exact = module.level_2(films[first], films[second])
        assert exact == pytest.approx(slow_level_2(module, films[first], films[second]), abs=1e-9)
        assert module.level_2(values[first], values[second]) == pytest.approx(exact, abs=0.005)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file[:-4],
        lambda file: file[:12] + struct.pack("<i", 30) + file[16:],
        lambda file: file[:32] + struct.pack("<i", 1) + file[36:],
        lambda file: file[:-4] + struct.pack("<f", float("nan")),
    ],
    ids=["cut off", "other frames a second", "another period", "not a number"],
)
def test_a_file_that_cannot_be_compared_is_refused(tmk, spoil):
    module, kind = tmk
    with pytest.raises(ValueError, match="tmk"):
        kind.fingerprint(spoil(file_of(film(1), module.WEIGHTS)))


def test_other_files_have_no_such_fingerprint(tmk):
    assert tmk[1].fingerprint(b"a film in another format") is None


def test_a_text_form_with_anything_else_in_it_is_refused(tmk):
    text = tmk[1].vectors[0].text
    for wrong in (text[:-4], f"{text}\n", text[:-1] + "!"):
        with pytest.raises(ValueError, match=r".+"):
            tmk[1].from_text(wrong)


def test_an_agent_matches_a_tmk_file_with_a_shared_one(hub, tmp_path, tmk):
    module, kind = tmk
    file = file_of(film(1), module.WEIGHTS)
    signal = hub.share(value_of(kind, kind.to_text(kind.fingerprint(file))).hex(), kind="external")
    (tmp_path / "agent").mkdir()
    with Sandbox() as sandbox, agent_of(config_of(hub, tmp_path), sandbox) as agent:
        agent.wait(position=hub.head, ready=True)
        later, other = (agent.match(file_of(film(seed), module.WEIGHTS, at=30)) for seed in (1, 2))
    (match,) = later["matches"]
    assert (match["signal"], match["kind"]) == (str(signal.id), Kind.EXTERNAL)
    assert match["transform"].startswith("example.tmk")
    assert other["matches"] == []
    assert unpack(bytes.fromhex(signal.value)).name == "example.tmk"
