from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("parties", "0004_competences_and_series")]

    operations = [
        migrations.AddField(
            "agent", "key", models.CharField(blank=True, db_default="", max_length=12)
        )
    ]
