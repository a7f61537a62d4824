# SPDX-License-Identifier: Apache-2.0
"""A MISP-shaped server on this machine: events, their index, objects, deletions, sightings, groups.

It keeps MISP's rules that matter to those who push: attributes are merged by uuid, a value is once
in an event, deleted ones stay as deleted, an unknown event is 404, one on the blocklist 403. An
event that is deleted goes onto the blocklist. A
change of an event raises its timestamp and takes its publication back; a sighting raises only the
time of its sightings. tests/hub/exchanges/test_misp_push.py and test_misp_api.py drive it by
PyMISP, unchanged, so that its shape is that of MISP.
"""

import itertools
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import uuid4

KEY = "m" * 40
_IDS = itertools.count(1)
_USER = {"id": "1", "email": "us@misp.example", "org_id": "1", "role_id": "3"}
_FIXED = {
    "servers/getVersion": {"version": "2.5.20", "perm_sync": True},
    "servers/getPyMISPVersion.json": {"version": "2.5.20"},
    "users/view/me": {"User": _USER, "Role": {"id": "3", "name": "User"}, "UserSetting": []},
}


class MispServer(ThreadingHTTPServer):
    """events: by uuid. sightings: (uuid of the attribute, source). asked: paths in order.

    groups: sharing groups as the index shows them, by number.
    clock: its time in seconds. org: whose sightings it takes. index: a wrong answer of a test.
    ignores_groups: whether it keeps events of a group for the own organisation.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Door)
        self.events, self.sightings, self.asked = {}, [], []
        self.refused_values, self.blocked = set(), set()
        self.index, self.groups, self.ignores_groups = None, {}, False
        self.clock, self.org = time.time, "55f6ea5e-2c60-40e5-964f-47a8950d210f"

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def start(self):
        self._thread = Thread(target=self.serve_forever, daemon=True)
        self._thread.start()
        return self

    def stop(self):
        self.shutdown()
        self.server_close()
        self._thread.join()

    def group(self, number, *orgs, roaming=False, all_orgs=False, uuid=None):
        """Add a sharing group of organisations, or change it; return its number."""
        have = self.groups.get(number, {}).get("SharingGroup", {}).get("uuid")
        members = [
            {
                "id": str(place),
                "org_id": str(place),
                "extend": False,
                "Organisation": {"id": str(place), "name": f"Org {place}", "uuid": org},
            }
            for place, org in enumerate(orgs, start=1)
        ]
        self.groups[number] = {
            "SharingGroup": {
                "id": str(number),
                "uuid": str(uuid or have or uuid4()),
                "name": f"Group {number}",
                "active": True,
                "roaming": roaming,
                "org_count": str(len(orgs)),
            },
            "Organisation": {"id": "1", "name": "Org 1", "uuid": self.org},
            "SharingGroupOrg": members,
            "SharingGroupServer": [{"all_orgs": all_orgs, "Server": []}],
            "editable": False,
            "deletable": False,
        }
        return number

    def attributes(self, *, deleted=False):
        """All attributes, those of objects too, by value."""
        return {
            attribute["value"]: attribute
            for event in self.events.values()
            for attribute in _all(event)
            if attribute["deleted"] is deleted
        }

    def merge(self, event, sent):
        """Add what is new to an event, by MISP's rules; return it without deleted attributes."""
        for name in ("info", "distribution", "sharing_group_id", "Tag", "Orgc"):
            if name in sent:
                event[name] = sent[name]
        if event.get("distribution") == "4" and self.ignores_groups:
            event["distribution"] = "1"
        group = self.groups.get(int(event.get("sharing_group_id") or 0))
        if group:
            inner = {name: group[name] for name in ("SharingGroupOrg", "SharingGroupServer")}
            event["SharingGroup"] = group["SharingGroup"] | inner
        self.touch(event)
        for attribute in sent.get("Attribute", []):
            self._put(event, event["Attribute"], attribute)
        for thing in sent.get("Object", []):
            have = next((one for one in event["Object"] if one["uuid"] == thing["uuid"]), None)
            if have is None:
                have = {**thing, "id": str(next(_IDS)), "Attribute": [], "deleted": False}
                event["Object"].append(have)
            for attribute in thing["Attribute"]:
                self._put(event, have["Attribute"], attribute)
        return self.shown(event)

    def _put(self, event, group, attribute):
        same = [one for one in _all(event) if one["uuid"] == attribute["uuid"]]
        if same:
            same[0].update({**attribute, "deleted": bool(attribute.get("deleted", False))})
            return
        values = {(one["type"], one["value"]) for one in event["Attribute"] if not one["deleted"]}
        is_twice = (attribute["type"], attribute["value"]) in values
        if is_twice or attribute["value"] in self.refused_values:
            return
        group.append({**attribute, "id": str(next(_IDS)), "deleted": False})

    def touch(self, event):
        """Note a change of an event."""
        event["timestamp"], event["published"] = str(int(self.clock())), False

    def shown(self, event, *, deleted=(0,)):
        """An event as MISP returns it. deleted: of 0 and 1, which attributes and objects."""

        def kept(rows):
            return [one for one in rows if int(one["deleted"]) in deleted]

        things = [
            {**thing, "Attribute": kept(thing["Attribute"])} for thing in kept(event["Object"])
        ]
        return {"Event": {**event, "Attribute": kept(event["Attribute"]), "Object": things}}


def _all(event):
    inner = [one for thing in event["Object"] for one in thing["Attribute"]]
    return [*event["Attribute"], *inner]


