# SPDX-License-Identifier: Apache-2.0
"""The API refuses text that looks like personal data, unless a header says that it is needed."""

import types
import typing

import pytest
from pydantic import BaseModel

from stemtide.hub.api.urls import api
from stemtide.hub.rooms.signals.models import OpinionRow
from stemtide.protocol.messages.orders import OrderIn
from stemtide.protocol.messages.situation import PublicStatementIn
from stemtide.protocol.privacy.free_text import (
    FREE_TEXTS,
    INSIST,
    INSIST_HEADER,
    OTHER_TEXTS,
    find_in_message,
    find_written,
)
from tests.hub.api.conftest import Machine

PERSONAL = "Ask piet@example.org about it."
DESK_ONLY = {"LiftIn.reason", "TitleIn.title", "YearlyLineIn.text"}
"""Fields of messages that only the desk builds, or of which each row is read by itself."""


def bodies():
    for _, router in api._routers:
        for view in router.path_operations.values():
            for operation in view.operations:
                for model in operation.models:
                    if model.__ninja_param_source__ == "body":
                        yield from (field.annotation for field in model.model_fields.values())


def texts(annotation, *, place="", seen=frozenset(), patterns=()):
    """Every place of a text without a closed format, as Message.field."""
    if annotation is str:
        if not any(str(pattern).startswith("^") for pattern in patterns):
            yield place
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in seen:
            for name, field in annotation.model_fields.items():
                yield from texts(
                    field.annotation,
                    place=f"{annotation.__name__}.{name}",
                    seen=seen | {annotation},
                    patterns=patterns_of(field.metadata),
                )
    elif isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is not None:
        inner, *more = typing.get_args(annotation) or (None,)
        if typing.get_origin(annotation) is typing.Annotated:
            found = (*patterns, *patterns_of(more))
            yield from texts(inner, place=place, seen=seen, patterns=found)
            return
        for one in (inner, *more):
            yield from texts(one, place=place, seen=seen, patterns=patterns)


def patterns_of(metadata):
    return tuple(filter(None, (getattr(one, "pattern", None) for one in metadata)))


def test_every_text_of_the_api_is_checked_or_says_why_not():
    found = {place for body in bodies() for place in texts(body)}
    assert found | DESK_ONLY == FREE_TEXTS.keys() | OTHER_TEXTS.keys()
    assert not FREE_TEXTS.keys() & OTHER_TEXTS.keys()


def test_a_text_in_a_list_or_an_object_has_its_place():
    line = PublicStatementIn(texts={"en": "Share no films.", "fr": PERSONAL})
    assert list(find_in_message(line)) == ["texts.fr"]
    annex = {"reasons": PERSONAL, "contact_mail": "desk@police.example"}
    order = OrderIn(to="big-videos", annex=annex)
    assert list(find_in_message(order)) == ["annex.reasons"]


def test_mentions_of_a_situation_log_are_no_personal_data():
    text = "@role:lead, @party:big-videos and @person:ann@police.example, please look."
    assert find_written(text) == ()
    assert len(find_written("@role:lead, ask ann@police.example")) == 1


@pytest.mark.django_db
def test_an_opinion_with_a_mail_address_is_refused_unless_it_is_needed(world):
    uid = world.share().id
    machine = Machine(world.key(world.big_provider))
    address, body = f"/api/v1/signals/{uid}/opinion", {"opinion": "dispute", "note": PERSONAL}
    refused = machine("PUT", address, body)
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["field"] == "note"
    assert INSIST_HEADER in error["message"]
    assert "piet" not in refused.content.decode()
    assert not OpinionRow.objects.exists()
    taken = machine("PUT", address, body, headers={INSIST_HEADER: INSIST})
    assert taken.status_code == 200
    assert OpinionRow.objects.get().note == PERSONAL


@pytest.mark.django_db
def test_another_value_of_the_header_insists_on_nothing(world):
    uid = world.share().id
    machine = Machine(world.key(world.big_provider))
    body = {"opinion": "dispute", "note": PERSONAL}
    headers = {INSIST_HEADER: "yes"}
    answer = machine("PUT", f"/api/v1/signals/{uid}/opinion", body, headers=headers)
    assert answer.status_code == 422
