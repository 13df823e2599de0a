"""What a person can act on when something does not start."""


class CannotStart(Exception):
    """One line that says what is wrong and what to do; shown without a traceback."""


class StopAsked(Exception):
    """Somebody asked for the end while a step was still running."""
