from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runbooks", "0008_shadow_of_targets"),
    ]

    operations = [
        migrations.AddField(
            model_name="release",
            name="url",
            field=models.TextField(blank=True),
        ),
    ]
