# SPDX-License-Identifier: Apache-2.0
"""Pulling from medallion, the TAXII server of OASIS: one `next` for a whole run of pages."""

import json
from threading import Thread

import medallion
import pytest
from werkzeug.serving import make_server

from stemtide.hub.rooms.signals.models import Signal
from stemtide.interop.stix.objects import stix_time
from tests.hub.exchanges.test_taxii import indicator
from tests.world import NOON

MEMORY = {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend"}
APP = medallion.application_instance


@pytest.fixture(scope="module")
def server():
    """Where medallion answers; put(objects) fills its collection."""
    APP.users_backend, APP.taxii_config = {"us": "hush"}, {"max_page_size": 100}
    APP.medallion_backend = medallion.connect_to_backend(MEMORY)
    medallion.register_blueprints(APP)
    made = make_server("127.0.0.1", 0, APP)
    thread = Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def put(*objects):
    """Have medallion hold some objects, as its file of data has them."""
    at = stix_time(NOON)
    rows = [{"id": one["id"], "date_added": at, "version": one["modified"]} for one in objects]
    collection = {"id": "c1", "title": "All", "can_read": True, "can_write": False}
    collection |= {"media_types": [], "objects": [*objects], "manifest": rows}
    root = {"information": {"max_content_length": 10**7}, "collections": [collection]}
    APP.medallion_backend.data = json.loads(json.dumps({"root": root}))


@pytest.fixture
def source(desk, server):
    desk.add(address=server, account="us", secret="hush")


@pytest.mark.nightly
@pytest.mark.usefixtures("source")
def test_600_objects_of_medallion_at_100_a_page_are_600(desk):
    put(*(indicator(number) for number in range(600)))
    assert desk.run() == {"shared": 600}
    assert (desk.row.trouble, Signal.objects.count()) == ("", 600)


@pytest.mark.usefixtures("source")
def test_a_later_run_takes_what_medallion_has_beside(desk):
    first = [indicator(number) for number in range(3)]
    put(*first)
    desk.run()
    desk.later(hours=1)
    put(*first, indicator(3))
    assert desk.run() == {"shared": 1}
