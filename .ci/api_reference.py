"""Writes the reference part of docs/api.md from the API's own schema: `make reference`."""

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "api.md"
MARK = "<!-- written by `make reference`; do not edit below -->\n"
METHODS = ("get", "post", "put", "patch", "delete")


def schema() -> dict[str, Any]:
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")
    import django

    django.setup()
    from drf_spectacular.generators import SchemaGenerator

    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def reference(found: dict[str, Any]) -> str:
    """One section a resource: its purpose, a table of its operations, the fields that are sent and answered."""
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in sorted(found["paths"].items()):
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                groups.setdefault(operation["tags"][0], []).append((method, path, operation))
    return "\n".join(section(name, found, entries) for name, entries in sorted(groups.items()))


def section(name: str, found: dict[str, Any], entries: list[tuple[str, str, dict[str, Any]]]) -> str:
    lines = [
        f"### {name}",
        "",
        first_sentence(entries[0][2]),
        "",
        "| request | scope | parameters | body |",
        "|---|---|---|---|",
    ]
    for method, path, operation in entries:
        names = [f"`{one['name']}`" for one in operation.get("parameters", []) if one["in"] == "query"]
        body = name_of(operation.get("requestBody", {}))
        lines.append(f"| `{method.upper()} {path}` | {scope(operation)} | {' '.join(names)} | {body} |")
    bodies = sorted({name_of(operation.get("requestBody", {})) for *_, operation in entries} - {""})
    for body in bodies:
        lines += ["", f"{body}: {fields(found, body.strip('`'))}"]
    return "\n".join([*lines, ""])


def first_sentence(operation: dict[str, Any]) -> str:
    text = " ".join((operation.get("description") or "").split("\n\n")[0].split())
    return text if text.endswith(".") or not text else f"{text}."


def scope(operation: dict[str, Any]) -> str:
    return f"`{operation['x-scope']}`" if operation.get("x-scope") else ""


def name_of(body: dict[str, Any]) -> str:
    for content in body.get("content", {}).values():
        reference = content["schema"].get("$ref", "")
        if reference:
            return f"`{reference.rpartition('/')[2]}`"
    return ""


def fields(found: dict[str, Any], component: str) -> str:
    described = found["components"]["schemas"][component]
    required = set(described.get("required", []))
    shown = [f"`{name}`" + ("" if name in required else "?") for name in described.get("properties", {})]
    return ", ".join(shown) or "no fields"


def page(text: str) -> str:
    """The page as it should be: what people wrote above the mark, the reference below it."""
    return text.partition(MARK)[0] + MARK + "\n" + reference(schema())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
