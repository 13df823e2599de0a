"""Language codes as other people write them, made the site's own: BCP 47, lower case, two letters where two exist."""

from __future__ import annotations

TWO_LETTERS: dict[str, str] = {
    "afr": "af", "alb": "sq", "ara": "ar", "arm": "hy", "baq": "eu", "bel": "be", "ben": "bn", "bos": "bs", "bul": "bg",
    "bur": "my", "cat": "ca", "ces": "cs", "chi": "zh", "cym": "cy", "cze": "cs", "dan": "da", "deu": "de", "dut": "nl",
    "ell": "el", "eng": "en", "epo": "eo", "est": "et", "eus": "eu", "fas": "fa", "fin": "fi", "fra": "fr", "fre": "fr",
    "geo": "ka", "ger": "de", "gle": "ga", "glg": "gl", "gre": "el", "guj": "gu", "heb": "he", "hin": "hi", "hrv": "hr",
    "hun": "hu", "hye": "hy", "ice": "is", "ind": "id", "isl": "is", "ita": "it", "jpn": "ja", "kan": "kn", "kat": "ka",
    "kaz": "kk", "khm": "km", "kor": "ko", "kur": "ku", "lat": "la", "lav": "lv", "lit": "lt", "mac": "mk", "mal": "ml",
    "mar": "mr", "may": "ms", "mkd": "mk", "mon": "mn", "msa": "ms", "mya": "my", "nep": "ne", "nld": "nl", "nor": "no",
    "pan": "pa", "per": "fa", "pol": "pl", "por": "pt", "pus": "ps", "ron": "ro", "rum": "ro", "rus": "ru", "slk": "sk",
    "slo": "sk", "slv": "sl", "spa": "es", "sqi": "sq", "srp": "sr", "swa": "sw", "swe": "sv", "tam": "ta", "tel": "te",
    "tha": "th", "tur": "tr", "ukr": "uk", "urd": "ur", "uzb": "uz", "vie": "vi", "wel": "cy", "yid": "yi", "zho": "zh",
}  # fmt: skip
"""ISO 639-2 (both variants) and 639-3 to 639-1. Others, such as `fil`, have no two-letter code and stay as they are."""


def site_language(code: str) -> str:
    """`en-US` -> `en-us`, `pt_BR` -> `pt-br`, `ger` -> `de`. What is no code at all comes back as strange as it was."""
    primary, dash, rest = code.strip().lower().replace("_", "-").partition("-")
    return TWO_LETTERS.get(primary, primary) + dash + rest
