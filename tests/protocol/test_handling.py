# SPDX-License-Identifier: Apache-2.0
import pytest

from stemtide.protocol.enums import Action, PartyKind
from stemtide.protocol.handling import PAP_ALLOWS, TLP_ALLOWS, Pap, Tlp, may_receive

# Written out, never computed: which kind of party receives a signal of which label when the
# sharer named nobody.
WITHOUT_AUDIENCE = {
    Tlp.RED: {},
    Tlp.AMBER_STRICT: {"authority", "agency", "provider", "consortium"},
    Tlp.AMBER: {"authority", "agency", "provider", "consortium"},
    Tlp.GREEN: {"authority", "agency", "provider", "consortium", "observer"},
    Tlp.CLEAR: {"authority", "agency", "provider", "consortium", "observer"},
}


@pytest.mark.parametrize("kind", PartyKind)
@pytest.mark.parametrize("tlp", Tlp)
def test_without_an_audience_the_label_says_which_kinds_receive(tlp, kind):
    got = may_receive("someone", kind, tlp=tlp, audience=frozenset(), shared_by="sharer")
    assert got == (kind in WITHOUT_AUDIENCE[tlp])


@pytest.mark.parametrize("kind", PartyKind)
@pytest.mark.parametrize("tlp", Tlp)
def test_with_an_audience_only_the_named_receive(tlp, kind):
    named = frozenset({"named"})
    assert may_receive("named", kind, tlp=tlp, audience=named, shared_by="sharer")
    assert not may_receive("someone", kind, tlp=tlp, audience=named, shared_by="sharer")


@pytest.mark.parametrize("tlp", Tlp)
def test_the_sharer_always_sees_its_own(tlp):
    assert may_receive(
        "sharer", PartyKind.OBSERVER, tlp=tlp, audience=frozenset({"named"}), shared_by="sharer"
    )


def test_a_name_that_contains_another_is_not_that_other():
    named = frozenset({"big-videos"})
    assert not may_receive(
        "videos", PartyKind.PROVIDER, tlp=Tlp.RED, audience=named, shared_by="sharer"
    )


def test_every_label_says_what_it_allows():
    assert set(TLP_ALLOWS) == set(Tlp)
    assert PAP_ALLOWS == {
        Pap.RED: Action.LOG,
        Pap.AMBER: Action.HOLD,
        Pap.GREEN: Action.BLOCK,
        Pap.CLEAR: Action.BLOCK,
    }
