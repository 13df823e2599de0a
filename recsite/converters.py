"""How parts of an address are read."""

from django.urls.converters import StringConverter


class UnicodeSlug(StringConverter):
    """A slug in any script: letters, digits, `_` and `-`. Django's own converter knows ASCII only."""

    regex = r"[-\w]+"
