# SPDX-License-Identifier: Apache-2.0
"""The hub's electronic seal on a PDF, by pyHanko: later changes to the file break it.

The seal is one invisible field that stands in the tagged structure, so that what the file claims
to be (PDF/A-2a, PDF/UA-1) stays true. Nothing may be added to the file after it.

source: ETSI EN 319 142-1 (PAdES, baseline B-B); Regulation (EU) No 910/2014, Articles 35-37:
        what is made here is an electronic seal, and no qualified one.
"""

import io
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from asn1crypto import keys, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore

_FIELD = "Seal"

_BESIDE_BYTES = 3072
"""Room for a signature beside its certificates: 400 bytes of attributes, an RSA key of 16 kbit."""

_BOX = fields.InvisSigSettings(box_out_of_bounds=True)
"""Invisible and printable: what PDF/A wants of a field, and PDF/UA of one outside the page."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A key and its certificate, each in DER. chain: the certificates above it, if any.

    What asn1crypto reads it takes apart at the first look, and two threads that look at once find
    it half done: so each use reads its own.
    """

    key_der: bytes
    certificate_der: bytes
    chain_der: tuple[bytes, ...] = ()

    @property
    def key(self) -> keys.PrivateKeyInfo:
        """Return the parsed key."""
        return keys.PrivateKeyInfo.load(self.key_der)

    @property
    def certificate(self) -> x509.Certificate:
        """Return the parsed certificate."""
        return x509.Certificate.load(self.certificate_der)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """Return the parsed certificates above it."""
        return tuple(x509.Certificate.load(der) for der in self.chain_der)

    @property
    def is_self_signed(self) -> bool:
        """Whether nobody but the hub itself vouches for it."""
        return bool(self.certificate.self_issued)


class OpenedKeySigner(signers.SimpleSigner):
    """Signs with a key that was opened once: to open an RSA key costs a hundred times its use."""

    def sign_raw(self, data: bytes, digest_algorithm: str) -> bytes:
        """Return a signature of data, by RSA (PKCS #1 v1.5) or ECDSA, as the key is."""
        key = _opened(self.signing_key.dump())
        digest = hashes.SHA256()
        if digest_algorithm != digest.name:
            raise ValueError(f"seals are made with SHA-256, and not with {digest_algorithm}")
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, padding.PKCS1v15(), digest)
        return key.sign(data, ec.ECDSA(digest))


def hand_of(seal: Seal) -> OpenedKeySigner:
    """Return a signer with a seal, for one use in one thread."""
    certificate, store = seal.certificate, SimpleCertificateStore()
    store.register_multiple([certificate, *seal.chain])
    return OpenedKeySigner(signing_cert=certificate, signing_key=seal.key, cert_registry=store)


@lru_cache(maxsize=4)
def _opened(key: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    """Return a key of a kind that seal_files.py accepts, checked as OpenSSL checks it."""
    private_key = serialization.load_der_private_key(key, password=None)
    if not isinstance(private_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError("this key seals nothing: seal_files.py accepts RSA and ECDSA alone")
    return private_key


class _Writer(IncrementalPdfFileWriter):
    """Append to a file and keep its metadata: who made it, and when."""

    def _update_meta(self) -> None:
        """Leave it as typst wrote it."""


class _Signer(signers.PdfSigner):
    """Sign with a given signing time."""

    def __init__(self, *arguments: Any, now: datetime, **more: Any) -> None:  # noqa: ANN401  # pyHanko's
        super().__init__(*arguments, **more)
        self._now = now

    def init_signing_session(
        self,
        pdf_out: Any,  # noqa: ANN401  # pyHanko's
        existing_fields_only: bool = False,  # noqa: FBT001, FBT002  # pyHanko's
    ) -> Any:  # noqa: ANN401  # pyHanko's
        """Begin to sign, at that moment."""
        session = super().init_signing_session(pdf_out, existing_fields_only)
        session.system_time = self._now
        return session


def seal_pdf(pdf: bytes, seal: Seal, *, title: str, reason: str, now: datetime) -> bytes:
    """Return a PDF of ours with the seal in it.

    title: what is read aloud for the field; reason: what the seal is for, as readers show it.
    """
    writer = _Writer(io.BytesIO(pdf))
    spec = fields.SigFieldSpec(_FIELD, invis_sig_settings=_BOX, readable_field_name=title)
    fields.append_signature_field(writer, spec)
    _tag(writer)
    about = signers.PdfSignatureMetadata(
        field_name=_FIELD,
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        reason=reason,
    )
    room = _BESIDE_BYTES + sum(
        len(certificate) for certificate in (seal.certificate_der, *seal.chain_der)
    )
    sealed = _Signer(about, signer=hand_of(seal), now=now).sign_pdf(
        writer,
        existing_fields_only=True,
        bytes_reserved=2 * room,  # it is written in hex; without it everything is signed twice
    )
    return bytes(sealed.getvalue())


def _tag(writer: IncrementalPdfFileWriter) -> None:
    """Add the field to the structure that screen readers use, as its last element.

    source: ISO 14289-1, 7.18.4: a widget stands within a Form element.
    """
    root = writer.root
    if "/StructTreeRoot" not in root:
        return
    tree = root["/StructTreeRoot"]
    field = root["/AcroForm"]["/Fields"].raw_get(0)
    widget = field.get_object()
    holder, number = _top(tree), int(tree["/ParentTreeNextKey"])
    widget["/StructParent"] = generic.NumberObject(number)
    about = generic.DictionaryObject(
        {pdf_name("/Type"): pdf_name("/OBJR"), pdf_name("/Obj"): field}
    )
    about[pdf_name("/Pg")] = widget.raw_get("/P")
    form = writer.add_object(
        generic.DictionaryObject(
            {
                pdf_name("/Type"): pdf_name("/StructElem"),
                pdf_name("/S"): pdf_name("/Form"),
                pdf_name("/P"): holder,
                pdf_name("/K"): generic.ArrayObject([about]),
            }
        )
    )
    _append(writer, holder.get_object(), "/K", form)
    parents = tree["/ParentTree"]
    _append(writer, parents, "/Nums", generic.NumberObject(number), form)
    tree["/ParentTreeNextKey"] = generic.NumberObject(number + 1)
    writer.update_container(tree)
    writer.update_container(widget)


def _top(tree: generic.DictionaryObject) -> generic.IndirectObject:
    """Return the element that holds the whole document."""
    top = tree.raw_get("/K")
    array = top.get_object() if isinstance(top, generic.IndirectObject) else top
    if isinstance(array, generic.ArrayObject):
        top = array.raw_get(0)
    if not isinstance(top, generic.IndirectObject):
        raise TypeError("the structure of this PDF is not as typst writes it")
    return top


def _append(
    writer: IncrementalPdfFileWriter,
    holder: generic.DictionaryObject,
    name: str,
    *more: Any,  # noqa: ANN401  # PDF objects
) -> None:
    """Append to an array that is in a dictionary."""
    kids = holder[name]
    kids.extend(more)
    writer.update_container(kids)
