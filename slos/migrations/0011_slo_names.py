"""What the admin calls these tables; nothing of the tables themselves."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("slos", "0010_days_of_runs")]

    operations = [
        migrations.AlterModelOptions("slo", {"ordering": ["slug"], "verbose_name": "SLO"}),
        migrations.AlterModelOptions("slopart", {"ordering": ["id"], "verbose_name": "SLO part"}),
        migrations.AlterModelOptions("sloversion", {"ordering": ["-number"], "verbose_name": "SLO version"}),
    ]
