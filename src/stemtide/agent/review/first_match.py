# SPDX-License-Identifier: Apache-2.0
"""Show that recognition works: match an altered copy of a made-up picture, and decide about it.

Nothing of it reaches a hub or a store: the signal is made up, and so is the authority
behind it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from uuid import uuid4

import numpy as np
from PIL import Image

from stemtide.agent.config.policy import Policies
from stemtide.agent.recognise.policy import Decision, Hit, decide
from stemtide.agent.store.parties import Parties
from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.matching.library import Library
from stemtide.matching.matches import IndexedSignal
from stemtide.protocol.enums import PartyKind, Provenance, Severity, Standing
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.trust.standing import PartyTrust

_SHARER = "test-authority"
_SIDE_PX, _CELLS = 480, 8
_SEED = 7


@dataclass(frozen=True, slots=True)
class FirstMatch:
    """A match of the test picture. picture: the altered copy, as JPEG."""

    picture: bytes
    distance_bits: int
    decision: Decision


def match_test_picture(sandbox: Sandbox, policies: Policies) -> FirstMatch | None:
    """Match a smaller, compressed copy of a test picture; None if it is not recognised.

    raises: SandboxError.
    """
    picture = _picture()
    copy = picture.resize((_SIDE_PX // 2, _SIDE_PX // 2), Image.Resampling.LANCZOS)
    altered = _encoded(copy, "JPEG")
    originals = sandbox.fingerprint(_encoded(picture, "PNG")).of(Kind.PDQ)
    queries = sandbox.analyse(altered, options=AnalysisOptions(views=True)).fingerprints
    if not originals:
        return None
    library = Library()
    library.put([IndexedSignal(0, Kind.PDQ, originals[0].value)])
    (matches,) = library.match_many([queries])
    if not matches:
        return None
    nearest = min(matches, key=lambda match: match.distance_bits)
    signal = _signal(originals[0].hex)
    trust = PartyTrust(_SHARER, PartyKind.AUTHORITY, Standing.TRUSTED)
    parties = Parties(by_name={_SHARER: trust}, are_sent=True)
    hit = Hit(signal, Kind.PDQ, nearest.distance_bits, "", match_percent=100)
    return FirstMatch(altered, nearest.distance_bits, decide([hit], policies, parties))


def sample_picture(seed: int = _SEED) -> bytes:
    """Return a test picture, as PNG. No hub knows it. seed: another one makes another picture."""
    return _encoded(_picture(seed), "PNG")


def _picture(seed: int = _SEED) -> Image.Image:
    """Return soft blots of colour, of which PDQ makes a good fingerprint."""
    cells = np.random.default_rng(seed).integers(0, 256, (_CELLS, _CELLS, 3), np.uint8)
    return Image.fromarray(cells).resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BICUBIC)


def _encoded(picture: Image.Image, form: str) -> bytes:
    out = BytesIO()
    picture.save(out, form)
    return out.getvalue()


def _signal(value: str) -> FeedSignal:
    return FeedSignal(
        position=0,
        id=uuid4(),
        kind=Kind.PDQ,
        value=value,
        quality=100,
        within_bits=None,
        content=None,
        labels=["perpetrator-content"],
        severity=Severity.CRITICAL,
        provenance=Provenance.PERPETRATOR,
        confidence=95,
        tlp=Tlp.AMBER,
        pap=Pap.GREEN,
        disputed=False,
        crisis=None,
        exercise=False,
        shared_by=_SHARER,
        shared_at=datetime.now(UTC),
        expires_at=None,
    )
