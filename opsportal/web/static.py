"""Static files under names that carry their content's hash, served straight from the source tree.

No collectstatic step and no manifest that could grow stale: hashes are computed once a process, from what the
finders see. Files refer to each other by plain names, which are served too, with a short life.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise.middleware import WhiteNoiseMiddleware

HASHED = re.compile(r"\.[0-9a-f]{12}\.[a-z0-9]+$")


class HashedStorage(StaticFilesStorage):
    """`{% static %}` answers hashed names outside DEBUG, so they may be cached for ever."""

    def url(self, name: str | None) -> str:
        return super().url(name if settings.DEBUG or not name else _public_name(name))


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """Whitenoise that knows each file under its hashed name as well."""

    def add_file_to_dictionary(self, url: str, path: str, stat_cache: object = None) -> None:
        super().add_file_to_dictionary(url, path, stat_cache=stat_cache)
        super().add_file_to_dictionary(hashed_name(url, path), path, stat_cache=stat_cache)

    def immutable_file_test(self, path: str, url: str) -> bool:
        return HASHED.search(url) is not None


class HashedFinder(BaseFinder):
    """Finds files by their hashed names, for servers that ask finders and not our middleware (tests, runserver)."""

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        match = HASHED.search(path)
        found = finders.find(path[: match.start()] + "." + path.rpartition(".")[2]) if match else None
        return [found] if found and find_all else found or []

    def list(self, ignore_patterns: Any) -> Iterator[Any]:
        return iter(())


def hashed_name(name: str, path: str) -> str:
    """`css/a.css` -> `css/a.0123456789ab.css` for the file that stands at `path`."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}.{_digest(path)}.{suffix}" if dot else name


@cache
def _public_name(name: str) -> str:
    found = finders.find(name)
    return hashed_name(name, str(found)) if found else name


@cache
def _digest(path: str) -> str:
    """Read once a process: links and the files served under them must agree."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
