# SPDX-License-Identifier: Apache-2.0
"""Foreign keys follow the floors; import-linter holds the imports, it cannot see tables."""

import pytest
from django.apps import apps

FLOORS = [
    {"ledger"},
    {"parties"},
    {"signing"},
    {"crises"},
    {"exercises"},
    {"approvals"},
    {"allowlists"},
    {"signals"},
    {"propagation"},
    {"stix"},
    {"exchanges"},
    {"media"},
    {"private_matching"},
    {"local_features"},
    {"referrals"},
    {"orders"},
    {"transparency"},
    {"tasks"},
    {"situation"},
    {"rechecks"},
    {"complaints"},
    {"rights"},
    {"retention"},
    {"adoptions"},
    {"reports"},
    {"alerts"},
    {"webhooks"},
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}


def ours():
    return [model for model in apps.get_models() if model._meta.app_label in FLOOR]


def test_every_room_with_tables_has_a_floor():
    rooms = {
        one.label
        for one in apps.get_app_configs()
        if one.name.startswith("stemtide") and one.models
    }
    assert rooms == set(FLOOR)


def test_foreign_keys_point_down():
    up = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for model in ours()
        for field in model._meta.get_fields()
        if field.is_relation
        and field.concrete
        and field.related_model is not None
        and FLOOR.get(field.related_model._meta.app_label, -1) > FLOOR[model._meta.app_label]
    ]
    assert up == []


def test_the_ledger_points_at_nothing():
    fields = [
        field.name
        for model in apps.get_app_config("ledger").get_models()
        for field in model._meta.get_fields()
        if field.is_relation
    ]
    assert fields == []


@pytest.mark.django_db
def test_migrations_have_real_names():
    from django.db.migrations.loader import MigrationLoader

    lazy = [
        f"{room}.{name}"
        for room, name in MigrationLoader(None).disk_migrations
        if room in FLOOR and ("_auto_" in name or name.endswith("_initial"))
    ]
    assert lazy == []
