"""One approval may set several freezes aside, each once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_service")]

    operations = [
        migrations.AddConstraint(
            model_name="freezeoverride",
            constraint=models.UniqueConstraint(fields=["approval", "freeze"], name="catalog_override_once_each"),
        ),
        migrations.RemoveConstraint(model_name="freezeoverride", name="catalog_override_once"),
    ]
