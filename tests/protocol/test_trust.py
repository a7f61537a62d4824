# SPDX-License-Identifier: Apache-2.0
"""Who stands behind a signal, and whether that is enough."""

import pytest

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import PartyKind, Reach, Standing
from stemtide.protocol.trust.standing import Basis, PartyTrust, basis_of, independent


def party(name, kind=PartyKind.PROVIDER, standing=Standing.MEMBER, **more):
    return PartyTrust(name, kind, standing, **more)


AUTHORITY = party("be", PartyKind.AUTHORITY)
AGENCY = party("europol", PartyKind.AGENCY)
GIFCT = party("gifct", PartyKind.CONSORTIUM, Standing.TRUSTED, speaks_for_digests=True)
CONSORTIUM = party("other-list", PartyKind.CONSORTIUM, Standing.TRUSTED)
ONE, TWO = party("one"), party("two")
SISTER = party("one-video", group="one")
OWNED = party("one-photo", group="one")
NEW = party("newcomer", standing=Standing.NEW)
GONE = party("hostile", standing=Standing.SUSPENDED)
NEW_AUTHORITY = party("at", PartyKind.AUTHORITY, Standing.NEW)


@pytest.mark.parametrize(
    ("sharer", "others", "kind", "reach", "basis"),
    [
        (AUTHORITY, [], Kind.PDQ, None, Basis.SPEAKS_ALONE),
        (AGENCY, [], Kind.URL, Reach.ADDRESS, Basis.SPEAKS_ALONE),
        (AUTHORITY, [], Kind.URL, Reach.FOLDER, Basis.WHOLE_SITE),
        (AUTHORITY, [ONE], Kind.URL, Reach.HOST, Basis.CONFIRMED),
        (NEW_AUTHORITY, [], Kind.SHA256, None, Basis.UNVETTED),
        (GIFCT, [], Kind.SHA256, None, Basis.SPEAKS_ALONE),
        (GIFCT, [], Kind.PDQ, None, Basis.UNCONFIRMED),
        (CONSORTIUM, [], Kind.SHA256, None, Basis.UNCONFIRMED),
        (CONSORTIUM, [ONE], Kind.PDQ, None, Basis.CONFIRMED),
        (ONE, [], Kind.SHA256, None, Basis.UNCONFIRMED),
        (ONE, [TWO], Kind.VIDEO, None, Basis.CONFIRMED),
        (ONE, [AUTHORITY], Kind.VIDEO, None, Basis.SPEAKS_ALONE),
        (SISTER, [OWNED], Kind.SHA256, None, Basis.UNCONFIRMED),
        (SISTER, [OWNED, TWO], Kind.SHA256, None, Basis.CONFIRMED),
        (NEW, [], Kind.SHA256, None, Basis.UNVETTED),
        (NEW, [ONE], Kind.SHA256, None, Basis.UNVETTED),
        (NEW, [ONE, TWO], Kind.SHA256, None, Basis.CONFIRMED),
        (ONE, [NEW], Kind.SHA256, None, Basis.UNCONFIRMED),
        (GONE, [], Kind.SHA256, None, Basis.SUSPENDED),
        (GONE, [ONE], Kind.SHA256, None, Basis.SUSPENDED),
        (GONE, [ONE, TWO], Kind.SHA256, None, Basis.CONFIRMED),
        (ONE, [GONE], Kind.SHA256, None, Basis.UNCONFIRMED),
    ],
)
def test_what_stands_behind_a_signal_decides(sharer, others, kind, reach, basis):
    assert basis_of(sharer, others, kind=kind, reach=reach) is basis
    assert basis.is_enough is (basis in {Basis.SPEAKS_ALONE, Basis.CONFIRMED})


def test_a_party_that_confirms_twice_counts_once():
    assert independent([ONE, ONE, TWO]) == 2
