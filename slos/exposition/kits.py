"""Ready-made workflows for n8n, with this portal's address in them and credentials by name only."""

from dataclasses import dataclass
from pathlib import Path

from opsportal.errors import NotFound

FOLDER = Path(__file__).parent / "kits"
PLACEHOLDER = "https://opsportal.example"


@dataclass(frozen=True, slots=True)
class Kit:
    slug: str
    name: str
    sentence: str

    @property
    def file(self) -> str:
        return f"{self.slug}.json"


KITS = (
    Kit("n8n-report-failures", "Report failures", "An error workflow: sends what failed, whatever the workflow."),
    Kit("n8n-report-a-run", "Report a run", "A workflow to be called: reports that a run started or how it ended."),
    Kit("n8n-example", "Example", "An automation that gives signs of life and reports its start, steps and end."),
)


def text_of(slug: str, base_url: str) -> str:
    """The workflow as n8n imports it. Raises NotFound."""
    kit = next((one for one in KITS if one.slug == slug), None)
    if kit is None:
        raise NotFound("unknown_kit", "There is no such kit.")
    return (FOLDER / kit.file).read_text(encoding="utf-8").replace(PLACEHOLDER, base_url)
