# SPDX-License-Identifier: Apache-2.0
"""The hub's electronic seal on a PDF, by pyHanko: later changes to the file break it.

The seal is one invisible field in the tagged structure, so that what the file claims
to be (PDF/A-2a, PDF/UA-1) stays true. Nothing may be added to the file after it.

A document can have two seals. Its author's comes first and covers the content; the hub's comes
last and covers the whole file with the author's seal. Both fields are in the file before the first
seal, so that the second adds nothing but itself.

source: ETSI EN 319 142-1 (PAdES, baseline B-B); Regulation (EU) No 910/2014, Articles 35-37:
        what is made here is an electronic seal, and no qualified one.
"""

import io
from dataclasses import dataclass, field
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
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

_FIELD = "Seal"
_AUTHOR_FIELD = "AuthorSeal"

_BESIDE_BYTES = 3072
"""Room for a signature beside its certificates: 400 bytes of attributes, an RSA key of 16 kbit."""

MAX_TIMESTAMP_BYTES = 12 << 10
"""Room for a time stamp with the certificates above it, which take 3 to 8 KiB."""

_BOX = fields.InvisSigSettings(box_out_of_bounds=True)
"""Invisible and printable: what PDF/A wants of a field, and PDF/UA of one outside the page."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A key and its certificate, each in DER. chain: the certificates above it, if any.

    What asn1crypto reads it takes apart at the first look, and two threads that look at once find
    it half done: so each use reads its own.
    """

    key_der: bytes = field(repr=False)
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

    def signer(self) -> signers.Signer:
        """Return a signer for one use in one thread."""
        certificate, store = self.certificate, SimpleCertificateStore()
        store.register_multiple([certificate, *self.chain])
        return OpenedKeySigner(signing_cert=certificate, signing_key=self.key, cert_registry=store)


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


def seal_pdf(
    pdf: bytes,
    seal: Seal,
    *,
    title: str,
    reason: str,
    now: datetime,
    author: Seal | None = None,
    stamper: TimeStamper | None = None,
) -> bytes:
    """Return a PDF of ours with the seal in it, below it that of its author if there is one.

    title:   read aloud for the fields; reason: the purpose of the seal, as readers show it.
    stamper: who confirms the time of the last seal, and so that of the whole file.
    """
    names = (_FIELD,) if author is None else (_AUTHOR_FIELD, _FIELD)
    writer = _Writer(io.BytesIO(pdf))
    for name in names:
        spec = fields.SigFieldSpec(
            name,
            invis_sig_settings=_BOX,
            readable_field_name=title,
            # Apart from its widget, which the structure names: a second seal leaves that as it is.
            combine_annotation=author is None,
        )
        fields.append_signature_field(writer, spec)
    _tag(writer)
    permitted: fields.MDPPerm | None = fields.MDPPerm.NO_CHANGES
    if author is not None:
        # The author's seal certifies the content, and lets the other be filled in.
        about = _about(_AUTHOR_FIELD, reason=reason, permitted=fields.MDPPerm.FILL_FORMS)
        writer = _Writer(io.BytesIO(_signed(writer, author, about=about, now=now)))
        permitted = None
    about = _about(_FIELD, reason=reason, permitted=permitted)
    return _signed(writer, seal, about=about, now=now, stamper=stamper)


def _about(
    field: str, *, reason: str, permitted: fields.MDPPerm | None
) -> signers.PdfSignatureMetadata:
    """Return the content of a seal. permitted: later changes; None where it does not certify."""
    return signers.PdfSignatureMetadata(
        field_name=field,
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=permitted is not None,
        docmdp_permissions=permitted or fields.MDPPerm.FILL_FORMS,
        reason=reason,
    )


def _signed(
    writer: IncrementalPdfFileWriter,
    seal: Seal,
    *,
    about: signers.PdfSignatureMetadata,
    now: datetime,
    stamper: TimeStamper | None = None,
) -> bytes:
    """Return the file with one of its empty fields sealed."""
    certificates = (seal.certificate_der, *seal.chain_der)
    room = _BESIDE_BYTES + sum(len(certificate) for certificate in certificates)
    room += MAX_TIMESTAMP_BYTES if stamper is not None else 0
    sealed = _Signer(about, signer=seal.signer(), timestamper=stamper, now=now).sign_pdf(
        writer,
        existing_fields_only=True,
        bytes_reserved=2 * room,  # it is written in hex; without it everything is signed twice
    )
    return bytes(sealed.getvalue())


def _tag(writer: IncrementalPdfFileWriter) -> None:
    """Add the fields to the structure that screen readers use, as its last elements.

    source: ISO 14289-1, 7.18.4: a widget is inside a Form element.
    """
    root = writer.root
    if "/StructTreeRoot" not in root:
        return
    tree = root["/StructTreeRoot"]
    form_fields = root["/AcroForm"]["/Fields"]
    for position in range(len(form_fields)):
        field = form_fields.raw_get(position)
        kids = field.get_object().get("/Kids")
        _tag_widget(writer, kids.raw_get(0) if kids else field, tree=tree)


def _tag_widget(
    writer: IncrementalPdfFileWriter,
    reference: generic.IndirectObject,
    *,
    tree: generic.DictionaryObject,
) -> None:
    """Add the widget of a field to the structure."""
    widget = reference.get_object()
    holder, number = _top(tree), int(tree["/ParentTreeNextKey"])
    widget["/StructParent"] = generic.NumberObject(number)
    about = generic.DictionaryObject(
        {pdf_name("/Type"): pdf_name("/OBJR"), pdf_name("/Obj"): reference}
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
