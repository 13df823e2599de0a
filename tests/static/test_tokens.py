"""The token file is the only place that names a colour, a size or a duration, and what it names can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STYLE_SHEETS = ROOT / "static" / "css"
TOKENS = (STYLE_SHEETS / "tokens.css").read_text()
OTHER_SHEETS = sorted(path for path in STYLE_SHEETS.glob("*.css") if path.name != "tokens.css")

TEXT = 4.5
CONTROL = 3.0
PAIRS = [
    ("ink", "paper", TEXT),
    ("ink", "surface", TEXT),
    ("ink", "sunken", TEXT),
    ("ink", "accent-wash", TEXT),
    ("ink", "mark", TEXT),
    ("quiet", "paper", TEXT),
    ("quiet", "surface", TEXT),
    ("quiet", "sunken", TEXT),
    ("quiet", "accent-wash", TEXT),
    ("quiet", "mark", TEXT),
    ("accent", "paper", TEXT),
    ("accent", "surface", TEXT),
    ("accent", "sunken", TEXT),
    ("accent", "accent-wash", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-strong", TEXT),
    ("warning", "paper", TEXT),
    ("warning", "surface", TEXT),
    ("warning", "warning-wash", TEXT),
    ("edge", "paper", CONTROL),
    ("edge", "surface", CONTROL),
    ("edge", "sunken", CONTROL),
    *((f"series-{number}", "surface", CONTROL) for number in range(1, 6)),
]


def colours(theme: str) -> dict[str, str]:
    """Name to `#rrggbb` for `light` or `dark`."""
    pairs = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", TOKENS)
    return {name: light if theme == "light" else dark for name, light, dark in pairs}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def declarations(sheet: Path) -> str:
    """The sheet without comments, conditions of media queries, addresses and @font-face blocks."""
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
    text = re.sub(r"@font-face\s*{[^}]*}", "", text)
    text = re.sub(r"@(media|container|supports)[^{]*{", "{", text)
    return re.sub(r"url\([^)]*\)", "", text)


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_pair_can_be_read(theme: str, front: str, back: str, least: float) -> None:
    named = colours(theme)
    assert contrast(named[front], named[back]) >= least


def test_every_colour_that_stands_on_another_is_checked() -> None:
    backgrounds_only = {"line"}
    assert set(colours("light")) - backgrounds_only == {name for front, back, _ in PAIRS for name in (front, back)}


@pytest.mark.parametrize("sheet", OTHER_SHEETS, ids=lambda sheet: sheet.name)
def test_no_other_sheet_names_a_colour(sheet: Path) -> None:
    functions = r"\b(?:rgba?|hsla?|oklch|oklab|lab|lch|hwb|color-mix|light-dark|color)\("
    named = rf"#[0-9a-f]{{3,8}}\b|{functions}|:[^;{{}}]*\b(?:white|black|red)\b"
    assert re.findall(named, declarations(sheet), flags=re.IGNORECASE) == []


@pytest.mark.parametrize("sheet", OTHER_SHEETS, ids=lambda sheet: sheet.name)
def test_no_other_sheet_names_a_size(sheet: Path) -> None:
    sizes = r"(?<![\w-])\d*\.?\d+(?:px|r?em|pt|ch|ex|cm|mm|in|v[wh])\b"
    assert re.findall(sizes, declarations(sheet)) == []


@pytest.mark.parametrize("sheet", OTHER_SHEETS, ids=lambda sheet: sheet.name)
def test_no_other_sheet_names_a_duration(sheet: Path) -> None:
    assert re.findall(r"(?<![\w-])\d*\.?\d+m?s\b", declarations(sheet)) == []


@pytest.mark.parametrize("sheet", OTHER_SHEETS, ids=lambda sheet: sheet.name)
def test_every_token_in_use_exists(sheet: Path) -> None:
    defined = set(re.findall(r"(--[\w-]+):", TOKENS + sheet.read_text()))
    assert set(re.findall(r"var\((--[\w-]+)", sheet.read_text())) <= defined


def test_every_token_is_in_use() -> None:
    everything = TOKENS + "".join(sheet.read_text() for sheet in OTHER_SHEETS)
    defined = set(re.findall(r"^\s*(--[\w-]+):", TOKENS, flags=re.MULTILINE))
    assert defined - set(re.findall(r"var\((--[\w-]+)", everything)) == set()


def test_only_opacity_and_transform_move() -> None:
    moving = [
        part.strip().split()[0]
        for sheet in OTHER_SHEETS
        for value in re.findall(r"transition: ([^;]+);", sheet.read_text())
        for part in value.split(",")
    ]
    assert set(moving) <= {"opacity", "transform"}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_browsers_bars_have_the_colour_of_the_paper(theme: str) -> None:
    page = (ROOT / "templates" / "base.html").read_text()
    tag = rf'<meta name="theme-color"\s+content="(#[0-9a-f]{{6}})"\s+media="\(prefers-color-scheme: {theme}\)">'
    found = re.search(tag, page)
    assert found is not None
    assert found[1] == colours(theme)["paper"]
