# SPDX-License-Identifier: Apache-2.0
"""Check the certificate of an erasure as a stranger does: nothing of Stemtide is imported.

    python check_purge.py https://hub.example.eu 1234

docs/understand/retention.md says what is checked.
"""

import base64
import hashlib
import json
import sys
from urllib.request import urlopen

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class WrongError(Exception):
    """The certificate does not hold."""


def check(fetch, entry):
    """Check the certificate in an entry. fetch: returns the bytes of a path of the hub."""
    told = json.loads(fetch(f"/log/purges/{entry}"))
    text = check_note(told["note"], keys=fetch("/log/keys").decode().split())
    check_leaves(told["leaves"], text=text, fetch=fetch)
    check_entry(told["opening"], note=told["note"], entry=entry, fetch=fetch)
    return text


def check_note(note, *, keys):
    """Return the text of a note that one of the keys signed."""
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    for key in keys:
        name, key_id, encoded = key.split("+", 2)
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
        for line in lines.splitlines():
            _, signer, signature = line.split(" ")
            raw = base64.b64decode(signature)
            if signer == name and raw[:4].hex() == key_id:
                public.verify(raw[4:], text.encode())
                if not text.startswith("stemtide-purge/1\n"):
                    raise WrongError("this is no certificate of an erasure")
                return text
    raise WrongError("no key of the log signed it")


def check_leaves(leaves, *, text, fetch):
    """Check that the leaves are those that were signed, and that the log has them."""
    lines = "".join(f"{number} {digest}\n" for number, digest in sorted(map(tuple, leaves)))
    digest = hashlib.sha256(lines.encode()).hexdigest()
    if f"\nleaves {len(leaves)} {digest}\n" not in text:
        raise WrongError("the leaves are others than those that were signed")
    for number, leaf in leaves:
        if hash_in_tile(number, fetch=fetch).hex() != leaf:
            raise WrongError(f"the log has another leaf {number}")


def check_entry(opening, *, note, entry, fetch):
    """Check that the ledger has the digest of the note, and the log the entry."""
    if opening["entry"]["detail"]["certificate"] != hashlib.sha256(note.encode()).hexdigest():
        raise WrongError("the entry has the digest of another certificate")
    facts = json.dumps(opening["entry"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    salted = b"stemtide-entry/1\n" + bytes.fromhex(opening["salt"]) + facts.encode()
    leaf = bytes.fromhex(opening["leaf"])
    if hashlib.sha256(salted).digest() != leaf[:32]:
        raise WrongError("the leaf of the entry does not commit to it")
    if hashlib.sha256(b"\x00" + leaf).digest() != hash_in_tile(entry, fetch=fetch):
        raise WrongError("the log has another leaf for the entry")


def hash_in_tile(number, *, fetch):
    """Return the hash of a leaf, from the tile of the lowest level."""
    size = int(fetch("/log/checkpoint").decode().splitlines()[1])
    tile, place = divmod(number, 256)
    width = min(size - 256 * tile, 256)
    digits = f"{tile:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    path += f".p/{width}" if width < 256 else ""
    return fetch(f"/log/tile/0/{path}")[32 * place : 32 * place + 32]


if __name__ == "__main__":
    hub, number = sys.argv[1:]
    print(check(lambda path: urlopen(hub + path).read(), int(number)))  # noqa: S310
