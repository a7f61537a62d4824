# SPDX-License-Identifier: Apache-2.0
"""The TAXII 2.1 server: discovery, collections, pages of objects, posts and their status.

source: OASIS, TAXII Version 2.1 (10 June 2021), sections 4 and 5.
"""

import base64
import binascii
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from stemtide.hub.api import problems
from stemtide.hub.api.auth import authenticate_key, now
from stemtide.hub.api.bodies import read_json
from stemtide.hub.api.bulks import bulk_slot
from stemtide.hub.api.compat.taxii.filters import read_collection_query, versions_named
from stemtide.hub.api.compat.taxii.responses import (
    MEDIA_TYPE,
    answer,
    check_accept,
    check_sent,
    envelope,
    manifest,
    versions,
)
from stemtide.hub.api.error_formats import TAXII, TAXII_PREFIX
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.platform.errors import UnknownKeyError
from stemtide.hub.platform.postgresql.replica import reading
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.stix import rules
from stemtide.hub.rooms.stix.reads import pages, stix as reads
from stemtide.hub.rooms.stix.reads.pages import Page
from stemtide.hub.rooms.stix.rules import Collection
from stemtide.hub.rooms.stix.writes import stix as writes
from stemtide.interop.stix.objects import OBJECT_MEDIA_TYPE
from stemtide.protocol.problems import ProblemType

ROOT = f"{TAXII_PREFIX}hub/"
MAX_CONTENT_BYTES = 16 * 1024 * 1024
"""Maximum size of a post; bodies of the hub's own API may be larger."""

_Rest = ParamSpec("_Rest")
_View = Callable[Concatenate[HttpRequest, _Rest], HttpResponse]
_NEEDS_ACCOUNT = (
    "send the party's name and an API key of it by HTTP Basic, or the key as a Bearer token;"
    " whoever runs the hub makes keys"
)


def _door(*methods: str) -> Callable[[_View[_Rest]], _View[_Rest]]:
    """Return a decorator for TAXII views: methods, media types, errors in TAXII's format."""

    def wrap(view: _View[_Rest]) -> _View[_Rest]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: _Rest.args, **named: _Rest.kwargs) -> HttpResponse:
            try:
                if request.method not in methods:
                    return _wrong_method(methods)
                check_accept(request)
                return view(request, *args, **named)
            except Exception as error:  # noqa: BLE001  # ninja, which would do this, is not in between
                return problems.answer(problems.describe(error), error_format=TAXII)

        return cast("_View[_Rest]", csrf_exempt(guarded))

    return wrap


def _wrong_method(methods: tuple[str, ...]) -> HttpResponse:
    """Return 405 with the allowed methods."""
    allow = ", ".join(methods)
    response = problems.answer(problems.below(405, allow=allow), error_format=TAXII)
    response.headers["Allow"] = allow
    return response


def called(request: HttpRequest) -> Caller:
    """Authenticate by Basic (a party's name or a key's prefix, and the key), Bearer or Token.

    raises: ProblemError, UnknownKeyError.
    """
    scheme, _, rest = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() in {"bearer", "token"} and rest:
        return authenticate_key(rest.strip(), request)
    if scheme.lower() != "basic" or not rest:
        raise ProblemError(ProblemType.UNAUTHENTICATED, _NEEDS_ACCOUNT)
    try:
        user, _, key = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ProblemError(ProblemType.UNAUTHENTICATED, _NEEDS_ACCOUNT) from error
    caller = authenticate_key(key, request)
    if user not in {caller.party.name, caller.key}:
        raise UnknownKeyError(
            "this name and this key do not belong together: the name is the party's, as in"
            " big-videos, or the part of the key after st_"
        )
    return caller


@_door("GET")
def discovery(request: HttpRequest) -> HttpResponse:
    """Return the one API root, as a relative URL, so that it works behind any proxy."""
    called(request)
    about = {
        "title": "Stemtide hub",
        "description": "Signals of terrorist content, and what is said of them, as STIX 2.1",
        "default": ROOT,
        "api_roots": [ROOT],
    }
    return answer(about)


@_door("GET")
def root(request: HttpRequest) -> HttpResponse:
    """Return the API root."""
    called(request)
    about = {
        "title": "Stemtide hub",
        "description": "One collection for everything, one for each crisis, one for feedback",
        "versions": [MEDIA_TYPE],
        "max_content_length": MAX_CONTENT_BYTES,
    }
    return answer(about)


@_door("GET")
def status(request: HttpRequest, uid: str) -> HttpResponse:
    """Return the status of a post."""
    caller = called(request)
    try:
        receipt_id = UUID(uid)
    except ValueError as error:
        raise ProblemError(ProblemType.NOT_FOUND, "a status id is a UUID") from error
    return answer(reads.receipt(receipt_id, viewer=caller.party))


