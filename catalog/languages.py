"""Languages as the catalogue knows them: how a code looks, what it is called, which way it runs."""

from __future__ import annotations

LANGUAGE_CODE = r"^[a-z]{2,3}(-[a-z0-9]{2,8})*$"
"""BCP 47, lower case: `en`, `pt-br`, `zh-hant`."""

SEARCH_CONFIGS: dict[str, str] = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}
"""Text search configurations that every PostgreSQL since 14 ships; other languages are searched word for word."""

OTHER_LANGUAGES = "simple"

LANGUAGE_NAMES: dict[str, str] = {
    "ar": "العربية",
    "cs": "Čeština",
    "da": "Dansk",
    "de": "Deutsch",
    "el": "Ελληνικά",
    "en": "English",
    "es": "Español",
    "fa": "فارسی",
    "fi": "Suomi",
    "fr": "Français",
    "he": "עברית",
    "hi": "हिन्दी",
    "hu": "Magyar",
    "id": "Bahasa Indonesia",
    "it": "Italiano",
    "ja": "日本語",
    "ko": "한국어",
    "nl": "Nederlands",
    "no": "Norsk",
    "pl": "Polski",
    "pt": "Português",
    "ro": "Română",
    "ru": "Русский",
    "sv": "Svenska",
    "tr": "Türkçe",
    "uk": "Українська",
    "ur": "اردو",
    "vi": "Tiếng Việt",
    "zh": "中文",
}
"""Each language in its own words."""

RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ku", "ps", "ur", "yi"})


def primary_subtag(code: str) -> str:
    """`pt-br` -> `pt`."""
    return code.partition("-")[0]


def language_name(code: str) -> str:
    return LANGUAGE_NAMES.get(primary_subtag(code), code)


def text_direction(code: str) -> str:
    """`rtl` or `ltr`, for the `dir` attribute."""
    return "rtl" if primary_subtag(code) in RIGHT_TO_LEFT else "ltr"
