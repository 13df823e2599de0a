"""The made-up catalogue: large, varied, repeatable, and silent about its own truth."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from simulation import catalogue
from simulation.catalogue import CatalogueItem, OutOfTitles, generate_catalogue
from simulation.draws import stream
from simulation.grammar import draw_slots
from simulation.phrases import SLOT, Forms, load_forms, load_topics
from simulation.truth import INTERESTS

ROOT = Path(__file__).resolve().parents[2]
UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
TWO_YEARS = timedelta(days=730)
SENTENCE_END = re.compile(r"(?<=[.?!])[”“»]?\s+")
LANGUAGES = ("en", "de", "es")


@pytest.fixture(scope="module")
def items() -> list[CatalogueItem]:
    """The catalogue of the demo, as large as it is there."""
    return list(generate_catalogue(seed=1, num_items=3_600, until=UNTIL))


def sentences_of(text: str) -> list[str]:
    return SENTENCE_END.split(text.replace("\n\n", " "))


def run_simulation(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-m", "simulation", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def write_small_catalogue(out: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    return run_simulation("catalogue", "--out", str(out), "--items", "60", "--until", "2026-03-01", *extra)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_all_24_topics_are_well_filled(items: Sequence[CatalogueItem]) -> None:
    sizes = Counter(topic for item in items for topic in item.public["topics"])
    assert len(sizes) == 24
    assert min(sizes.values()) >= 100


def test_some_items_have_two_topics_and_a_few_three(items: Sequence[CatalogueItem]) -> None:
    sizes = Counter(len(item.public["topics"]) for item in items)
    assert set(sizes) == {1, 2, 3}
    assert 0.07 < sizes[2] / len(items) < 0.13
    assert 0.005 < sizes[3] / len(items) < 0.04


def test_every_topic_has_eight_to_ten_authors(items: Sequence[CatalogueItem]) -> None:
    authors = defaultdict(set)
    for item in items:
        authors[item.public["topics"][0]].add(item.public["author"])
    assert all(8 <= len(names) <= 10 for names in authors.values())


def test_some_authors_write_in_two_topics(items: Sequence[CatalogueItem]) -> None:
    topics = defaultdict(set)
    for item in items:
        topics[item.public["author"]].add(item.public["topics"][0])
    assert 12 <= sum(len(names) == 2 for names in topics.values()) < len(topics) / 2
    assert max(len(names) for names in topics.values()) == 2


def test_six_in_ten_items_are_english_and_the_rest_german_and_spanish(items: Sequence[CatalogueItem]) -> None:
    shares = Counter(item.public["language"] for item in items)
    assert shares["en"] / len(items) == pytest.approx(0.6, abs=0.04)
    assert shares["de"] / len(items) == pytest.approx(0.2, abs=0.04)
    assert shares["es"] / len(items) == pytest.approx(0.2, abs=0.04)


def test_no_two_titles_are_equal(items: Sequence[CatalogueItem]) -> None:
    assert len({item.public["title"].casefold() for item in items}) == len(items)


def test_no_two_external_ids_are_equal(items: Sequence[CatalogueItem]) -> None:
    assert len({item.public["external_id"] for item in items}) == len(items)


def test_no_title_counts_or_leaves_a_slot_open(items: Sequence[CatalogueItem]) -> None:
    for item in items:
        assert not re.search(r"[{}\d_]|\bitem\b", item.public["title"], re.IGNORECASE), item.public["title"]


def test_no_text_leaves_a_slot_open(items: Sequence[CatalogueItem]) -> None:
    assert not [item for item in items if "{" in item.public["summary"] + item.public["body"]]


def test_no_sentence_is_in_more_than_one_percent_of_summaries(items: Sequence[CatalogueItem]) -> None:
    uses = Counter(sentence for item in items for sentence in set(sentences_of(item.public["summary"])))
    sentence, count = uses.most_common(1)[0]
    assert count <= 0.01 * len(items), sentence


def test_summaries_have_two_to_four_sentences(items: Sequence[CatalogueItem]) -> None:
    assert {len(sentences_of(item.public["summary"])) for item in items} == {2, 3, 4}


def test_bodies_have_three_to_six_paragraphs(items: Sequence[CatalogueItem]) -> None:
    assert {item.public["body"].count("\n\n") + 1 for item in items} == {3, 4, 5, 6}


def test_no_piece_says_a_sentence_twice(items: Sequence[CatalogueItem]) -> None:
    for item in items:
        sentences = sentences_of(item.public["summary"]) + sentences_of(item.public["body"])
        assert len(set(sentences)) == len(sentences), item.public["title"]


def test_every_sentence_begins_with_a_capital_and_ends_with_a_stop(items: Sequence[CatalogueItem]) -> None:
    for item in items:
        for sentence in sentences_of(f"{item.public['summary']} {item.public['body']}"):
            assert re.match(r"[“„«¿]*[A-ZÁÉÍÓÚÄÖÜÑ]", sentence), sentence
        assert item.public["summary"][-1] in ".?”“»"


def test_spanish_contracts_its_articles(items: Sequence[CatalogueItem]) -> None:
    for item in items:
        if item.public["language"] == "es":
            text = f"{item.public['title']} {item.public['summary']} {item.public['body']}"
            assert not re.search(r"\b([Dd]e|[Aa]) el\b", text), item.public["title"]


def test_dates_lie_in_the_two_years_before_the_end_and_crowd_towards_it(items: Sequence[CatalogueItem]) -> None:
    dates = [datetime.fromisoformat(item.public["published_at"]) for item in items]
    assert all(UNTIL - TWO_YEARS <= date <= UNTIL for date in dates)
    assert max(dates) - min(dates) > timedelta(days=700)
    assert sum(date > UNTIL - TWO_YEARS / 2 for date in dates) > 0.6 * len(dates)


def test_few_items_have_a_link_and_none_an_image(items: Sequence[CatalogueItem]) -> None:
    links = [item.public["link"] for item in items if "link" in item.public]
    assert 0.03 < len(links) / len(items) < 0.07
    assert all(link.startswith("https://example.org/") for link in links)
    assert not any("image" in item.public for item in items)


def test_a_longer_catalogue_begins_with_a_shorter_one(items: Sequence[CatalogueItem]) -> None:
    assert list(generate_catalogue(seed=1, num_items=50, until=UNTIL)) == items[:50]


def test_another_seed_tells_other_stories(items: Sequence[CatalogueItem]) -> None:
    others = generate_catalogue(seed=2, num_items=200, until=UNTIL)
    ids = {item.public["external_id"] for item in items}
    assert not any(other.public["external_id"] in ids for other in others)


def test_interests_sum_to_one_and_quality_is_a_share(items: Sequence[CatalogueItem]) -> None:
    for item in items:
        assert list(item.hidden["interests"]) == list(INTERESTS)
        assert sum(item.hidden["interests"].values()) == pytest.approx(1, abs=0.001)
        assert 0 <= item.hidden["quality"] <= 1


def test_interests_differ_inside_a_topic(items: Sequence[CatalogueItem]) -> None:
    making = [item.hidden["interests"]["making"] for item in items if item.public["topics"] == ["Ceramics"]]
    assert max(making) - min(making) > 0.3


def test_public_record_carries_no_trace_of_the_truth(items: Sequence[CatalogueItem]) -> None:
    allowed = {"external_id", "title", "summary", "body", "topics", "author", "language", "published_at", "link"}
    for item in items:
        assert set(item.public) <= allowed | {"attributes"}
        assert set(item.public["attributes"]) == {"kind", "words"}


def test_running_out_of_titles_says_how_many_there_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "TITLE_ATTEMPTS", 1)
    with pytest.raises(OutOfTitles, match=r"Ask for at most \d+ items") as failure:
        list(generate_catalogue(seed=1, num_items=20_000, until=UNTIL))
    possible = re.findall(r"at most (\d+) items", str(failure.value))[0]
    assert len(list(generate_catalogue(seed=1, num_items=int(possible), until=UNTIL))) == int(possible)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_slot_of_a_template_is_known_to_its_language(language: str) -> None:
    forms = load_forms(language)
    known = {"quote", "question"} | slots_in_use(language, forms)
    for template in all_templates(forms):
        assert set(SLOT.findall(template)) <= known, template


def slots_in_use(language: str, forms: Forms) -> set[str]:
    return set(draw_slots(language, stream(1, 1, "test"), load_topics()[0].phrases[language], forms))


def all_templates(forms: Forms) -> list[str]:
    of_forms = [line for form in forms.by_name.values() for line in (*form.titles, *form.openers, *form.closers)]
    return of_forms + [line for lines in forms.passages.values() for line in lines]


@pytest.mark.parametrize("language", ["de", "es"])
def test_people_carry_their_gender(language: str) -> None:
    for topic in load_topics():
        assert {person[:2] for person in topic.phrases[language].people} == {"f ", "m "}, topic.name


def test_no_phrase_is_written_twice_in_a_list() -> None:
    for topic in load_topics():
        for phrases in topic.phrases.values():
            for kind, lines in vars(phrases).items():
                assert len(set(lines)) == len(lines), (topic.name, kind)


def test_same_arguments_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert write_small_catalogue(tmp_path / name, "--seed", "7").returncode == 0
    for file in ("items.jsonl", "truth.jsonl"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_truth_lies_in_a_file_of_its_own_line_for_line(tmp_path: Path) -> None:
    assert write_small_catalogue(tmp_path, "--seed", "7").returncode == 0
    shown, hidden = read_lines(tmp_path / "items.jsonl"), read_lines(tmp_path / "truth.jsonl")
    assert [line["external_id"] for line in shown] == [line["external_id"] for line in hidden]
    assert set(hidden[0]) == {"external_id", "interests", "quality"}
    assert '"interests"' not in (tmp_path / "items.jsonl").read_text(encoding="utf-8")
    assert '"quality"' not in (tmp_path / "items.jsonl").read_text(encoding="utf-8")


def test_nothing_unfinished_is_left_beside_the_files(tmp_path: Path) -> None:
    assert write_small_catalogue(tmp_path, "--seed", "7").returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"items.jsonl", "truth.jsonl"}


def test_without_an_end_date_nothing_is_published_in_the_future(tmp_path: Path) -> None:
    before = datetime.fromtimestamp(tmp_path.stat().st_mtime, UTC)
    assert run_simulation("catalogue", "--out", str(tmp_path), "--seed", "1", "--items", "40").returncode == 0
    newest = max(line["published_at"] for line in read_lines(tmp_path / "items.jsonl"))
    assert before - TWO_YEARS < datetime.fromisoformat(newest) <= before + timedelta(days=1)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--seed", "1", "--items", "0"], "must be a whole number from 1 up, not '0'"),
        (["--seed", "1", "--items", "many"], "must be a whole number from 1 up, not 'many'"),
        (["--seed", "1", "--until", "soon"], "must be an ISO date such as 2026-01-31, not 'soon'"),
        (["--seed", "1", "--until", "0001-05-01"], "must be later"),
        (["--seed", "one"], "invalid int value: 'one'"),
        ([], "the following arguments are required: --seed"),
    ],
)
def test_bad_arguments_are_named_in_the_last_line(tmp_path: Path, arguments: list[str], cause: str) -> None:
    finished = run_simulation("catalogue", "--out", str(tmp_path), *arguments)
    assert finished.returncode == 2
    assert cause in finished.stderr.splitlines()[-1]
    assert "Traceback" not in finished.stderr


def test_folder_that_is_a_file_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    finished = write_small_catalogue(tmp_path / "taken", "--seed", "1")
    assert finished.returncode == 1
    assert finished.stderr.startswith("simulation: cannot write to ")
    assert len(finished.stderr.splitlines()) == 1


def test_help_shows_examples() -> None:
    finished = run_simulation("catalogue", "--help")
    assert finished.returncode == 0
    assert "python -m simulation catalogue --out var/world --seed 1" in finished.stdout


def test_package_imports_nothing_of_ours_and_no_django() -> None:
    program = (
        "import sys, simulation.__main__\n"
        "from simulation.catalogue import generate_catalogue\n"
        "from datetime import UTC, datetime\n"
        "next(generate_catalogue(seed=1, num_items=1, until=datetime(2026, 1, 1, tzinfo=UTC)))\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    command = [sys.executable, "-B", "-c", program]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(finished.stdout.split())
    assert not loaded & {"recsite", "catalog", "feedback", "ranking", "retrieval", "benchmarks", "django"}


def test_items_are_made_one_at_a_time() -> None:
    endless = generate_catalogue(seed=1, num_items=10**9, until=UNTIL)
    assert len(list(islice(endless, 3))) == 3
