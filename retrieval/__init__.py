"""Stage one: reader state -> a few hundred candidates. Knows neither Django nor ranking."""
