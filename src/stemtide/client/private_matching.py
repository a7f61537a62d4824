# SPDX-License-Identifier: Apache-2.0
"""Look digests up at a hub without showing them, and without its list.

1 Read the epoch, and blind all digests, each once, in random order.
2 Have them evaluated, and check the proof against the epoch's public key.
3 Read the buckets of the outputs, or all buckets, in the order of their numbers.
4 Open the rows that an output opens. The hub does not learn whether one opened.
"""

import base64
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from stemtide.client.errors import AnswerError
from stemtide.client.hub import Hub
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action
from stemtide.protocol.private_match.messages import (
    MAX_BLINDED,
    MAX_BUCKETS,
    BlindedIn,
    BucketsIn,
    PrivateMatchOut,
)
from stemtide.protocol.private_match.oprf import ProofError, blind
from stemtide.protocol.private_match.rows import (
    KINDS,
    bucket_of,
    input_of,
    split_rows,
    tag_of,
    unseal,
)

Digest = tuple[Kind, bytes]
"""A kind and a value."""


@dataclass(frozen=True, slots=True)
class PrivateMatch:
    """A signal that a digest matches, and the strongest action that its marks allow."""

    signal: UUID
    action: Action


class PrivateMatcher:
    """A look-up at one hub. It keeps nothing between two calls of match.

    whole: read all buckets, so that the hub learns nothing of the digests but their number.
    """

    def __init__(self, hub: Hub, *, whole: bool = False) -> None:
        self._hub, self._whole = hub, whole

    def match(self, digests: Iterable[Digest]) -> dict[Digest, list[PrivateMatch]]:
        """Return the signals of each digest that matches; other kinds are left out.

        raises: HubError, also if the hub evaluated with another key than it published.
        """
        shuffled = sorted({digest for digest in digests if digest[0] in KINDS})
        if not shuffled:
            return {}
        random.SystemRandom().shuffle(shuffled)
        head = self._hub.get_private_match()
        outputs = self._outputs(shuffled, head=head)
        matches: dict[Digest, list[PrivateMatch]] = {}
        rows = self._rows(list(outputs.values()), head=head)
        for digest, output in outputs.items():
            opened = [unseal(sealed, output=output) for sealed in rows.get(tag_of(output), ())]
            signals = [PrivateMatch(*signal) for signal in opened if signal]
            if signals:
                matches[digest] = signals
        return matches

    def _outputs(self, digests: Sequence[Digest], *, head: PrivateMatchOut) -> dict[Digest, bytes]:
        """Return the output of each digest."""
        outputs: dict[Digest, bytes] = {}
        most = min(head.max_blinded, MAX_BLINDED)
        for start in range(0, len(digests), most):
            part = digests[start : start + most]
            batch = blind([input_of(*digest) for digest in part])
            body = BlindedIn(
                epoch=head.epoch, blinded=[element.hex() for element in batch.elements]
            )
            answer = self._hub.evaluate_blinded(body)
            try:
                evaluated = [bytes.fromhex(element) for element in answer.evaluated]
                proof, key = bytes.fromhex(answer.proof), bytes.fromhex(head.public_key)
                outputs |= dict(
                    zip(part, batch.finish(evaluated, proof=proof, public_key=key), strict=True)
                )
            except (ProofError, ValueError) as error:
                raise AnswerError(
                    self._hub.connection.hub, f"cannot be trusted: {error}"
                ) from error
        return outputs

    def _rows(self, outputs: Sequence[bytes], *, head: PrivateMatchOut) -> dict[int, list[bytes]]:
        """Return the ciphertexts of the buckets, by tag."""
        bits = head.prefix_bits
        numbers = range(2**bits) if self._whole else self._needed(outputs, bits=bits)
        rows: dict[int, list[bytes]] = {}
        most = min(head.max_buckets, MAX_BUCKETS)
        for start in range(0, len(numbers), most):
            body = BucketsIn(epoch=head.epoch, buckets=list(numbers[start : start + most]))
            answer = self._hub.read_buckets(body)
            for bucket in answer.buckets:
                try:
                    for tag, sealed in split_rows(base64.b64decode(bucket.rows, validate=True)):
                        rows.setdefault(tag, []).append(sealed)
                except ValueError as error:
                    raise self._hub.connection.unreadable(error) from error
        return rows

    @staticmethod
    def _needed(outputs: Iterable[bytes], *, bits: int) -> list[int]:
        """Return the buckets of outputs, in the order of their numbers."""
        return sorted({bucket_of(tag_of(output), prefix_bits=bits) for output in outputs})
