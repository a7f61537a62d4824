# SPDX-License-Identifier: Apache-2.0
"""What a paper costs: to typeset, to seal, to sign beside, to verify; and how many a second.

    python -m benchmarks.papers [--rounds 5]

An action day may ask for a letter for each of 2,000 referrals, and an order for its Annex I. One
process; seals as the hub makes them, with its own key and with an RSA key as a trust service gives
it. Sides take turns in short rounds, so that other work on the machine hurts all of them alike;
"cpu" counts the work of the processors alone, also that of processes begun.

    order       Annex I, two addresses: data to PDF, by typst
    fifty       Annex I, fifty addresses of 800 letters
    letter      a referral
    seal        the hub's own key (P-256) on that letter, PAdES
    seal RSA    the same with RSA-3072
    sign        CMS beside 3 kB of JSON, the hub's own key
    verify      that letter, in a process of its own
    all         letter, seal and JSON with its signature: what one mail needs
    in threads  the same from the threads that send, for the whole process
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

A_ROUND = 8


def timed(work: Callable[[], object], count: int) -> tuple[float, float]:
    """Milliseconds for one: by the clock on the wall, and of the processors."""
    began, spent = time.perf_counter(), sum(os.times()[:4])
    for _ in range(count):
        work()
    wall, cpu = time.perf_counter() - began, sum(os.times()[:4]) - spent
    return wall * 1000 / count, cpu * 1000 / count


def sides(folder: Path) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    from tests.hub.papers.filled import ORDER, referral

    from stemtide.hub.platform.documents.forms import form_pdf, referral_pdf, said_plainly
    from stemtide.hub.platform.documents.pdf_seals import seal_pdf
    from stemtide.hub.platform.documents.seal_files import own_seal
    from stemtide.hub.platform.documents.signatures import sign_bytes
    from stemtide.hub.platform.documents.verification import Trusted, verify_pdf
    from stemtide.protocol.law.forms import form

    now = datetime.now(UTC)
    own = own_seal(folder / "seal.pem", name="hub.example", now=now)
    rsa = rsa_seal(folder, now=now)
    fifty = ORDER | {"urls": [f"https://files.example/{one}/" + "a1b2" * 200 for one in range(50)]}
    told = {"titles": {}, "said": said_plainly, "language": "en"}

    def order(values=ORDER) -> bytes:
        return form_pdf(form("tco-annex-1"), values, language="en", reference="RO-2026-00001")

    def letter() -> bytes:
        return referral_pdf(referral(), **told)

    def seal(pdf: bytes, key=own) -> bytes:
        return seal_pdf(pdf, key, title="Electronic seal", reason="RF-2026-00001", now=now)

    paper, content = letter(), referral().model_dump_json(indent=2).encode()
    sealed = seal(paper)

    def whole() -> None:
        seal(letter())
        sign_bytes(content, own, now=now)

    return {
        "order": order,
        "fifty": lambda: order(fifty),
        "letter": letter,
        "seal": lambda: seal(paper),
        "seal RSA": lambda: seal(paper, rsa),
        "sign": lambda: sign_bytes(content, own, now=now),
        "verify": lambda: verify_pdf(sealed, trusted=Trusted(own=own.certificate), now=now),
        "all": whole,
    }


def rsa_seal(folder: Path, *, now: datetime):
    """A seal as an operator brings it: RSA, of nobody in particular."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    from stemtide.hub.platform.documents.seal_files import seal_in

    key = rsa.generate_private_key(65537, 3072)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Benchmark")])
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"),
        False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=True,
                encipher_only=False,
                decipher_only=False,
                **usage,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "rsa.pem"
    path.write_bytes(secret + made.public_bytes(pem))
    return seal_in(path, password="")


def in_threads(work: Callable[[], object], *, threads: int, count: int) -> float:
    """How many a second, from so many threads."""
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: work(), range(count)))
    return count / (time.perf_counter() - began)


def main() -> None:
    """Measure, and print a line for each side."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rounds", type=int, default=5)
    rounds = asked.parse_args().rounds
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from stemtide.hub.rooms.alerts.sender import THREADS

    with tempfile.TemporaryDirectory() as folder:
        works = sides(Path(folder))
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
        for work in works.values():
            work()  # what is loaded once
        for _ in range(rounds):
            for name, work in works.items():
                took[name].append(timed(work, 2 if name == "verify" else A_ROUND))
        print(f"{'':12}{'ms':>9}{'best':>9}{'cpu':>9}{'a second':>10}")
        for name, each in took.items():
            middle = statistics.median(wall for wall, _ in each)
            best, cpu = min(wall for wall, _ in each), statistics.median(cpu for _, cpu in each)
            print(f"{name:12}{middle:9.1f}{best:9.1f}{cpu:9.1f}{1000 / middle:10.1f}")
        rates = [in_threads(works["all"], threads=THREADS, count=64) for _ in range(3)]
        rate = statistics.median(rates)
        print(f"in {THREADS} threads {rate:.1f} a second: 2,000 in {2000 / rate:.0f} s")


if __name__ == "__main__":
    main()
