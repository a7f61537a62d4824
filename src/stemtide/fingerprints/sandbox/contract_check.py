# SPDX-License-Identifier: Apache-2.0
"""Run the contract of a signal type: its test vectors, its speed and its memory."""

import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass

from stemtide.fingerprints.external.contract import SignalType, Vector
from stemtide.fingerprints.external.usable import why_wrong
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.values.external import ExternalValue, unpack

COMPARED = 10_000
"""Values that the speed of a look-up is measured with."""

MAX_LOOKUP_S = 0.5
MAX_LOOKUP_BYTES = 64 << 20
MAX_FINGERPRINT_S = 5.0
"""Limits of a look-up among COMPARED values, and of a fingerprint."""


@dataclass(frozen=True, slots=True)
class ContractResult:
    """One rule of the contract, whether it is kept, and what was measured."""

    rule: str
    is_kept: bool
    text: str


def check_contract(signal_type: SignalType, sandbox: Sandbox) -> Iterator[ContractResult]:
    """Yield the result of each rule. Vectors are fingerprinted in the sandbox, as uploads are."""
    for number, vector in enumerate(signal_type.vectors, start=1):
        yield from _check_vector(signal_type, vector, sandbox=sandbox, name=f"vector {number}")
    yield from _check_lookup(signal_type, signal_type.from_text(signal_type.vectors[0].text))


def _check_vector(
    signal_type: SignalType, vector: Vector, *, sandbox: Sandbox, name: str
) -> Iterator[ContractResult]:
    """Check the fingerprint, the text forms and the distances of a vector."""
    value = signal_type.from_text(vector.text)
    sandbox.analyse(vector.content)  # its decoders are loaded now
    why = why_wrong(signal_type, ExternalValue(signal_type.name, value))
    yield ContractResult(f"{name}: text form", not why, why or "is read and written alike")
    began = time.perf_counter()
    analysis = sandbox.analyse(vector.content)
    took_s = time.perf_counter() - began
    named = [unpack(row.value) for row in analysis.fingerprints.each if row.kind is Kind.EXTERNAL]
    values = [row.value for row in named if row.name == signal_type.name]
    text = "; ".join(analysis.fingerprints.remarks) or f"made in the sandbox in {took_s:.2f} s"
    is_fast = took_s <= MAX_FINGERPRINT_S
    yield ContractResult(f"{name}: fingerprint", values == [value] and is_fast, text)
    for texts, is_near in ((vector.near, True), (vector.far, False)):
        if texts:
            distances = signal_type.distances(
                value, [signal_type.from_text(text) for text in texts]
            )
            is_kept = all(
                bool(distance <= signal_type.threshold) is is_near for distance in distances
            )
            shown = ", ".join(f"{distance:g}" for distance in distances)
            word = "near" if is_near else "far"
            yield ContractResult(
                f"{name}: {word}", is_kept, f"at {shown} of {signal_type.threshold:g}"
            )


def _check_lookup(signal_type: SignalType, value: bytes) -> Iterator[ContractResult]:
    """Measure the time and the memory of a look-up."""
    others = [value] * COMPARED
    began = time.perf_counter()
    count = len(signal_type.distances(value, others))
    took_s = time.perf_counter() - began
    yield ContractResult("a distance for each value", count == COMPARED, f"{count:,}")
    text = f"{took_s * 1000:.1f} ms among {COMPARED:,} values, at most {MAX_LOOKUP_S * 1000:g}"
    yield ContractResult("speed", took_s <= MAX_LOOKUP_S, text)
    tracemalloc.start()
    try:
        signal_type.distances(value, others)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    text = f"{peak / 1e6:.1f} MB, at most {MAX_LOOKUP_BYTES / 1e6:.1f}"
    yield ContractResult("memory", peak <= MAX_LOOKUP_BYTES, text)
