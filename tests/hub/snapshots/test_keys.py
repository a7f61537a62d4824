# SPDX-License-Identifier: Apache-2.0
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stemtide.hub.rooms.snapshots import builder as making
from stemtide.hub.rooms.snapshots.keys import SigningKeyError, add_key, drop_old_keys, keys_in
from stemtide.protocol.sync.signatures import PublicKey, SignatureError, Signed, check, sign
from stemtide.protocol.sync.snapshot_files import opened_whole
from stemtide.protocol.sync.snapshots import HubKey


def test_the_key_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "signing.key"
    with ThreadPoolExecutor(8) as threads:
        found = {one.public for one in threads.map(keys_in, [path] * 8)}
    assert len(found) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["signing.key"]


def test_a_file_without_usable_keys_is_named_with_the_remedy(tmp_path):
    path = tmp_path / "signing.key"
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for content in (b"", b"nonsense", other, other.replace(b"MI", b"XX")):
        path.write_bytes(content)
        with pytest.raises(SigningKeyError, match="put Ed25519 keys in it as PEM"):
            keys_in(path)


def test_a_key_is_written_and_read_in_one_way(tmp_path):
    own = keys_in(tmp_path / "signing.key").public[0]
    assert PublicKey.read(f" {own}\n") == own
    assert len(own.fingerprint.split()) == 8
    for text in ("", "ed25519:", str(own)[:-1], str(own).upper(), f"{own}0"):
        with pytest.raises(SignatureError, match="64 digits"):
            PublicKey.read(text)


def test_a_signature_is_the_textbooks_over_the_manifest_and_its_context(tmp_path):
    """So that a program in any language can check it: docs/understand/snapshots.md."""
    keys = keys_in(tmp_path / "signing.key")
    signed = sign(HubKey(key="k", fingerprint="f"), keys=keys.private)
    message = b"stemtide signed manifest\n" + signed.manifest.encode()
    signature = bytes.fromhex(signed.signatures[0].signature)
    keys.private[0].public_key().verify(signature, message)
    assert signed.signatures[0].key == keys.public[0].name


def test_a_wrong_signature_of_a_trusted_key_is_not_passed_over_for_a_good_one(tmp_path):
    path = tmp_path / "signing.key"
    keys_in(path)
    keys = add_key(path)
    signed = sign(HubKey(key="k", fingerprint="f"), keys=keys.private)
    assert check(signed, trusted=keys.public) == keys.public[0]
    spoiled = signed.signatures[0].model_copy(update={"signature": "0" * 128})
    bad = Signed(manifest=signed.manifest, signatures=[spoiled, signed.signatures[1]])
    with pytest.raises(SignatureError, match="does not hold"):
        check(bad, trusted=keys.public)


def test_old_keys_sign_beside_the_new_one_until_they_are_dropped(world, readers, settings):
    world.share()
    (old,) = making.hub_keys().public
    first, _ = readers.whole(world.agency)
    new = add_key(settings.SIGNING_KEY_FILE).public[0]
    second, _ = readers.whole(world.agency)
    for path, keys in ((first, [old]), (second, [old]), (second, [new])):
        with opened_whole(path, trusted=keys) as (head, _):
            assert head.key == keys[0]
    with pytest.raises(SignatureError), opened_whole(first, trusted=[new]):
        pass
    drop_old_keys(settings.SIGNING_KEY_FILE)
    third, _ = readers.whole(world.agency)
    with opened_whole(third, trusted=[new]) as (head, _):
        assert head.key == new
    with pytest.raises(SignatureError, match="by telephone"), opened_whole(third, trusted=[old]):
        pass
