"""A reference is looked for under every rule as well: it comes first, and the pair is found as before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0004_order_indexes")]

    operations = [
        migrations.AddIndex("handoff", models.Index(fields=["external_ref", "rule"], name="handoffs_reference")),
        migrations.RemoveIndex("handoff", "handoffs_ref"),
    ]
