# SPDX-License-Identifier: Apache-2.0
"""The site of the documentation: each link leads somewhere, and the search needs no internet."""

import functools
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from stemtide.hub.desk.documentation.views import POLICY
from tests.flows.conftest import CHROMIUM, SWITCHES

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.nightly,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


class WithPolicy(SimpleHTTPRequestHandler):
    """Serves files under the policy of the hub."""

    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of the site. Building it fails on a link that leads nowhere."""
    folder = tmp_path_factory.mktemp("site") / "site"
    subprocess.run([sys.executable, "docs/build.py", folder], cwd=ROOT, check=True)
    handler = functools.partial(WithPolicy, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_a_search_finds_a_page_under_the_policy_of_the_hub_and_asks_nobody_else(site, page):
    refused, asked = [], set()
    page.on("console", lambda message: refused.append(message.text))
    page.on("request", lambda request: asked.add(request.url))
    page.goto(f"{site}/docs/run/README.html")
    page.get_by_role("searchbox").fill("restore backup")
    page.get_by_role("button", name="Search").click()
    found = page.locator("#search-results a", has_text="Backing up")
    expect(found.first).to_be_visible(timeout=60_000)
    found.first.click()
    expect(page.locator("h1")).to_contain_text("Backing up")
    assert refused == []
    assert {url for url in asked if not url.startswith(site)} == set()


def test_the_references_name_an_operation_a_method_and_a_command(site, page):
    page.goto(f"{site}/docs/use/reference.html")
    expect(page.get_by_role("heading", name="POST /api/v1/signals", exact=True)).to_be_attached()
    page.goto(f"{site}/docs/use/python-reference.html")
    expect(page.locator("dt.sig", has_text="share_signal").first).to_be_attached()
    page.goto(f"{site}/docs/use/commands.html")
    expect(page.get_by_role("heading", name="stemtide signal share", exact=True)).to_be_attached()
