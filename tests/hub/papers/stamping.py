# SPDX-License-Identifier: Apache-2.0
"""A time stamp authority (RFC 3161): OpenSSL behind a small HTTP server, honest or not."""

import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.hub.papers.papers import as_pem, name, rsa_key
from tests.world import NOON

_CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
signer_digest = sha256
ess_cert_id_alg = sha256
"""


def _certificate(owner):
    """A certificate of a time stamp authority, valid long before and after these tests run."""
    key = rsa_key(owner)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    return key, (
        x509.CertificateBuilder()
        .subject_name(name(owner, "Trust service"))
        .issuer_name(name(owner, "Trust service"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON.replace(year=2020))
        .not_valid_after(NOON.replace(year=2060))
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


class StampServer:
    """What the authority does, and what it was asked. twist: changes a question before it signs."""

    def __init__(self, folder, *, owner="Time stamps"):
        self.folder, self.questions, self.hold = folder, [], None
        self.twist = self.answer = self.status = None
        key, one = _certificate(owner)
        (folder / "tsa-key.pem").write_bytes(as_pem(key))
        self.pem = one.public_bytes(serialization.Encoding.PEM)
        (folder / "tsa.pem").write_bytes(self.pem)
        (folder / "tsa.conf").write_text(_CONFIG.format(folder=folder))
        (folder / "serial").write_text("01")

    def reply(self, question):
        """The answer to a question."""
        self.questions.append(tsp.TimeStampReq.load(question))
        if self.answer is not None:
            return self.answer
        if self.twist is not None:
            question = self.twist(tsp.TimeStampReq.load(question)).dump()
        (self.folder / "question.tsq").write_bytes(question)
        words = "openssl ts -reply -queryfile question.tsq -signer tsa.pem -inkey tsa-key.pem"
        words += " -config tsa.conf -out answer.tsr"
        subprocess.run(words.split(), cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "answer.tsr").read_bytes()


@contextmanager
def stamping(folder, settings, **more):
    """Run an authority, and let the hub use and trust it."""
    server = StampServer(folder, **more)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            question = self.rfile.read(int(self.headers["content-length"]))
            if server.hold is not None:
                server.hold.wait()
            reply = server.reply(question)
            self.send_response(server.status or 200)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            """Be silent."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    settings.TIMESTAMP_URL = f"http://127.0.0.1:{http.server_port}/stamp"
    settings.TIMESTAMP_TRUST_FILE = str(folder / "tsa.pem")
    settings.TIMESTAMP_LOOPBACK = True
    try:
        yield server
    finally:
        if server.hold is not None:
            server.hold.set()
        http.shutdown()
        http.server_close()
        thread.join()
