"""Create the table of a model as a partitioned one, which Django cannot say itself."""

from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState


class CreatePartitionedModel(migrations.CreateModel):
    """CREATE TABLE ... PARTITION BY RANGE of the slate's id, with a default partition: no write finds no place."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, _from: ProjectState, to_state: ProjectState
    ) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        table = schema_editor.quote_name(model._meta.db_table)
        key = "id" if self.name == "Slate" else "slate_id"
        sql, parameters = schema_editor.table_sql(model)
        schema_editor.execute(f"{sql} PARTITION BY RANGE ({key})", parameters or None)
        default = schema_editor.quote_name(f"{model._meta.db_table}_default")
        schema_editor.execute(f"CREATE TABLE {default} PARTITION OF {table} DEFAULT")
        for index in model._meta.indexes:
            schema_editor.add_index(model, index)