class _Door(BaseHTTPRequestHandler):
    """The REST API, as far as PyMISP and the hub ask for it."""

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        sent = json.loads(text) if text else {}
        path = self.path.split("?")[0].strip("/")
        self.server.asked.append(path)
        if self.headers.get("Authorization") != KEY:
            self._answer(403, {"message": "Authentication failed.", "errors": []})
            return
        self._answer(*self._route(path, sent))

    def do_GET(self):
        self.do_POST()

    def _route(self, path, sent):
        if path in _FIXED:
            return 200, _FIXED[path]
        noun, act, uuid = [*path.split("/"), "", ""][:3]
        acts = {
            ("events", "add"): lambda: self._add(sent.get("Event", sent)),
            ("events", "edit"): lambda: self._edit(uuid, sent.get("Event", sent)),
            ("events", "view"): lambda: self._view(uuid, sent),
            ("events", "index"): lambda: self._index(sent),
            ("events", "publish"): lambda: self._publish(uuid),
            ("events", "delete"): lambda: self._delete_event(uuid),
            ("sharing_groups", "index"): lambda: self._groups(uuid),
            ("sharingGroups", "index"): lambda: self._groups(uuid),
            ("attributes", "delete"): lambda: self._delete(noun, uuid),
            ("objects", "delete"): lambda: self._delete(noun, uuid),
            ("sightings", "add"): lambda: self._sighting(uuid or sent.get("uuid"), sent),
        }
        return acts.get((noun, act), self._missing)()

    def _view(self, uuid, sent):
        event = self.server.events.get(uuid)
        if event is None:
            return self._missing()
        return 200, self.server.shown(event, deleted=sent.get("deleted") or (0,))

    def _index(self, sent):
        """The index with `minimal`: heads without tags."""
        assert sent.pop("minimal")
        published = sent.pop("published", None)
        assert not sent, "no other filter is known here"
        rows = [
            {
                "id": event["id"],
                "uuid": event["uuid"],
                "timestamp": event["timestamp"],
                "sighting_timestamp": event["sighting_timestamp"],
                "published": event["published"],
                "orgc_uuid": event.get("Orgc", {}).get("uuid", ""),
            }
            for event in self.server.events.values()
            if published is None or event["published"] is bool(published)
        ]
        return 200, rows if self.server.index is None else self.server.index

    def _groups(self, limit):
        """The index of sharing groups: the first 60, unless a limit is given as MISP names it."""
        count = int(limit.removeprefix("limit:") or 60)
        rows = [group for _, group in sorted(self.server.groups.items())]
        return 200, {"response": rows[:count]}

    def _delete_event(self, uuid):
        if self.server.events.pop(uuid, None) is None:
            return self._missing()
        self.server.blocked.add(uuid)
        return 200, {"saved": True, "success": True, "message": "Event deleted."}

    def _publish(self, uuid):
        event = next(
            (one for one in self.server.events.values() if uuid in {one["uuid"], one["id"]}), None
        )
        if event is None:
            return self._missing()
        event["published"] = True
        return 200, {"saved": True, "success": True, "name": "Job queued", "message": "Job queued"}

    def _add(self, sent):
        if sent["uuid"] in self.server.blocked:
            words = "Event blocked by local blocklist."
            return 403, {"name": words, "message": words, "url": "/events/add"}
        if sent["uuid"] in self.server.events:
            return 403, {"errors": {"uuid": ["Event already exists"]}, "saved": False}
        event = {"id": str(next(_IDS)), "uuid": sent["uuid"], "Attribute": [], "Object": []}
        event["sighting_timestamp"] = "0"
        plain = {"date": "2026-11-30", "analysis": "0", "threat_level_id": "4"}
        event |= plain | {name: sent[name] for name in plain if name in sent}
        self.server.events[sent["uuid"]] = event
        return 200, self.server.merge(event, sent)

    def _edit(self, uuid, sent):
        event = self.server.events.get(uuid)
        return (200, self.server.merge(event, sent)) if event else self._missing()

    def _delete(self, noun, uuid):
        for event in self.server.events.values():
            things = _all(event) if noun == "attributes" else event["Object"]
            for thing in things:
                if uuid in {thing["uuid"], thing["id"]}:
                    for one in [thing, *thing.get("Attribute", [])]:
                        one["deleted"] = True
                        one["timestamp"] = str(int(self.server.clock()))
                    self.server.touch(event)
                    return 200, {"saved": True, "success": True, "message": "Deleted."}
        return self._missing()

    def _sighting(self, uuid, sent):
        for event in self.server.events.values():
            for attribute in _all(event):
                if attribute["deleted"] or attribute["uuid"] != uuid:
                    continue
                self.server.sightings.append((uuid, sent.get("source", "")))
                now_s = str(int(self.server.clock()))
                event["sighting_timestamp"] = now_s
                row = {
                    "id": str(next(_IDS)),
                    "attribute_id": attribute["id"],
                    "event_id": event["id"],
                    "date_sighting": now_s,
                    "source": sent.get("source", ""),
                    "type": str(sent.get("type", "0")),
                    "Organisation": {"uuid": self.server.org, "name": "An organisation"},
                }
                attribute.setdefault("Sighting", []).append(row)
                return 200, {"Sighting": row}
        return self._missing()

    def _missing(self):
        return 404, {"name": "Invalid", "message": "Invalid", "url": self.path}

    def _answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass
