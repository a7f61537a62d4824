from datetime import timedelta

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F

BACK = {"deescalating": "active", "ended": "closed"}


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Each old crisis is an event of its own; a closed one has had its tail, a live one is due."""
    database = schema_editor.connection.alias
    crises = apps.get_model("crises", "Crisis").objects.using(database)
    reviews = apps.get_model("crises", "Review").objects.using(database)
    crises.filter(event=None).update(event=F("uid"))
    crises.filter(stage="closed", tail_ends_at=None).update(tail_ends_at=F("closed_at"))
    for crisis in crises.filter(stage="active", reviews=None):
        since = crisis.activated_at or crisis.warned_at
        reviews.create(
            crisis=crisis,
            since=since,
            prompt_due=since + timedelta(hours=24),
            review_due=since + timedelta(hours=48),
        )


def empty(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Stages that the old code does not know become those that it does."""
    crises = apps.get_model("crises", "Crisis").objects.using(schema_editor.connection.alias)
    for stage, before in BACK.items():
        crises.filter(stage=stage).update(stage=before)


class Migration(migrations.Migration):
    dependencies = [("crises", "0002_life_of_a_crisis")]
    operations = [migrations.RunPython(fill, empty, elidable=True)]
