"""Files in and out: a folder, a zip, a git working tree. Text goes in and out byte for byte; nothing else is opened."""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from opsportal.errors import InvalidInput

MOST_FILES = 500
MOST_BYTES = 240_000  # of one file
MOST_TOGETHER = 10 * 1024 * 1024
# Two files of the same runbooks are the same bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)
PART = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|]{1,120}")


@dataclass(frozen=True, slots=True)
class File:
    """A Markdown file; `problem` says why it cannot be read as one."""

    path: str
    text: str = ""
    problem: str = ""


def read_zip(raw: bytes) -> list[File]:
    """The Markdown files of a zip, by path. Raises InvalidInput for what is no zip, or more than a zip of text."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(raw))
        with archive:
            entries = [one for one in archive.infolist() if _is_wanted(one.filename) and not one.is_dir()]
            _check_count(len(entries))
            if sum(one.file_size for one in entries) > MOST_TOGETHER:
                raise InvalidInput("too_large", "These files are too large together.", field="file")
            return sorted(_read_entries(archive, entries), key=lambda one: one.path)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise InvalidInput("not_a_zip", "This is not a zip that can be read.", field="file") from None


def _read_entries(archive: zipfile.ZipFile, entries: Iterable[zipfile.ZipInfo]) -> Iterator[File]:
    """No entry is read further than a file may be, whatever size it declares."""
    for entry in entries:
        with archive.open(entry) as stream:
            yield as_file(entry.filename, stream.read(MOST_BYTES + 1))


def read_folder(folder: Path) -> list[File]:
    """The Markdown files below a folder, by path. Links are not followed, names that begin with a dot left out."""
    found = []
    for path in sorted(folder.rglob("*.md")):
        relative = path.relative_to(folder)
        if not path.is_symlink() and path.is_file() and _is_wanted(relative.as_posix()):
            found.append((relative.as_posix(), path))
    _check_count(len(found))
    return [as_file(name, _head_of(path)) for name, path in found]


def as_file(name: str, raw: bytes) -> File:
    """Bytes as text, exactly; or why not."""
    path = name.replace("\\", "/")
    if len(raw) > MOST_BYTES:
        return File(path, problem="The file is too large for a runbook.")
    try:
        return File(path, raw.decode("utf-8"))
    except UnicodeDecodeError:
        return File(path, problem="The file is not UTF-8.")


def safe_path(path: str, slug: str) -> str:
    """The path a file goes back to: inside the folder, nothing hidden; else its slug."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    is_plain = all(PART.fullmatch(part) and not part.startswith(".") and part == part.strip(" .") for part in parts)
    return path if is_plain and parts and path.endswith(".md") and len(path) <= 300 else f"{slug}.md"


def write_zip(files: Iterable[File]) -> bytes:
    """The same files give the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(files, key=lambda each: each.path):
            entry = zipfile.ZipInfo(one.path, EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, one.text.encode())
    return target.getvalue()


def write_folder(folder: Path, files: Iterable[File]) -> list[str]:
    """Write what differs from what stands there; answers those paths. Never outside of the folder."""
    root, written = folder.resolve(), []
    for one in sorted(files, key=lambda each: each.path):
        target = root / one.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(root) or target.is_symlink():
            raise InvalidInput("outside", f"{one.path} would be written outside of the folder.")
        raw = one.text.encode()
        if not target.exists() or target.read_bytes() != raw:
            target.write_bytes(raw)
            written.append(one.path)
    return written


def _is_wanted(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[-1].lower().endswith(".md") and not any(part.startswith((".", "__MACOSX")) for part in parts)


def _check_count(count: int) -> None:
    if count > MOST_FILES:
        raise InvalidInput("too_many", f"At most {MOST_FILES} files at once.", field="file")


def _head_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)
