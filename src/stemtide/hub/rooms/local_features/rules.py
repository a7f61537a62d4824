# SPDX-License-Identifier: Apache-2.0
"""Rules for local features: who may send, remove and read them, and with which signals."""

from dataclasses import dataclass

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.matching.common.nearness import Nearness
from stemtide.protocol.enums import PartyKind, SignalState
from stemtide.protocol.handling import Tlp
from stemtide.protocol.sync.local_features import MAX_LOCAL_FEATURES

MAX_A_PARTY = MAX_LOCAL_FEATURES // 5
"""Most pictures whose local features a party shares at a time: none takes the place of all."""

NARROW_TLPS = frozenset({Tlp.RED, Tlp.AMBER_STRICT, Tlp.AMBER})
"""Marks under which local features may be sent. A recipient may pass on what has another mark."""


@dataclass(frozen=True, slots=True)
class LocalFacts:
    """The facts about a signal that the rules need.

    of_party, of_hub: pictures whose local features the hub has, of the sharer and of all. The
                      signal's own do not count.
    """

    shared_by: str
    kind: Kind
    state: SignalState
    tlp: Tlp
    of_party: int = 0
    of_hub: int = 0


def check_send(facts: LocalFacts, *, kind: PartyKind, name: str) -> None:
    """Refuse local features unless the sender shared the signal, and it goes to few enough."""
    _check_sharer(facts, kind=kind, name=name)
    if facts.kind is not Kind.PDQ:
        raise ConflictError(
            "only a pdq signal has local features: send them with the picture's pdq signal"
        )
    if facts.tlp not in NARROW_TLPS:
        raise ConflictError(
            "local features show more of a picture than its hash, so they go with signals of"
            " TLP:RED, TLP:AMBER+STRICT and TLP:AMBER only: share the signal under one of these"
        )
    if facts.of_party >= MAX_A_PARTY:
        raise ConflictError(
            "your party has sent local features of {of_party:,} pictures (at most {most:,}): remove"
            " some first",
            of_party=facts.of_party,
            most=MAX_A_PARTY,
        )
    if facts.of_hub >= MAX_LOCAL_FEATURES:
        raise ConflictError(
            "all parties have sent local features of {of_hub:,} pictures (at most {most:,}): ask"
            " the coordinator to have some removed",
            of_hub=facts.of_hub,
            most=MAX_LOCAL_FEATURES,
        )


def check_remove(facts: LocalFacts, *, kind: PartyKind, name: str) -> None:
    """Refuse to remove local features for any party but their sender and an agency."""
    if kind is not PartyKind.AGENCY:
        _check_sharer(facts, kind=kind, name=name)


def check_read(*, kind: PartyKind) -> None:
    """Refuse local features to parties that compare no uploads with them."""
    if kind is not PartyKind.PROVIDER:
        raise NotAllowedError(
            "only providers get local features, for their agents to compare uploads with: use a"
            " provider's key"
        )


def check_narrow(nearness: Nearness) -> None:
    """Refuse local features that common pictures have, too. raises: InvalidError."""
    if nearness.matches:
        raise InvalidError(
            "value",
            "{matches} of {pictures} common pictures and screens have the same places ({sorts}), so"
            " they would match much else: share the picture's hash alone",
            matches=nearness.matches,
            pictures=nearness.pictures,
            sorts=", ".join(nearness.sorts),
        )


def _check_sharer(facts: LocalFacts, *, kind: PartyKind, name: str) -> None:
    if kind is PartyKind.OBSERVER or name != facts.shared_by:
        raise NotAllowedError(
            "only {shared_by}, who shared this signal, can send or remove its local features",
            shared_by=facts.shared_by,
        )
    if facts.state is not SignalState.LIVE:
        raise ConflictError(
            "this signal does not match now ({state}): only a live signal has local features",
            state=facts.state,
        )
