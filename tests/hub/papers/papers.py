# SPDX-License-Identifier: Apache-2.0
"""Papers to test with: one of ours, and seals that a test makes itself."""

from datetime import timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from stemtide.hub.platform.documents.typesetting import typeset
from stemtide.hub.rooms.reports.paper import TEMPLATES
from tests.world import NOON


def text_of(pdf):
    """The words of a PDF, in reading order."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


@cache
def plain(words="Twelve signals."):
    told = {
        "title": "A paper",
        "exercise": "EXERCISE",
        "tlp": "TLP:AMBER",
        "facts": [["Words", words]],
        "note": "",
        "heads": ["a", "b", "c", "d", "e"],
        "rows": [["1", "2", "3", "4", "5"]] * 60,
    }
    return typeset(TEMPLATES / "timeline.typ", told, lang="en")


def name(common, organisation="Ministry"):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def certificate(key, subject, *, issuer=None, issuer_key=None, ca=False, days=365, usage=True):
    usages = x509.KeyUsage(
        digital_signature=usage,
        content_commitment=False,
        key_encipherment=not usage,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=1))
        .not_valid_after(NOON + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usages, critical=True)
        .sign(issuer_key or key, hashes.SHA256())
    )


@cache
def rsa_key(owner):  # noqa: ARG001  # what it is kept by
    """The same key each time for an owner: making one takes long."""
    return rsa.generate_private_key(65537, 2048)


def chain(**more):
    """A key, its certificate, and that of who vouches for it."""
    root_key = rsa_key("root")
    root = certificate(root_key, name("Root", "Trust service"), ca=True)
    key = rsa_key("unit")
    own = certificate(key, name("Unit 7"), issuer=root.subject, issuer_key=root_key, **more)
    return key, own, root


def as_pem(key, *certificates, password=b""):
    """A key and certificates as text."""
    shut = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, shut)
    each = [one.public_bytes(serialization.Encoding.PEM) for one in certificates]
    return b"".join([secret, *each])


def as_p12(key, own, *others, password=b"sesame"):
    """The same as PKCS #12."""
    shut = serialization.BestAvailableEncryption(password)
    return pkcs12.serialize_key_and_certificates(b"seal", key, own, list(others), shut)
