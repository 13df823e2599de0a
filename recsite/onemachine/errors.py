"""What a person can act on when something does not start."""


class CannotStart(Exception):
    """One line that says what is wrong and what to do; shown without a traceback."""


class StepFailed(CannotStart):
    """A command that was run to its end did not do what it should. Not always a reason not to start."""


class StopAsked(Exception):
    """Somebody asked for the end while a step was still running."""
