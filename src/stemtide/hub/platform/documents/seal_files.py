# SPDX-License-Identifier: Apache-2.0
"""Read the file with the hub's sealing key and certificate, and the certificates it trusts.

source: RFC 7292 (PKCS #12), RFC 7468 (PEM), RFC 5280 (certificates).
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import x509
from cryptography import x509 as certificates
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from stemtide.hub.platform import secret_files
from stemtide.hub.platform.documents.pdf_seals import Seal

_VALID_FOR = timedelta(days=3653)
"""How long a certificate that the hub makes itself is good."""

_PEM = b"-----BEGIN"


class SealFileError(Exception):
    """The sealing key cannot be used. The message names the file and the remedy."""


def seal_in(
    path: Path, *, password: str = "", setting: str = "STEMTIDE_SEAL_PASSWORD_FILE"
) -> Seal:
    """Return the key and certificates in a file: PKCS #12, or PEM with both.

    password: of a PKCS #12 file or an encrypted key; "" where it has none. setting: names its file.
    raises:   SealFileError.
    """
    try:
        content = path.read_bytes()
        key, own, chain = _read(content, password=password.encode() or None)
    except (OSError, ValueError, TypeError) as error:
        raise SealFileError(
            f"{path} cannot be read as a sealing key ({error}): give PKCS #12 or PEM, and its"
            f" password in {setting}"
        ) from error
    if key is None or own is None:
        raise SealFileError(f"{path} holds no private key with its certificate: put both in it")
    if not isinstance(key, ec.EllipticCurvePrivateKey) and not hasattr(key, "decrypt"):
        raise SealFileError(f"{path} holds a key of a kind that seals no PDF: use RSA or ECDSA")
    plain = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Seal(
        key_der=plain,
        certificate_der=_der(own),
        chain_der=tuple(_der(certificate) for certificate in chain),
    )


def own_seal(path: Path, *, name: str, now: datetime) -> Seal:
    """Return the seal in a file of ours, created on first use. Only the hub vouches for it.

    name: how the hub calls itself in it.
    raises: SealFileError.
    """
    secret_files.make_once(path, lambda: _new_seal(name=name, now=now))
    return seal_in(path)


def trusted_in(path: Path) -> tuple[x509.Certificate, ...]:
    """Return the certificates in a PEM file of seals that the hub trusts.

    raises: SealFileError.
    """
    try:
        certificates_found = certificates.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SealFileError(
            f"{path} cannot be read as certificates ({error}): one PEM block each"
        ) from error
    return tuple(x509.Certificate.load(_der(certificate)) for certificate in certificates_found)


def changed_at(path: Path) -> int:
    """Return the last change of a file, in nanoseconds: a reading is good until it differs."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def pem(certificate: x509.Certificate) -> str:
    """Return a certificate as text."""
    loaded = certificates.load_der_x509_certificate(certificate.dump())
    return loaded.public_bytes(serialization.Encoding.PEM).decode()


def _read(content: bytes, *, password: bytes | None) -> tuple[Any, Any, list[Any]]:
    """Return a key, its certificate, and the certificates above it."""
    if _PEM not in content:
        return pkcs12.load_key_and_certificates(content, password)
    key: Any = serialization.load_pem_private_key(content, password)
    chain = certificates.load_pem_x509_certificates(content)
    public = key.public_key()
    own = next((candidate for candidate in chain if candidate.public_key() == public), None)
    return key, own, [other for other in chain if other is not own]


def _der(certificate: certificates.Certificate) -> bytes:
    """Return a certificate in DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def _new_seal(*, name: str, now: datetime) -> bytes:
    """Return a new key with its certificate, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = _self_signed(key, name=name, now=now).public_bytes(serialization.Encoding.PEM)
    return secret + public


def _self_signed(
    key: ec.EllipticCurvePrivateKey, *, name: str, now: datetime
) -> certificates.Certificate:
    """Return a self-signed certificate of the hub, for signing only."""
    subject = certificates.Name(
        [
            certificates.NameAttribute(NameOID.ORGANIZATION_NAME, "Stemtide hub, self-signed"),
            certificates.NameAttribute(NameOID.COMMON_NAME, name[:64]),
        ]
    )
    usage = certificates.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    public = key.public_key()
    return (
        certificates.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(certificates.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks of readers differ
        .not_valid_after(now + _VALID_FOR)
        .add_extension(certificates.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(certificates.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
