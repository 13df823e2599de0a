"""The pages of releases, on rows and on two small releases that are stored and can be loaded."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from recsite import clock
from recsite.models import Release, TrainingRun
from recsite.releases.registry import live_release, previous_release, refuse
from recsite.releases.store import store
from recsite.staff import loaded_releases
from tests.factories import NOW
from tests.recsite.funnel.world import boosted_ranker
from tests.recsite.releases.rows import make_candidate, make_live
from tests.recsite.releases.stored import stored_release

pytestmark = pytest.mark.django_db

LIST = "/staff/releases/"


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda request=None: NOW)


def report(**fields: Any) -> dict[str, Any]:
    """As the gate writes it, of a retriever that is better than the live one."""
    measured = {
        "ndcg_at_10 funnel": 0.1234,
        "ndcg_at_10 popularity": 0.05,
        "recall_at_100 all": 0.5,
        "coverage": 0.6,
        "overlap": 0.2,
        "readers": 400,
    }
    values: dict[str, Any] = {
        "change": "same config, newer data",
        "order judged by": "the funnel's answers",
        "differences": {
            "live": {"relative": 0.021, "lower": -0.004, "upper": 0.046},
            "popularity": {"relative": 1.5, "lower": 1.2, "upper": 1.8},
        },
        "measured": {"candidate": measured, "live": measured | {"ndcg_at_10 funnel": 0.12, "coverage": 0.5}},
        "windows": {"readers": 400, "positives": 900, "unprompted": 120},
        "learned": {"positives": 5_000, "readers": 700, "items": 300},
        "served": {"tried": 10, "different": 0, "examples": []},
        "latency_p99_ms": 12.5,
        "size_mib": 3.0,
        "alarm": "",
        "verdict": {
            "outcome": "promote",
            "reasons": ["Against the live release: +2.1%."],
            "limits": {
                "readers": 300,
                "positives": 1_000,
                "routine_loss": 0.03,
                "coverage_kept": 0.5,
                "latency_p99_ms": 400.0,
                "between_rerankers": "6 h",
            },
        },
    }
    return values | fields


def context(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.context


def texts(table: Any) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def url(release: Release, action: str = "") -> str:
    return f"{LIST}{release.pk}/{action}"


# --- the list ---


def test_without_a_release_the_page_says_how_to_make_one(admin_client: Client) -> None:
    page = admin_client.get(LIST).content.decode()
    assert "No release is live: readers are served by rules." in page
    assert "manage.py retrain all" in page


def test_the_title_says_which_is_live_and_how_old_it_is(admin_client: Client) -> None:
    live = make_live(now=NOW - timedelta(hours=6))
    assert context(admin_client, LIST)["title"] == f"Release {live.pk} is live. It is 6 hours old."


def test_the_list_says_of_each_what_the_gate_measured(admin_client: Client) -> None:
    old = make_live(now=NOW - timedelta(days=2))
    live = make_live(now=NOW - timedelta(hours=6), report=report())
    rows = texts(context(admin_client, LIST)["tables"]["releases"])
    assert [row[0] for row in rows] == [str(live.pk), str(old.pk)]
    assert rows[0][1] == "live"
    assert rows[0][5:9] == ["same config, newer data", "passed", "0.1234", "+2.1% (-0.4% to +4.6%)"]
    assert rows[1][1] == "way back"
    assert rows[1][5:9] == ["–", "–", "–", "–"]


def test_the_list_reads_no_report(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        make_live(now=NOW - timedelta(days=number + 1), report=report())
    with django_assert_max_num_queries(25) as asked:
        admin_client.get(LIST)
    listed = [query["sql"] for query in asked.captured_queries if "to_live" in query["sql"]]
    assert len(listed) == 1
    assert '"recsite_release"."report",' not in listed[0]


def test_where_viewed_visits_judged_the_list_shows_their_ndcg(admin_client: Client) -> None:
    measured = report()["measured"] | {"viewed visits": {"visits": 50, "candidate": 0.4321, "live": 0.4}}
    make_live(report=report(measured=measured))
    assert texts(context(admin_client, LIST)["tables"]["releases"])[0][7] == "0.4321"


def test_the_list_goes_on_with_older_ones(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsite.staff.pages.releases.LISTED", 2)
    first, second, third = (make_candidate() for _ in range(3))
    found = context(admin_client, LIST)
    assert found["older"] == second.pk
    rows = texts(context(admin_client, f"{LIST}?before={second.pk}")["tables"]["releases"])
    assert [row[0] for row in rows] == [str(first.pk)]
    assert third.pk > second.pk


@pytest.mark.parametrize("query", ["before=x", "before=-1", "before=99999999999999", "csv=nothing"])
def test_what_the_list_cannot_be_asked_is_not_found(admin_client: Client, query: str) -> None:
    assert admin_client.get(f"{LIST}?{query}").status_code == 404


def test_the_chart_begins_with_the_first_that_had_something_to_beat(admin_client: Client) -> None:
    make_live(now=NOW - timedelta(days=2))
    make_live(report=report(), now=NOW - timedelta(days=1))
    chart = admin_client.get(f"{LIST}?json=steps").json()
    assert chart["x"] == [(NOW - timedelta(days=1)).timestamp()]
    (series,) = chart["series"]
    assert (series["values"], series["lower"], series["upper"]) == ([0.021], [-0.004], [0.046])


def test_the_list_comes_as_csv(admin_client: Client) -> None:
    live = make_live(report=report())
    rows = admin_client.get(f"{LIST}?csv=releases").content.decode().splitlines()
    assert rows[1].startswith(f"{live.pk},live,")


# --- one ---


def test_a_release_shows_its_differences_with_their_intervals(admin_client: Client) -> None:
    live = make_live(report=report())
    tables = context(admin_client, url(live))["tables"]
    assert texts(tables["differences"]) == [
        ["Order against the release that was live", "+2.1%", "-0.4%", "+4.6%"],
        ["Order against popularity", "+150.0%", "+120.0%", "+180.0%"],
    ]


def test_a_release_shows_the_limits_beside_what_was_measured(admin_client: Client) -> None:
    live = make_live(report=report())
    rows = {row[0]: row[1:] for row in texts(context(admin_client, url(live))["tables"]["checks"])}
    assert rows["Readers in the window"] == ["400", "at least 300", "kept"]
    assert rows["Positives in the window"] == ["900", "at least 1,000", "not kept"]
    assert rows["Order against the release that was live"] == [
        "+2.1% (-0.4% to +4.6%)",
        "lower bound above -3%",
        "kept",
    ]
    assert rows["Coverage"] == ["60.0%", "at least 25.0%", "kept"]
    assert rows["An answer takes, p99"] == ["12 ms", "at most 400 ms", "kept"]


def test_a_changed_config_has_to_be_better_for_certain(admin_client: Client) -> None:
    made = make_candidate(report=report(change="changed config"))
    rows = {row[0]: row[1:] for row in texts(context(admin_client, url(made))["tables"]["checks"])}
    assert rows["Order against the release that was live"][1:] == ["lower bound above 0", "not kept"]


def test_a_release_shows_everybody_measured_on_its_window(admin_client: Client) -> None:
    live = make_live(report=report())
    rows = texts(context(admin_client, url(live))["tables"]["measured"])
    assert rows[0] == ["NDCG@10", "0.1234", "0.1200"]
    assert ["Readers", "400", "400"] in rows


def test_a_release_shows_what_was_done_to_it_and_the_trainings_that_made_it(admin_client: Client) -> None:
    live = make_live(config={"retriever": {"dim": 64}})
    run = TrainingRun.objects.create(
        kind="retriever",
        state="promoted",
        started_at=NOW - timedelta(minutes=10),
        finished_at=NOW,
        process="here 1",
        outcome="It went live.",
        release=live,
    )
    tables = context(admin_client, url(live))["tables"]
    assert [row[1:] for row in texts(tables["events"])] == [
        ["made", "training", "–"],
        ["promoted", "test", "it is good"],
    ]
    assert texts(tables["trainings"])[0][1:] == ["retriever", "promoted", "10 min 0 s", "It went live."]
    assert tables["trainings"].rows[0][0].url == f"/staff/jobs/trainings/{run.pk}/"
    assert texts(tables["config"]) == [["retriever.dim", "64"]]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"measured": 3, "differences": [], "verdict": "no", "windows": None, "learned": {"positives": "many"}},
        {"measured": {"viewed visits": {"visits": "x"}, "candidate": {}}, "learned": 5},
        {"measured": {"candidate": {"own": 1}}, "differences": {"own": {"relative": None}}, "verdict": {"limits": 3}},
    ],
)
def test_a_report_of_other_code_still_opens(admin_client: Client, odd: dict[str, Any]) -> None:
    live = make_live(report=odd)
    for path in (url(live), LIST, f"{LIST}compare/?one={live.pk}&other={live.pk}"):
        assert admin_client.get(path).status_code == 200


def test_a_release_that_is_not_there_is_not_found(admin_client: Client) -> None:
    assert admin_client.get(f"{LIST}4711/").status_code == 404


def test_what_a_report_says_is_text_and_never_markup(admin_client: Client) -> None:
    live = make_live(report={"alarm": "<script>alert(1)</script>"})
    page = admin_client.get(url(live)).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


# --- changing which is live ---


@pytest.fixture
def loadable(monkeypatch: pytest.MonkeyPatch) -> list[Release]:
    """Releases of rows alone count as whole. Those that were loaded."""
    loaded: list[Release] = []
    monkeypatch.setattr("recsite.staff.pages.releases.make_sure_it_serves", loaded.append)
    return loaded


def looked_at(path: str) -> dict[str, int]:
    """What a form that is opened now sends along: what is live, and which release it acts on."""
    live, back = live_release(), previous_release()
    acts_on = back if path.endswith("/roll-back/") else Release.objects.get(pk=path.split("/")[-3])
    return {"live": 0 if live is None else live.pk, "back": 0 if acts_on is None else acts_on.pk}


def said(client: Client, path: str, **fields: Any) -> str:
    """What the page after the action says. The form was opened just before, unless fields say otherwise."""
    answer = client.post(path, {**looked_at(path), **fields}, follow=True)
    assert answer.redirect_chain
    return " ".join(str(message) for message in answer.context["messages"])


def test_promoting_loads_the_release_first_and_keeps_who_and_why(
    admin_client: Client, loadable: list[Release], admin_user: User
) -> None:
    before, made = make_live(), make_candidate()
    assert f"Release {made.pk} is live." in said(admin_client, url(made, "promote/"), reason=" it looks good ")
    assert loadable == [made]
    assert Release.objects.get(state="live") == made
    event = made.events.get(action="promoted")
    assert (event.by, event.reason, event.at) == (admin_user.get_username(), "it looks good", NOW)
    before.refresh_from_db()
    assert before.state == "retired"


def test_rolling_back_brings_back_the_one_before(
    admin_client: Client, loadable: list[Release], admin_user: User
) -> None:
    before, live = make_live(), make_live()
    assert f"Release {before.pk} is live again." in said(admin_client, f"{LIST}roll-back/", reason="only cookery")
    assert loadable == [before]
    assert Release.objects.get(state="live") == before
    assert live.events.get(action="rolled back").by == admin_user.get_username()


def test_two_who_confirm_at_once_go_back_one_release_not_two(admin_client: Client, loadable: list[Release]) -> None:
    _first, second, _third = make_live(), make_live(), make_live()
    opened = looked_at(f"{LIST}roll-back/")
    assert f"Release {second.pk} is live again." in said(admin_client, f"{LIST}roll-back/", reason="bad", **opened)
    assert "Somebody changed what is live meanwhile." in said(
        admin_client, f"{LIST}roll-back/", reason="bad indeed", **opened
    )
    assert Release.objects.get(state="live") == second


@pytest.mark.parametrize("action", ["promote/", "refuse/"])
def test_what_was_decided_before_another_went_live_is_not_done(
    admin_client: Client, loadable: list[Release], action: str
) -> None:
    make_live()
    made = make_candidate()
    opened = looked_at(url(made, action))
    other = make_live()
    assert "Somebody changed what is live meanwhile." in said(admin_client, url(made, action), reason="ok", **opened)
    made.refresh_from_db()
    assert made.state == "candidate"
    assert Release.objects.get(state="live") == other


@pytest.mark.parametrize("action", ["promote/", "refuse/", "roll-back/"])
@pytest.mark.parametrize(
    "fields", [{}, {"live": "1"}, {"back": "1"}, {"live": "x", "back": "1"}, {"live": "", "back": ""}]
)
def test_a_form_that_does_not_say_what_was_looked_at_changes_nothing(
    admin_client: Client, loadable: list[Release], action: str, fields: dict[str, str]
) -> None:
    make_live()
    live, made = make_live(), make_candidate()
    path = f"{LIST}{action}" if action == "roll-back/" else url(made, action)
    answer = admin_client.post(path, {"reason": "ok", **fields}, follow=True)
    (message,) = answer.context["messages"]
    assert str(message).startswith("Nothing was changed: the form does not say which release was live.")
    made.refresh_from_db()
    assert (made.state, Release.objects.get(state="live")) == ("candidate", live)


def test_forms_send_along_what_their_reader_looked_at(admin_client: Client) -> None:
    first = make_live()
    live, made = make_live(), make_candidate()
    for path, acts_on in ((LIST, first), (url(live), first), (url(made), made)):
        page = admin_client.get(path).content.decode()
        assert f'<input type="hidden" name="live" value="{live.pk}">' in page
        assert f'<input type="hidden" name="back" value="{acts_on.pk}">' in page


def test_a_release_whose_funnel_cannot_be_built_does_not_go_live(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_named: object) -> None:
        raise ValueError("an index of 3 items, but vectors of 4")

    live, made = make_live(), make_candidate()
    monkeypatch.setattr(loaded_releases, "load_release", lambda *_args, **_named: None)
    monkeypatch.setattr(loaded_releases, "kept", fails)
    told = said(admin_client, url(made, "promote/"), reason="try it")
    assert f"Nothing was changed. Release {made.pk} cannot serve: an index of 3 items, but vectors of 4" in told
    assert Release.objects.get(state="live") == live


def test_a_release_that_is_stored_whole_goes_live(admin_client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.ARTEFACT_URL, settings.ARTEFACT_CACHE = f"file://{tmp_path}/store", tmp_path / "cache"
    loaded_releases.forget()
    made = stored_release(store(), boosted_ranker())
    assert f"Release {made.pk} is live." in said(admin_client, url(made, "promote/"), reason="it is whole")
    assert Release.objects.get(state="live") == made


def test_refusing_needs_no_files(admin_client: Client, loadable: list[Release]) -> None:
    made = make_candidate()
    assert f"Release {made.pk} is refused." in said(admin_client, url(made, "refuse/"), reason="a broken import")
    made.refresh_from_db()
    assert made.state == "refused"
    assert loadable == []
    assert context(admin_client, url(made))["title"] == f"Release {made.pk} was refused. It will not go live."


@pytest.mark.parametrize("action", ["promote/", "refuse/"])
@pytest.mark.parametrize("reason", ["", "   "])
def test_without_a_reason_nothing_changes(
    admin_client: Client, loadable: list[Release], action: str, reason: str
) -> None:
    made = make_candidate()
    assert "Nothing was changed: say why" in said(admin_client, url(made, action), reason=reason)
    made.refresh_from_db()
    assert made.state == "candidate"


def test_a_release_whose_files_are_gone_does_not_go_live(
    admin_client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.ARTEFACT_URL, settings.ARTEFACT_CACHE = f"file://{tmp_path}/store", tmp_path / "cache"
    made = make_candidate()
    assert "Nothing was changed. retriever-1 cannot be loaded" in said(
        admin_client, url(made, "promote/"), reason="try it"
    )
    made.refresh_from_db()
    assert made.state == "candidate"


def test_what_the_state_forbids_is_said_in_a_sentence(admin_client: Client, loadable: list[Release]) -> None:
    live = make_live()
    refused = refuse(make_candidate(), by="test", reason="no good", now=NOW)
    assert f"Release {live.pk} is live already." in said(admin_client, url(live, "promote/"), reason="again")
    assert f"Release {live.pk} is live. Roll back first" in said(admin_client, url(live, "refuse/"), reason="no")
    assert "was refused (no good)" in said(admin_client, url(refused, "promote/"), reason="yes")
    assert "There is no release to go back to" in said(admin_client, f"{LIST}roll-back/", reason="back")
    assert Release.objects.get(state="live") == live


def test_only_what_can_be_done_is_offered(admin_client: Client) -> None:
    first = make_live()
    live, made = make_live(), make_candidate()
    refused = refuse(make_candidate(), by="test", reason="no good", now=NOW)
    offered = {
        row.pk: [name for name in ("promote", "refuse", "roll-back") if f"/{name}/" in page]
        for row in (first, live, made, refused)
        for page in [admin_client.get(url(row)).content.decode()]
    }
    assert offered == {
        first.pk: ["promote", "refuse"],
        live.pk: ["roll-back"],
        made.pk: ["promote", "refuse"],
        refused.pk: [],
    }


def staff_client(*permissions: str) -> Client:
    user = User.objects.create_user("sam", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_without_the_permission_releases_are_looked_at_and_not_changed(loadable: list[Release]) -> None:
    made = make_candidate()
    client = staff_client("view_release")
    assert "Promote" not in client.get(url(made)).content.decode()
    for path in (url(made, "promote/"), url(made, "refuse/"), f"{LIST}roll-back/"):
        assert client.post(path, {"reason": "why not"}).status_code == 403
    made.refresh_from_db()
    assert made.state == "candidate"


def test_with_the_permission_staff_promote(loadable: list[Release]) -> None:
    made = make_candidate()
    assert f"Release {made.pk} is live." in said(staff_client("change_release"), url(made, "promote/"), reason="ok")


def test_looking_changes_nothing(admin_client: Client) -> None:
    made = make_candidate()
    assert admin_client.get(url(made, "promote/")).status_code == 405
    assert admin_client.get(f"{LIST}roll-back/").status_code == 405


# --- two ---


def compare_url(one: Release, other: Release, more: str = "") -> str:
    return f"{LIST}compare/?one={one.pk}&other={other.pk}{more}"


def test_with_one_release_there_is_nothing_to_compare(admin_client: Client) -> None:
    make_live()
    assert context(admin_client, f"{LIST}compare/")["title"] == "There are no two releases to compare yet."


def test_two_are_compared_with_their_intervals_and_where_their_configs_differ(admin_client: Client) -> None:
    one = make_live(config={"dim": 64, "epochs": 3}, report=report())
    measured = {"candidate": report()["measured"]["candidate"] | {"ndcg_at_10 funnel": 0.1357}}
    other = make_candidate(
        config={"dim": 128, "epochs": 3},
        report=report(measured=measured, differences={"live": {"relative": 0.1, "lower": 0.05, "upper": 0.15}}),
        now=NOW + timedelta(seconds=1),
        retriever_until=one.retriever_until,
    )
    found = context(admin_client, compare_url(one, other))
    assert found["title"] == f"Release {other.pk} beside release {one.pk}"
    assert found["direct"].startswith(f"Release {other.pk} was measured against release {one.pk}, which was live then")
    assert texts(found["tables"]["measures"])[0] == ["NDCG@10", "0.1234", "0.1357", "+10.0%"]
    assert texts(found["tables"]["against"]) == [
        ["Order against the release that was live", "+2.1% (-0.4% to +4.6%)", "+10.0% (+5.0% to +15.0%)"],
        ["Order against popularity", "+150.0% (+120.0% to +180.0%)", "–"],
    ]
    assert texts(found["tables"]["differing"]) == [["config.dim", "64", "128"]]


@pytest.mark.parametrize(
    ("relative", "lower", "upper", "said"),
    [
        (0.1, 0.05, 0.15, "its order was better, by 10.0% (95% interval: 5.0% to 15.0%)."),
        (-0.03, -0.05, -0.01, "its order was worse, by 3.0% (95% interval: 1.0% to 5.0%)."),
        (0.021, -0.004, 0.046, "which order was better is not certain: +2.1% (95% interval: -0.4% to +4.6%)."),
        (0.0, 0.0, 0.0, "which order was better is not certain: +0.0% (95% interval: +0.0% to +0.0%)."),
        (0.1, None, None, "its order came out at +10.0%; how sure that is was not kept."),
        (None, None, None, "how much better or worse its order was is not known."),
    ],
)
def test_a_release_is_called_better_or_worse_only_where_the_interval_says_so(
    admin_client: Client, relative: float | None, lower: float | None, upper: float | None, said: str
) -> None:
    one = make_live()
    differences = {"live": {"relative": relative, "lower": lower, "upper": upper}}
    other = make_candidate(report=report(differences=differences), now=NOW + timedelta(seconds=1))
    assert context(admin_client, compare_url(one, other))["direct"] == (
        f"Release {other.pk} was measured against release {one.pk}, which was live then, on the same window: {said}"
    )


def test_two_that_never_met_are_not_said_to_be_better_or_worse(admin_client: Client) -> None:
    one, other = make_candidate(report=report()), make_candidate(report=report())
    assert "not measured on the same window" in context(admin_client, compare_url(one, other))["direct"]


def test_by_default_the_way_back_is_compared_with_the_live_one(admin_client: Client) -> None:
    before, live = make_live(), make_live()
    make_candidate()
    assert context(admin_client, f"{LIST}compare/")["ids"] == (before.pk, live.pk)


@pytest.mark.parametrize("query", ["one=1&other=2", "one=x&other=y", "one=&other="])
def test_what_is_no_pair_of_releases_is_not_found(admin_client: Client, query: str) -> None:
    assert admin_client.get(f"{LIST}compare/?{query}").status_code == 404


def test_slates_of_releases_that_cannot_be_loaded_are_a_sentence(
    admin_client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.ARTEFACT_URL, settings.ARTEFACT_CACHE = f"file://{tmp_path}/store", tmp_path / "cache"
    cache.clear()
    loaded_releases.forget()
    one, other = make_candidate(), make_candidate()
    page = admin_client.get(compare_url(one, other, "&slates=1")).content.decode()
    assert f"Release {one.pk} cannot be loaded" in page
    assert "Only the reports can be compared." in page
