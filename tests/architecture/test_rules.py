"""The rules of the house, held against every file; and each rule held against a file that breaks it."""

from pathlib import Path

import pytest

from tests.architecture import rules
from tests.architecture.layers import ROOT
from tests.architecture.rules import RULES, Rule, template_findings
from tests.architecture.sources import Source, parse, sources, templates


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule: Rule) -> None:
    found = [f"{source.path.relative_to(ROOT)} {finding}" for source in sources() for finding in rule(source)]
    assert not found, "\n".join([str(rule.__doc__), *found])


@pytest.mark.parametrize("template", templates(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_template_keeps_to_the_policy(template: Path) -> None:
    assert list(template_findings(template.read_text(encoding="utf-8"))) == []


def test_no_template_stands_outside_the_one_folder() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in templates()} == {"templates"}


BREAKS = [
    (rules.asks_the_clock, "handoffs.views", "from datetime import datetime\nnow = datetime.now()"),
    (rules.asks_the_clock, "handoffs.views", "import datetime\nnow = datetime.datetime.now(datetime.UTC)"),
    (rules.asks_the_clock, "handoffs.views", "import time\nseconds = time.time()"),
    (rules.asks_the_clock, "handoffs.models", "at = models.DateTimeField(default=timezone.now)"),
    (rules.asks_the_clock, "handoffs.models", "at = models.DateTimeField(auto_now_add=True)"),
    (rules.asks_the_clock, "handoffs.queries", "rows.filter(due_at__lte=Now())"),
    (rules.takes_time_from_above, "handoffs.operations", "from opsportal import clock"),
    (rules.takes_time_from_above, "handoffs.models.rules", "from opsportal.clock import now"),
    (rules.takes_time_from_above, "handoffs.engine.ladder", "from opsportal import clock, ids"),
    (rules.names_actor_and_now, "audited.operations", "def close(case, *, actor): ..."),
    (rules.names_actor_and_now, "audited.operations", "def close(case, actor, now): ..."),
    (rules.names_actor_and_now, "audited.operations.closing", "def close(case, *, now): ..."),
    (rules.stays_in_its_concepts, "handoffs.utils", ""),
    (rules.stays_in_its_concepts, "handoffs.models", "class Rule(models.Model):\n    def save(self): ..."),
    (rules.stays_in_its_concepts, "handoffs.apps", "post_save.connect(notify)"),
    (rules.has_a_readable_size, "handoffs.views", "x = 1\n" * 401),
    (rules.has_a_readable_size, "handoffs.views", "def f():\n" + "    x = 1\n" * 50),
    (rules.says_what_lives_here, "handoffs.views", "x = 1"),
    (rules.says_what_lives_here, "handoffs.views", '"""One\ntwo\nthree\nfour\nfive."""'),
    (rules.renders_only_escaped_text, "handoffs.tables", "mark_safe(lead.name)"),
    (rules.speaks_without_congratulation, "handoffs.views", "message = 'Rule successfully saved'"),
]

KEEPS = [
    (rules.asks_the_clock, "opsportal.clock", "now = datetime.now(UTC)"),
    (rules.asks_the_clock, "handoffs.views", "instant = clock.now()\nspent = time.monotonic()"),
    (rules.takes_time_from_above, "handoffs.views", "from opsportal import clock"),
    (rules.names_actor_and_now, "audited.operations", "def close(case, *, actor, now): ...\ndef _count(case): ..."),
    (rules.stays_in_its_concepts, "handoffs.forms", "class RuleForm(forms.ModelForm):\n    def save(self): ..."),
    (rules.has_a_readable_size, "handoffs.views", "def f():\n" + "    x = 1\n" * 49),
    (rules.says_what_lives_here, "handoffs.views", '"""One line."""\nx = 1'),
    (rules.renders_only_escaped_text, "handoffs.tables", "format_html('<b>{}</b>', lead.name)"),
]


def _source(module: str, text: str, folder: Path) -> Source:
    (folder / "audit.py").touch()
    path = folder.joinpath(*module.split(".")[1:]).with_suffix(".py")
    path.parent.mkdir(exist_ok=True)
    (path.parent / "__init__.py").write_text("from audited.operations.closing import close")
    return parse(path, text, module)


@pytest.mark.parametrize(("rule", "module", "text"), BREAKS)
def test_the_rule_finds_what_breaks_it(rule: Rule, module: str, text: str, tmp_path: Path) -> None:
    assert len(list(rule(_source(module, text, tmp_path)))) >= 1


@pytest.mark.parametrize(("rule", "module", "text"), KEEPS)
def test_the_rule_leaves_good_code_alone(rule: Rule, module: str, text: str, tmp_path: Path) -> None:
    assert list(rule(_source(module, text, tmp_path))) == []


def test_every_rule_is_shown_to_find_something() -> None:
    assert {rule for rule, _, _ in BREAKS} == set(RULES)


@pytest.mark.parametrize(
    "text",
    [
        "<style>p{}</style>",
        "<script>go()</script>",
        '<script type="module">go()</script>',
        '<p style="color:red">',
        '<a onclick="go()">',
        '<a href="javascript:go()">',
        '<script src="https://cdn.example/x.js"></script>',
        "{{ lead.name|safe }}",
        "{% autoescape off %}",
        "Saved successfully.",
    ],
)
def test_a_template_that_breaks_the_policy_is_found(text: str) -> None:
    assert len(list(template_findings(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        '<script type="module" src="{% static "js/theme.js" %}"></script>',
        '<script id="rows" type="application/json">[]</script>',
        "{# <style> is not used here #}",
        '<a href="https://www.w3.org/">',
        '<p class="style=plain" data-on="x">',
    ],
)
def test_a_good_template_is_left_alone(text: str) -> None:
    assert list(template_findings(text)) == []
