"""Arrows that import-linter does not see: foreign keys, migrations, modules and models named by a string."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import AppConfig, apps
from django.db.migrations.loader import MigrationLoader

from tests.architecture.layers import ROOMS, ROOT, is_arrow_allowed, read_rooms, room_of
from tests.architecture.sources import Source, parse, sources

OURS = [config for config in apps.get_app_configs() if room_of(config.name)]
Arrow = tuple[str, str, str]  # module, module it points at, how
IGNORED_FOLDERS = {"tests", "templates", "static", "docs", "var"}


def arrows_of(config: AppConfig) -> Iterator[Arrow]:
    """Every relation of every model of an app, many-to-many tables included."""
    for model in config.get_models(include_auto_created=True):
        for field in model._meta.get_fields(include_hidden=True):
            if field.is_relation and not field.auto_created and isinstance(field.related_model, type):
                target = field.related_model._meta.app_config.name
                yield config.name, target, f"{model.__name__}.{field.name} -> {field.related_model.__name__}"
        for base in model._meta.get_parent_list():
            yield config.name, base._meta.app_config.name, f"{model.__name__} derives from {base.__name__}"


def migration_arrows() -> Iterator[Arrow]:
    for (label, name), migration in MigrationLoader(None, ignore_no_migrations=True).disk_migrations.items():
        for other, its_name in migration.dependencies:
            if other != "__setting__":
                knows, known = apps.get_app_config(label).name, apps.get_app_config(other).name
                yield knows, known, f"{label}.{name} needs {its_name}"
        for other, its_name in migration.run_before:
            yield apps.get_app_config(label).name, apps.get_app_config(other).name, f"{label}.{name} before {its_name}"


def named_arrows(source: Source) -> Iterator[Arrow]:
    """Strings that read like the dotted path of one of our modules or models: import_string, get_model, async_task."""
    docstrings = {id(text) for node in ast.walk(source.tree) if (text := _docstring(node)) is not None}
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or id(node) in docstrings:
            continue
        if (target := module_named_by(node.value)) is not None:
            yield source.module, target, f"line {node.lineno} names {node.value!r}"


def module_named_by(text: str) -> str | None:
    """Our module behind a dotted path or a model's label; DJANGO_SETTINGS_MODULE is Django's own way and no arrow."""
    if text == "opsportal.settings" or not all(part.isidentifier() for part in text.split(".")):
        return None
    if room_of(text) is not None and "." in text:
        return text
    label, _, model = text.partition(".")
    config = next((config for config in OURS if config.label == label), None)
    return config.name if config and model.lower() in config.models else None


def _docstring(node: ast.AST) -> ast.expr | None:
    body = getattr(node, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    return first.value if isinstance(first, ast.Expr) else None


def forbidden(arrows: Iterator[Arrow]) -> list[str]:
    return [f"{one} may not know {other}: {how}" for one, other, how in arrows if not is_arrow_allowed(one, other)]


@pytest.mark.parametrize("config", OURS, ids=lambda config: config.label)
def test_relations_point_downwards(config: AppConfig) -> None:
    assert forbidden(arrows_of(config)) == []


def test_migrations_depend_downwards() -> None:
    assert forbidden(migration_arrows()) == []


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.module)
def test_strings_name_only_what_stands_below(source: Source) -> None:
    assert forbidden(named_arrows(source)) == []


def test_every_module_has_a_room() -> None:
    homeless = [source.module for source in sources() if room_of(source.module) is None]
    assert set(homeless) == {"manage", "opsportal"}


def test_every_package_at_the_top_is_a_room() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - IGNORED_FOLDERS - {"opsportal"}
    assert packages <= set(ROOMS)


def test_every_room_of_the_contract_exists_unless_it_comes_later() -> None:
    modules = {source.module for source in sources()}
    assert {room.name for room in ROOMS.values() if not room.optional} <= modules


# The checks themselves, on made-up houses.

HOUSE = read_rooms({"layers": ["web : urls", "left | right", "(attic)", "ground"]})


@pytest.mark.parametrize(
    ("knows", "known", "allowed"),
    [
        ("web.views", "ground.models", True),
        ("left.models", "left.engine", True),
        ("left.models", "django.db", True),
        ("web", "urls", True),
        ("ground.models", "left", False),
        ("left.models", "right.models", False),
        ("ground", "attic", False),
    ],
)
def test_an_arrow_goes_down_and_never_sideways(knows: str, known: str, allowed: bool) -> None:
    assert is_arrow_allowed(knows, known, HOUSE) is allowed


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("opsportal.audit.models", "identity.Person"),
        ("opsportal.audit.operations", "opsportal.identity.models"),
        ("opsportal.identity.tasks", "handoffs.tasks.sweep"),
        ("opsportal.notify.apps", "opsportal.integrations.registry"),
    ],
)
def test_a_string_that_points_upwards_is_found(module: str, text: str) -> None:
    source = parse(Path("x.py"), f"task = {text!r}", module)
    assert len(forbidden(named_arrows(source))) == 1


def test_a_relation_that_points_upwards_is_found() -> None:
    person = apps.get_model("identity.Person")
    arrow = (apps.get_app_config("audit").name, person._meta.app_config.name, "Entry.person -> Person")
    assert forbidden(iter([arrow])) == ["opsportal.audit may not know opsportal.identity: Entry.person -> Person"]
    assert any("-> Person" in how for _, _, how in arrows_of(apps.get_app_config("identity")))