@_door("GET")
def collections(request: HttpRequest) -> HttpResponse:
    """List the collections that the caller sees, with its rights in each."""
    caller = called(request)
    visible = reads.collections(viewer=caller.party, scopes=caller.scopes, now=now())
    return answer(
        {"collections": [_collection_resource(entry) for entry in visible]} if visible else {}
    )


@_door("GET")
def collection(request: HttpRequest, name: str) -> HttpResponse:
    """Return a collection."""
    return answer(_collection_resource(_collection(name, caller=called(request))))


@_door("GET")
def collection_manifest(request: HttpRequest, name: str) -> HttpResponse:
    """List the objects of a collection without their content."""
    return manifest(_page(request, name))


@_door("GET", "POST")
def objects(request: HttpRequest, name: str) -> HttpResponse:
    """Return a page of a collection, or add a partner's objects."""
    return _post(request, name) if request.method == "POST" else envelope(_page(request, name))


@_door("GET", "DELETE")
def one_object(request: HttpRequest, name: str, stix_id: str) -> HttpResponse:
    """Return an object in its latest version or the requested ones, or delete it."""
    if request.method == "DELETE":
        caller = called(request)
        writes.take_away(
            stix_id,
            of=_collection(name, caller=caller),
            versions=versions_named(request.GET),
            by=caller,
            now=now(),
        )
        return HttpResponse(content_type=MEDIA_TYPE)
    return envelope(_page(request, name, only=stix_id))


@_door("GET")
def object_versions(request: HttpRequest, name: str, stix_id: str) -> HttpResponse:
    """List the versions of an object."""
    return versions(_page(request, name, only=stix_id, all_versions=True))


def _page(
    request: HttpRequest, name: str, *, only: str | None = None, all_versions: bool = False
) -> Page:
    """Return the requested page.

    raises: ProblemError, NotFoundError, NotAllowedError.
    """
    caller = called(request)
    source = _collection(name, caller=caller)
    rules.check_read(source)
    question = read_collection_query(request.GET, only=only, all_versions=all_versions)
    with reading():
        result_page = pages.page(
            source,
            viewer=caller.party,
            filters=question.filters,
            limit=question.limit,
            after=question.after,
        )
    if only and not result_page.objects and question.after is None and not question.filters.is_none:
        raise ProblemError(
            ProblemType.NOT_FOUND, "this collection has no such object that your party may see"
        )
    return result_page


def _post(request: HttpRequest, name: str) -> HttpResponse:
    """Add a partner's objects; return 202 with the status of each."""
    caller = called(request)
    target = _collection(name, caller=caller)
    rules.check_write(target)
    check_sent(request)
    if len(request.body) > MAX_CONTENT_BYTES:
        raise ProblemError(
            ProblemType.TOO_LARGE, f"a post has at most {MAX_CONTENT_BYTES} bytes: send several"
        )
    sent = read_json(request.body)
    posted = sent.get("objects") if isinstance(sent, dict) else None
    if not isinstance(posted, list) or not posted:
        raise ProblemError(ProblemType.INVALID, 'send an envelope: {"objects": [...]}')
    if len(posted) > writes.MAX_OBJECTS:
        raise ProblemError(
            ProblemType.TOO_LARGE, f"a post has at most {writes.MAX_OBJECTS} objects: send several"
        )
    with bulk_slot(request, caller) as turn:
        body = writes.post(posted, to=target, by=caller, now=now(), turn=turn)
    return answer(body, status=202)


def _collection(name: str, *, caller: Caller) -> Collection:
    """Return a collection by its id or alias. raises: NotFoundError."""
    return reads.collection(name, viewer=caller.party, scopes=caller.scopes, now=now())


def _collection_resource(collection: Collection) -> dict[str, Any]:
    """Return a collection as a TAXII resource."""
    return {
        "id": str(collection.id),
        "title": collection.title,
        "description": collection.description,
        "alias": collection.alias,
        "can_read": collection.rights.can_read,
        "can_write": collection.rights.can_write,
        "media_types": [OBJECT_MEDIA_TYPE],
    }


_COLLECTION_PATH = "taxii2/hub/collections/<str:name>/"

urlpatterns: list[URLPattern] = [
    path("taxii2/", discovery, name="taxii-discovery"),
    path("taxii2/hub/", root, name="taxii-root"),
    path("taxii2/hub/status/<str:uid>/", status, name="taxii-status"),
    path("taxii2/hub/collections/", collections, name="taxii-collections"),
    path(_COLLECTION_PATH, collection, name="taxii-collection"),
    path(f"{_COLLECTION_PATH}manifest/", collection_manifest, name="taxii-manifest"),
    path(f"{_COLLECTION_PATH}objects/", objects, name="taxii-objects"),
    path(f"{_COLLECTION_PATH}objects/<str:stix_id>/", one_object, name="taxii-object"),
    path(
        f"{_COLLECTION_PATH}objects/<str:stix_id>/versions/", object_versions, name="taxii-versions"
    ),
]
