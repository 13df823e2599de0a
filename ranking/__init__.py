"""Stage two: candidates + features -> order -> slate. Knows neither Django nor retrieval."""
