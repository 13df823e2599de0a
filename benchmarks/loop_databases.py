"""Databases that are copied whole: every arm begins with a copy of the warm-up's, every round ends with a copy."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class Databases:
    """url: of any database of the server."""

    url: str

    def url_of(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def exists(self, name: str) -> bool:
        with self._connected() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            return found is not None

    def drop(self, name: str) -> None:
        """Whoever is connected to it is thrown out."""
        self._do("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def create(self, name: str, *, like: str = "template1") -> None:
        """A copy of another, in place of the one of this name. Nobody may be connected to that."""
        self.drop(name)
        self._do("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, like)

    def _do(self, statement: str, *names: str) -> None:
        with self._connected() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _connected(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url_of("postgres"), autocommit=True)
