from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.report import ROOT


def test_without_a_name_it_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in BENCHMARKS)


def test_an_unknown_name_is_a_wrong_usage_and_the_list_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog_import"]) == 2
    shown = capsys.readouterr().err
    assert "There is no benchmark 'catalog_import'." in shown
    assert "catalogue_import" in shown


def test_an_unknown_option_is_a_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["catalogue_import", "--fast"])
    assert caught.value.code == 2
    assert "--fast" in capsys.readouterr().err


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_name_is_a_module_with_both_functions(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    assert callable(module.add_arguments)
    assert callable(module.run)


def test_the_import_benchmark_runs_from_nothing_and_ends_in_one_line_of_json() -> None:
    command = [sys.executable, "-m", "benchmarks", "catalogue_import", "--json"]
    sizes = ["--rows", "200", "--round-rows", "100", "--seeds", "5"]
    done = subprocess.run(
        command + sizes, cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}, done.stderr  # at such sizes a goal may be missed
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["benchmark"], last["seeds"], last["results"]["rows"]) == ("catalogue_import", [5], 200)
    assert last["results"]["peak_rss_mb"] > 10
    assert [run["rows"] for run in last["results"]["runs"]] == [20, 100, 200]
    assert "bare COPY" in done.stderr


def test_the_examples_benchmark_runs_from_nothing_and_says_what_memory_it_took() -> None:
    command = [sys.executable, "-m", "benchmarks", "examples", "--json", "--sizes", "720", "1440", "--days", "2"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])["results"]
    assert [run["impressions"] for run in results["runs"]] == [720, 1440]
    assert all(0 < run["visits"]["rows"] <= run["impressions"] for run in results["runs"])
    assert results["peak_rss_mb"] > 10
