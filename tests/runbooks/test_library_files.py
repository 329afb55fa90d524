"""Runbooks in and out as files: a folder, a zip, a git working tree, Notion; nothing is lost on the way."""

import io
import subprocess
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.roles import Role
from runbooks.library import queries
from runbooks.library.engine.document import read
from runbooks.library.exchange import exporting, files, importing, notion
from runbooks.library.exchange.files import File
from runbooks.models import Runbook
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.library import PARTS, a_text, make_published, make_runbook, save

HAND = importing.Hand(SETUP)
BODIES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=200)


def outcomes(rows: list[importing.Row]) -> list[tuple[str, str]]:
    return [(row.slug, row.outcome) for row in rows]


@pytest.mark.django_db
@settings(max_examples=40)
@given(BODIES, st.booleans(), st.booleans())
def test_a_file_comes_back_byte_for_byte(body: str, windows: bool, marked: bool):
    Runbook.objects.all().delete()
    text = a_text(parts=PARTS | {"Signals": body or "x"})
    text = ("\ufeff" if marked else "") + (text.replace("\n", "\r\n") if windows else text)
    sent = [File("p0/routers/lead-router.md", text)]
    assert outcomes(importing.bring_in(sent, hand=HAND, now=NOW)) == [("lead-router", "new")]
    back = exporting.files_of(Runbook.objects.all(), newest=True)
    assert back == sent
    assert files.read_zip(files.write_zip(back)) == sent
    assert outcomes(importing.bring_in(back, hand=HAND, now=NOW)) == [("lead-router", "same")]


@pytest.mark.django_db
def test_a_folder_comes_back_as_it_was(tmp_path: Path):
    there, back = tmp_path / "there", tmp_path / "back"
    texts = {"lead-router.md": a_text(), "p1/Deal Sync.md": a_text("Deal Sync"), "p1/nurture.md": a_text("Nurture")}
    files.write_folder(there, [File(path, text) for path, text in texts.items()])
    (there / "notes.txt").write_text("no runbook")
    (there / ".obsidian").mkdir()
    (there / ".obsidian" / "x.md").write_text("hidden")
    (there / "link.md").symlink_to("/etc/passwd")
    call_command("import_runbooks", str(there), stdout=io.StringIO())
    call_command("export_runbooks", str(back), "--drafts", stdout=io.StringIO())
    assert {path.relative_to(back).as_posix(): path.read_bytes().decode() for path in back.rglob("*.md")} == texts


@pytest.mark.django_db
def test_what_would_happen_is_told_before_anything_is_written():
    make_runbook("same", text=a_text("Same"))
    changed = make_runbook("changed", text=a_text("Old"))
    sent = [
        File("same.md", a_text("Same")),
        File("changed.md", a_text("New")),
        File("fresh.md", "# Fresh\n"),
        File("sub/fresh.md", "# Another\n"),
        File("___.md", "# No name\n"),
        File("bad.md", problem="The file is not UTF-8."),
    ]
    said = importing.look_at(sent, principal=None)
    assert [row.outcome for row in said] == ["same", "changed", "new", "refused", "refused", "refused"]
    assert said[2].findings == 5
    assert queries.get_newest(changed).number == 1
    assert Runbook.objects.count() == 2
    assert [row.outcome for row in importing.bring_in(sent, hand=HAND, now=NOW)] == [row.outcome for row in said]
    assert queries.get_newest(changed).number == 2


@pytest.mark.django_db
def test_what_another_team_owns_cannot_be_written_over_by_a_file():
    theirs, mine = make_team("theirs"), make_person("mine", team=make_team("mine"))
    make_runbook("secret", team=theirs)
    hand = importing.Hand(SETUP, principal=mine, author=mine)
    rows = importing.bring_in([File("secret.md", a_text("Mine now")), File("ok.md", a_text())], hand=hand, now=NOW)
    assert outcomes(rows) == [("secret", "refused"), ("ok", "new")]
    assert Runbook.objects.get(slug="ok").team == mine.team


@pytest.mark.parametrize(
    "path",
    ["../up.md", "/etc/up.md", "a/../../up.md", ".git/hooks/up.md", "a\\..\\up.md", "C:\\up.md", "a/b .md/..",
     "x" * 400, "a/\x00.md", "con:.md", "a/.hidden.md", "no-suffix"],
)  # fmt: skip
def test_no_file_is_written_outside_of_its_folder(tmp_path: Path, path: str):
    safe = files.safe_path(path, "up")
    files.write_folder(tmp_path / "in", [File(safe, "x")])
    found = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert found == [tmp_path / "in" / "up.md"]


