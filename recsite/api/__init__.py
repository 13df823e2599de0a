"""The HTTP interface for programs, under /api/v1. Its documentation is docs/api.md.

routes.py    the calls themselves, each: who calls, what they sent, one function, the answer
schemas.py   what goes in and out, as the schema at /api/v1/openapi.json tells it
bodies.py    reading a body that anybody may have sent
"""
