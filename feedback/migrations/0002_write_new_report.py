from django.db import migrations

# Written as a function because PostgreSQL then keeps its plans with the connection, also behind a pooler: planning
# these two statements takes as long as running them. Without ON CONFLICT, which costs a fifth: nearly all reports are
# new, and one that is not is written again with care by feedback.event_writing.
_WRITE_NEW_REPORT = """
CREATE FUNCTION feedback_write_new_report(
    received timestamptz,
    view_slates uuid[], view_positions smallint[], view_items bigint[], viewed timestamptz[],
    reader bigint, buckets smallint[], kinds text[], happened timestamptz[], items bigint[], topics bigint[],
    authors bigint[], queries text[], dwells integer[], events uuid[], surfaces text[], slates uuid[],
    positions smallint[], visits uuid[], exclusions text[]
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'on', true);
    IF view_slates IS NOT NULL THEN
        INSERT INTO feedback_view (received_at, slate_id, position, item_id, viewed_at)
        SELECT received, reported.* FROM unnest(view_slates, view_positions, view_items, viewed) AS reported;
    END IF;
    IF kinds IS NOT NULL THEN
        INSERT INTO feedback_interaction (
            received_at, reader_id, reader_bucket, kind, happened_at, item_id, topic_id, author_id, query, dwell_ms,
            event_id, surface, slate_id, position, visit_id, excluded
        )
        SELECT received, reader, reported.* FROM unnest(
            buckets, kinds, happened, items, topics, authors, queries, dwells, events, surfaces, slates, positions,
            visits, exclusions
        ) AS reported;
        SET CONSTRAINTS ALL IMMEDIATE;
    END IF;
    RETURN true;
EXCEPTION WHEN unique_violation OR foreign_key_violation THEN
    RETURN false;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("feedback", "0001_initial")]

    operations = [
        migrations.RunSQL(_WRITE_NEW_REPORT, "DROP FUNCTION feedback_write_new_report"),
    ]
