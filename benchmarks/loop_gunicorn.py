"""How gunicorn serves an arm over HTTP. Not as the site's own `gunicorn.conf.py` has it: there each process looks by
itself, and by the time of the day, what is live."""

from __future__ import annotations

workers = 1
worker_class = "sync"
# What is live is loaded while a request waits for it.
timeout = 0
