# SPDX-License-Identifier: Apache-2.0
"""A witness by C2SP's tlog-witness, as a small server of its own: what the hub's asker talks to."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.protocol.tlog.cosignatures import CheckpointRequest, WitnessKey, cosign
from stemtide.protocol.tlog.merkle import EMPTY_ROOT, ProofError, check_consistency
from stemtide.protocol.tlog.notes import Note, NoteError, read_checkpoint


class WitnessServer:
    """A witness of one log. trusted: the log's keys. requests: the bodies that it got.

    clock: seconds since 1970, of its cosignatures.
    """

    def __init__(self, trusted, *, name="witness.example/w1", clock=time.time):
        self.clock = clock
        self.private, self.name = Ed25519PrivateKey.generate(), name
        self.key = WitnessKey.of(self.private, name=name)
        self.trusted, self.requests = trusted, []
        self.size, self.root = 0, EMPTY_ROOT

    def answer(self, body):
        """Return a status, a content type and a text for a request to cosign a head."""
        self.requests.append(body)
        try:
            request = CheckpointRequest.read(body)
            head = read_checkpoint(request.note, trusted=self.trusted)
        except ProofError as error:
            return 400, "text/plain", str(error)
        except NoteError as error:
            return 403, "text/plain", str(error)
        if request.old_size != self.size:
            return 409, "text/x.tlog.size", f"{self.size}\n"
        sizes = {"old_size": self.size, "size": head.size}
        try:
            check_consistency(request.path, old_root=self.root, root=head.root, **sizes)
        except ProofError as error:
            return 422, "text/plain", str(error)
        self.size, self.root = head.size, head.root
        text = Note.read(request.note).text
        line = cosign(text, key=self.private, name=self.name, at=int(self.clock()))
        return 200, "text/plain", line


@contextmanager
def serving(witness):
    """Serve a witness on this machine; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            is_known = self.path == "/sub/add-checkpoint"
            status, kind, text = witness.answer(body) if is_known else (404, "text/plain", "")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments):
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/sub"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
