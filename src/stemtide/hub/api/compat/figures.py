# SPDX-License-Identifier: Apache-2.0
"""/figures/: the public figures of quarters, as files for everybody.

The JSON is the text whose digest the ledger has. Figures never change, so that proxies keep them.
"""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from stemtide.hub.api.auth import now
from stemtide.hub.api.compat.tlog import FOR_EVER, comes_with_key, read_only
from stemtide.hub.rooms.reports.reads.public import figures as reads
from stemtide.protocol.figures.csv_file import figures_csv

_JSON, _CSV = "application/json", "text/csv; charset=utf-8"
_KEPT = {"Cache-Control": f"public, {FOR_EVER}"}


@read_only
def as_json(request: HttpRequest, quarter: str) -> HttpResponse:
    """Return the figures of a quarter as they were published, byte for byte."""
    comes_with_key(request)
    return HttpResponse(reads.find(quarter).body, content_type=_JSON, headers=_KEPT)


@read_only
def as_csv(request: HttpRequest, quarter: str) -> HttpResponse:
    """Return the figures of a quarter for spreadsheets."""
    comes_with_key(request)
    name = f'attachment; filename="figures-{quarter}.csv"'
    headers = _KEPT | {"Content-Disposition": name}
    content = figures_csv(reads.figures(quarter))
    return HttpResponse(content, content_type=_CSV, headers=headers)


@read_only
def proof(request: HttpRequest, quarter: str) -> HttpResponse:
    """Return the entry with the digest of a quarter's figures, and the opening of its leaf."""
    content = reads.proof(quarter, now=now(), is_member=comes_with_key(request))
    return HttpResponse(content, content_type=_JSON)


@read_only
def quarters(request: HttpRequest) -> HttpResponse:
    """Return the quarters with figures, the latest first, one a line."""
    comes_with_key(request)
    lines = "".join(f"{name}\n" for name in reads.published())
    return HttpResponse(lines, content_type="text/plain; charset=utf-8")


urlpatterns = [
    path("quarters", quarters, name="figures-quarters"),
    path("<slug:quarter>.json", as_json, name="figures-json"),
    path("<slug:quarter>.csv", as_csv, name="figures-csv"),
    path("<slug:quarter>/proof", proof, name="figures-proof"),
]
