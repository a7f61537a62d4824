# SPDX-License-Identifier: Apache-2.0
"""The two sides of the oblivious pseudorandom function, on elements as they travel.

The group, the blinding and the proof are those of the package voprf. A proof has 64 bytes (two
scalars), an element 32 (RFC 9497 section 4.1).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from voprf import ristretto

PROOF_BYTES = 64
ELEMENT_BYTES = 32
SEED_BYTES = 32

_INFO = b"stemtide private matching"
_PANICS = "pyo3_runtime"


class ElementError(ValueError):
    """An element is none of the group, or its identity. row: its place in the list."""

    def __init__(self, row: int) -> None:
        super().__init__(f"element {row} is no element of ristretto255, or the identity")
        self.row = row


class ProofError(ValueError):
    """The hub evaluated with another key than the one that it published."""


def new_seed() -> bytes:
    """Return a random seed of a key."""
    return secrets.token_bytes(SEED_BYTES)


class OprfServer:
    """The side that holds the key: a hub, in one epoch."""

    def __init__(self, seed: bytes, *, info: bytes = _INFO) -> None:
        self._evaluator = ristretto.Evaluator.from_seed(seed, info)

    @property
    def public_key(self) -> bytes:
        """Return the public key, of 32 bytes."""
        return bytes(self._evaluator.public_key.serialize())

    def evaluate(self, blinded: Sequence[bytes]) -> tuple[list[bytes], bytes]:
        """Return the evaluated elements and one proof. raises: ElementError."""
        messages = [_element(element, row=row) for row, element in enumerate(blinded)]
        batch = bytes(self._evaluator.evaluate_batch(messages).serialize())
        proof, elements = batch[:PROOF_BYTES], batch[PROOF_BYTES:]
        starts = range(0, len(elements), ELEMENT_BYTES)
        return [elements[start : start + ELEMENT_BYTES] for start in starts], proof

    def output_of(self, value: bytes) -> bytes:
        """Return the output of an input that the server knows, of 64 bytes."""
        return bytes(self._evaluator.evaluate_known_input(value))


@dataclass(frozen=True, slots=True)
class BlindedBatch:
    """Inputs of a client, blinded anew each time. elements: what the hub gets of them."""

    elements: tuple[bytes, ...]
    _clients: tuple[ristretto.Client, ...]

    def finish(self, evaluated: Sequence[bytes], *, proof: bytes, public_key: bytes) -> list[bytes]:
        """Return the outputs, of 64 bytes each.

        raises: ProofError if the key is another one, or the answer has another form.
        """
        try:
            return self._finish(evaluated, proof=proof, public_key=public_key)
        except BaseException as error:
            # voprf 0.2 panics if the proof of a batch is wrong. Nothing is left half done.
            if not isinstance(error, ValueError) and type(error).__module__ != _PANICS:
                raise
            raise ProofError("the hub's answer does not fit the public key of its epoch") from error

    def _finish(
        self, evaluated: Sequence[bytes], *, proof: bytes, public_key: bytes
    ) -> list[bytes]:
        """Return the outputs. raises: ValueError; what Rust panics with, which is no Exception."""
        batch = ristretto.VerifiableBatchOutput.deserialize(proof + b"".join(evaluated))
        key = ristretto.PublicKey.deserialize(public_key)
        outputs = ristretto.Client.finalize_batch(list(self._clients), batch, key)
        return [bytes(output) for output in outputs]


def blind(values: Sequence[bytes]) -> BlindedBatch:
    """Blind the inputs of a client, each with a fresh random scalar."""
    pairs = [ristretto.Client.blind(value) for value in values]
    return BlindedBatch(
        tuple(bytes(element.serialize()) for _, element in pairs),
        tuple(client for client, _ in pairs),
    )


def _element(element: bytes, *, row: int) -> ristretto.BlindedInput:
    try:
        return ristretto.BlindedInput.deserialize(element)
    except ValueError as error:
        raise ElementError(row) from error
