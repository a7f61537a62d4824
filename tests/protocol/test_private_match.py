# SPDX-License-Identifier: Apache-2.0
"""The pseudorandom function of private matching against RFC 9497, and the rows that it opens."""

from uuid import uuid4

import pytest

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action
from stemtide.protocol.private_match import rows
from stemtide.protocol.private_match.oprf import (
    ELEMENT_BYTES,
    PROOF_BYTES,
    ElementError,
    OprfServer,
    ProofError,
    blind,
    new_seed,
)

# RFC 9497 appendix A.1.2, ristretto255-SHA512 in mode VOPRF.
RFC_SEED, RFC_INFO = b"\xa3" * 32, b"test key"
RFC_PUBLIC_KEY = "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e"
RFC_VECTORS = [
    (
        b"\x00",
        "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
        "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
        (
            "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d"
            "a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c"
        ),
    ),
    (
        b"\x5a" * 17,
        "cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c",
        "60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468",
        (
            "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60"
            "356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6"
        ),
    ),
]
IDENTITY = bytes(32)
NO_ELEMENTS = [
    IDENTITY,
    b"\xff" * 32,
    b"\x01" + bytes(31),  # negative
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),  # p
    b"",
    bytes(31),
    bytes(33),
]


@pytest.fixture
def server():
    return OprfServer(new_seed())


def outputs(server, *values, public_key=None):
    batch = blind(values)
    evaluated, proof = server.evaluate(batch.elements)
    return batch.finish(evaluated, proof=proof, public_key=public_key or server.public_key)


def test_the_server_gives_the_vectors_of_the_rfc():
    server = OprfServer(RFC_SEED, info=RFC_INFO)
    assert server.public_key.hex() == RFC_PUBLIC_KEY
    for value, blinded, evaluated, output in RFC_VECTORS:
        elements, proof = server.evaluate([bytes.fromhex(blinded)])
        assert ([element.hex() for element in elements], len(proof)) == ([evaluated], PROOF_BYTES)
        assert server.output_of(value).hex() == output
    together, _ = server.evaluate([bytes.fromhex(blinded) for _, blinded, _, _ in RFC_VECTORS])
    assert [element.hex() for element in together] == [row[2] for row in RFC_VECTORS]


def test_a_client_gets_the_output_of_the_rfc_through_its_blinding():
    server = OprfServer(RFC_SEED, info=RFC_INFO)
    got = outputs(server, *(row[0] for row in RFC_VECTORS))
    assert [output.hex() for output in got] == [row[3] for row in RFC_VECTORS]


@pytest.mark.parametrize("element", NO_ELEMENTS, ids=lambda element: element.hex()[:8] or "empty")
def test_what_is_no_element_is_refused_with_its_place(server, element):
    good = blind([b"a"]).elements[0]
    with pytest.raises(ElementError) as caught:
        server.evaluate([good, element])
    assert caught.value.row == 1


def test_an_answer_under_another_key_is_not_believed(server):
    with pytest.raises(ProofError):
        outputs(server, b"a", public_key=OprfServer(new_seed()).public_key)


@pytest.mark.parametrize("change", ["swapped", "left out", "forged", "proof of another"])
def test_an_answer_that_was_tampered_with_is_not_believed(server, change):
    batch = blind([b"a", b"b"])
    (first, second), proof = server.evaluate(batch.elements)
    evaluated = {
        "swapped": [second, first],
        "left out": [first],
        "forged": [first, blind([b"c"]).elements[0]],
        "proof of another": [first, second],
    }[change]
    if change == "proof of another":
        proof = server.evaluate(blind([b"a", b"b"]).elements)[1]
    with pytest.raises(ProofError):
        batch.finish(evaluated, proof=proof, public_key=server.public_key)


def test_the_same_digest_is_blinded_otherwise_each_time():
    elements = {blind([b"sha256:00"]).elements[0] for _ in range(50)}
    assert (len(elements), {len(element) for element in elements}) == (50, {ELEMENT_BYTES})


def test_outputs_depend_on_the_kind_and_on_the_key(server):
    value = bytes(32)
    as_file, as_url = (rows.input_of(kind, value) for kind in (Kind.SHA256, Kind.URL))
    assert as_file != as_url
    other = OprfServer(new_seed())
    assert (
        len({one.output_of(given) for one in (server, other) for given in (as_file, as_url)}) == 4
    )


def test_a_row_opens_for_the_output_of_its_digest_alone(server):
    signal = rows.SealedSignal(uuid4(), Action.HOLD)
    own, other = server.output_of(b"a"), server.output_of(b"b")
    row = rows.pack_row(rows.tag_of(own), rows.seal(signal, output=own))
    ((tag, sealed),) = rows.split_rows(row)
    assert (len(row), tag) == (rows.ROW_BYTES, rows.tag_of(own))
    assert rows.unseal(sealed, output=own) == signal
    assert rows.unseal(sealed, output=other) is None
    # The tag alone, without the other 56 bytes, opens nothing.
    assert rows.unseal(sealed, output=own[:8] + other[8:]) is None
    assert rows.unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), output=own) is None


def test_two_rows_of_one_signal_have_nothing_in_common_but_the_tag(server):
    output = server.output_of(b"a")
    first, second = (
        rows.seal(rows.SealedSignal(uuid4(), Action.BLOCK), output=output) for _ in range(2)
    )
    assert first[:12] != second[:12]  # two texts under one key need two nonces


def test_rows_that_are_cut_off_are_refused():
    with pytest.raises(ValueError, match="are no rows"):
        list(rows.split_rows(bytes(rows.ROW_BYTES + 1)))


@pytest.mark.parametrize(("bits", "buckets"), [(0, {0}), (1, {0, 1}), (3, set(range(8)))])
def test_buckets_are_the_first_bits_of_the_tag(bits, buckets):
    tags = [place << 61 for place in range(8)]
    assert {rows.bucket_of(tag, prefix_bits=bits) for tag in tags} == buckets
