"""Every address under /staff/. Each is guarded by `recsite.staff.access.staff_page`; a test walks through all."""

from __future__ import annotations

from django.urls import path

from recsite.staff.pages import items, jobs, loop, misses, overview, readers, releases, slates

app_name = "staff"

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("readers/", readers.readers, name="readers"),
    path("readers/<uuid:public_id>/", readers.reader, name="reader"),
    path("slates/", slates.slates, name="slates"),
    path("slates/<uuid:slate_id>/", slates.slate, name="slate"),
    path("items/", items.items, name="items"),
    path("items/<int:item_id>/", items.item, name="item"),
    path("items/<int:item_id>/hide/", items.hide, name="hide_item"),
    path("items/<int:item_id>/pin/", items.pin, name="pin_item"),
    path("pins/<int:pin_id>/take-down/", items.take_down, name="take_down_pin"),
    path("releases/", releases.releases, name="releases"),
    path("releases/compare/", releases.compare, name="compare_releases"),
    path("releases/roll-back/", releases.roll_back, name="roll_back"),
    path("releases/<int:release_id>/", releases.release, name="release"),
    path("releases/<int:release_id>/promote/", releases.promote, name="promote_release"),
    path("releases/<int:release_id>/refuse/", releases.refuse, name="refuse_release"),
    path("loop/", loop.loop, name="loop"),
    path("loop/audience/", loop.switch_audience, name="switch_audience"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/<int:schedule_id>/", jobs.job, name="job"),
    path("jobs/<int:schedule_id>/run/", jobs.run_now, name="run_job"),
    path("jobs/<int:schedule_id>/pause/", jobs.pause, name="pause_job"),
    path("jobs/<int:schedule_id>/schedule/", jobs.change_schedule, name="change_schedule"),
    path("jobs/runs/<int:run_id>/", jobs.job_run, name="job_run"),
    path("jobs/trainings/<int:run_id>/", jobs.training_run, name="training_run"),
    path("type-1-type-2/", misses.misses, name="misses"),
]
