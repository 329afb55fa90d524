"""Runbooks become files: each where it came from, byte for byte, or the way Notion takes them."""

from collections.abc import Iterable
from pathlib import Path

from opsportal.errors import Conflict
from runbooks.library import queries
from runbooks.library.engine import document
from runbooks.library.exchange import git
from runbooks.library.exchange.files import File, safe_path, write_folder
from runbooks.library.exchange.notion import file_name, to_notion
from runbooks.models.library import Runbook, RunbookRevision


def files_of(runbooks: Iterable[Runbook], *, notion: bool = False, newest: bool = False) -> list[File]:
    """The published revisions, or the newest ones, as files with paths that are all different."""
    files: dict[str, File] = {}
    for runbook in runbooks:
        revision = queries.get_newest(runbook) if newest else queries.get_published(runbook)
        if revision is not None:
            one = as_notion(revision) if notion else File(safe_path(runbook.path, runbook.slug), revision.text)
            path = one.path if one.path.casefold() not in files else f"{runbook.slug}.md"
            files[path.casefold()] = File(path, one.text)
    return list(files.values())


def as_notion(revision: RunbookRevision) -> File:
    found, runbook = document.read(revision.text), revision.runbook
    return File(file_name(found.title, runbook.slug), to_notion(found, runbook.slug))


def write_out(folder: Path, files: list[File], *, force: bool = False) -> list[str]:
    """Write files to a folder; in a git working tree no change of somebody else is written over. Answers what changed.

    Raises Conflict `uncommitted`, naming the files.
    """
    there = {one.path: one for one in files}
    kept = sorted(path for path in git.changed_in(folder) & set(there) if _differs(folder / path, there[path]))
    if kept and not force:
        raise Conflict("uncommitted", f"Changed there and not committed: {', '.join(kept)}. Commit, or use --force.")
    return write_folder(folder, files)


def _differs(path: Path, one: File) -> bool:
    return path.exists() and path.read_bytes() != one.text.encode()
