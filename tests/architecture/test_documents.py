"""What the documents say about the house is held against the house."""

import re
import runpy

from tests.architecture.layers import ROOMS, ROOT

OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_environment_variable_is_described_and_no_other() -> None:
    settings = (ROOT / "opsportal" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings))
    assert read == set(re.findall(r"^\| `([A-Z_]+)` \|", OPERATING, flags=re.MULTILINE))


def test_every_command_a_document_names_exists() -> None:
    from django.core.management import get_commands

    named = {
        name for file in DOCUMENTS for name in re.findall(r"manage\.py ([a-z]\w+)", file.read_text(encoding="utf-8"))
    }
    assert named <= set(get_commands())


def test_every_make_target_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {
        name
        for file in DOCUMENTS
        for name in re.findall(r"`make ([a-z]+)|^make ([a-z]+)", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }
    assert {one or other for one, other in named} <= targets


def test_every_link_between_documents_leads_somewhere() -> None:
    for file in DOCUMENTS:
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", file.read_text(encoding="utf-8")):
            assert (file.parent / link).exists(), f"{file.name} -> {link}"


def test_the_drawing_of_the_rooms_names_them_all() -> None:
    drawing = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    missing = [
        room.name for room in ROOMS.values() if not room.optional and room.name.rpartition(".")[2] not in drawing
    ]
    assert missing == []


def test_the_reference_says_what_the_schema_says() -> None:
    page = runpy.run_path(str(ROOT / ".ci" / "api_reference.py"))["page"]
    written = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert written == page(written), "`make reference` writes docs/api.md anew"
