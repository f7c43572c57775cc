import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vault", "0002_immutable")]

    operations = [
        migrations.AlterField(
            model_name="item",
            name="id",
            field=models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
        ),
    ]
