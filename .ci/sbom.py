"""Writes a CycloneDX 1.6 list of what a running portal consists of: every package of requirements.lock, as installed.

python .ci/sbom.py var/sbom.cdx.json
"""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def component(name: str, version: str, rest: str) -> dict[str, Any]:
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name.lower()}@{version}",
        "licenses": [{"license": {"name": licence(name)}}],
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in re.findall(r"--hash=sha256:(\w+)", rest)],
    }


def licence(name: str) -> str:
    try:
        found = metadata(name)
    except PackageNotFoundError:  # for another system or Python than this one
        return "not installed here"
    named = [text.rpartition(" :: ")[2] for text in found.get_all("Classifier") or [] if text.startswith("License")]
    return found.get("License-Expression") or ", ".join(named) or (found.get("License") or "unknown").splitlines()[0]


def main(target: Path) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    components = [component(*match) for match in PINNED.findall(lock)]
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(bill, indent=2), encoding="utf-8")
    print(f"{len(components)} packages in {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