def test_a_folder_that_is_a_link_leads_nowhere(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p0").symlink_to(tmp_path)
    with pytest.raises(InvalidInput):
        files.write_folder(tmp_path / "in", [File("p0/x.md", "x")])
    assert not (tmp_path / "x.md").exists()


def zipped(entries: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in entries.items():
            archive.writestr(name, raw)
    return target.getvalue()


def test_a_zip_that_unpacks_to_too_much_is_refused():
    with pytest.raises(InvalidInput) as refused:
        files.read_zip(zipped({f"{n}.md": b"0" * 1_000_000 for n in range(20)}))
    assert refused.value.code == "too_large"
    one = files.read_zip(zipped({"big.md": b"0" * 9_000_000}))
    assert one[0].problem
    with pytest.raises(InvalidInput):
        files.read_zip(zipped({f"{n}.md": b"" for n in range(501)}))


@given(st.binary(max_size=300))
def test_bytes_that_are_no_zip_are_refused_and_nothing_breaks(raw: bytes):
    whole = zipped({"a.md": b"# A\n" * 50})
    for broken in (raw, whole[: len(whole) // 2] + raw, whole.replace(b"a.md", (raw + b"    ")[:4])):
        try:
            files.read_zip(broken)
        except InvalidInput:
            continue


def test_bytes_that_are_no_text_are_told():
    assert files.read_zip(zipped({"a.md": b"\xff\xfe"}))[0].problem == "The file is not UTF-8."


def facts(text: str) -> tuple:
    found = read(text)
    steps = [(step.section, step.number, step.title, step.text, step.own_id, step.check) for step in found.steps]
    parts = [(one.name, one.title) for one in found.sections if one.name]
    return found.title, found.kind, found.form, found.automations, found.rules, found.exceptions, parts, steps


NAMES = st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True), max_size=3, unique=True)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 &,.!-]{0,40}[A-Za-z0-9]", fullmatch=True), NAMES, NAMES, st.booleans())
def test_notion_gives_back_what_it_was_given(title: str, automations: list[str], rules: list[str], heading: bool):
    text = a_text("x", automations=f"[{', '.join(automations)}]", rules=f"[{', '.join(rules)}]")
    text = text.replace("title: x", f'title: "{title}"')
    if heading:
        text = text.replace("---\n\n## Signals", f"---\n\n# {title}\n\n## Signals")
    out = notion.to_notion(read(text), "lead-router")
    assert not out.startswith("---")
    assert facts(out) == facts(text)
    assert importing.slug_for(File("Lead Router 0123456789abcdef0123456789abcdef.md", out), read(out)) == "lead-router"
    assert facts(notion.to_notion(read(out), "lead-router")) == facts(text)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Lead Router 0123456789abcdef0123456789abcdef.md", "lead-router"),
        ("a/b/Deal Sync.md", "deal-sync"),
        ("Ünï.md", "n"),
        ("….md", ""),
    ],
)
def test_a_name_gives_a_slug(name: str, slug: str):
    assert notion.slug_of(name) == slug


@pytest.mark.django_db
def test_the_names_in_notion_are_titles_and_two_of_the_same_are_kept_apart():
    make_published("one", text=a_text("Same a/b"))
    make_published("two", text=a_text("Same a/b"))
    out = exporting.files_of(Runbook.objects.order_by("slug"), notion=True)
    assert [one.path for one in out] == ["Same a b.md", "two.md"]


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.mark.django_db
def test_a_git_working_tree_is_read_at_its_commit_and_nobodys_changes_are_lost(tmp_path: Path):
    folder = tmp_path / "repository" / "runbooks"
    folder.mkdir(parents=True)
    git(tmp_path / "repository", "init", "-q")
    (folder / "lead router.md").write_text(a_text())
    (folder / "other.md").write_text(a_text("Other"))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Runbooks")
    lead = make_person("lead", roles=[Role.OPS_LEAD])
    call_command("import_runbooks", str(folder), "--publish-as", "lead", stdout=io.StringIO())
    runbook = Runbook.objects.get(slug="lead-router")
    revision = queries.get_published(runbook)
    assert (revision.published_by, revision.note[:9]) == (lead, "From git ")
    save(runbook, a_text("Changed here"))
    (folder / "lead router.md").write_text(a_text("Changed there"))
    with pytest.raises(CommandError, match="lead router.md"):
        call_command("export_runbooks", str(folder), "--drafts", stdout=io.StringIO())
    assert "Changed there" in (folder / "lead router.md").read_text()
    call_command("export_runbooks", str(folder), "--drafts", "--force", stdout=io.StringIO())
    assert (folder / "lead router.md").read_text() == a_text("Changed here")
    with pytest.raises(Conflict):
        exporting.write_out(folder, [File("lead router.md", "x")])


@pytest.mark.django_db
def test_the_command_says_by_its_exit_code_what_came_of_it(tmp_path: Path):
    with pytest.raises(CommandError) as nothing:
        call_command("import_runbooks", str(tmp_path / "missing.zip"))
    assert nothing.value.returncode == 2
    (tmp_path / "bad.md").write_bytes(b"\xff")
    out = io.StringIO()
    with pytest.raises(SystemExit) as some:
        call_command("import_runbooks", str(tmp_path), stdout=out)
    assert some.value.code == 1
    assert "refused" in out.getvalue()
