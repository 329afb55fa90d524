"""Everything is killed at random while thousands of timers run out: what was lost, what was doubled?

    python -m tests.faults.storm --seed 1 --handoffs 10000 --kills 60 --seconds 180

Two hosts work against one PostgreSQL that crashes too; people answer meanwhile; two receivers play Slack and the CRM.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.harness import wait_for
from tests.faults.load import EVENTS
from tests.faults.raging import Raging
from tests.receivers import HttpReceiver, play_slack


class Storm(Raging):
    """Handoffs whose three stages run out."""

    def __init__(
        self, *, seed: int, handoffs: int, kills: int, seconds: float, folder: Path, head_start: float = 60
    ) -> None:
        super().__init__(seed=seed, kills=kills, seconds=seconds, folder=folder)
        self.handoffs, self.head_start = handoffs, head_start
        self.slack, self.crm = HttpReceiver(play_slack()), HttpReceiver()
        self.receivers = [self.slack, self.crm]

    @property
    def outside(self) -> dict[str, str]:
        return {**super().outside, "SLACK_BOT_TOKEN": "xoxb-storm", "SLACK_API_URL": f"{self.slack.url}api/"}

    def load(self) -> None:
        sizes = [str(number) for number in (self.handoffs, self.seconds, self.head_start)]
        self.run_module("tests.faults.load", *sizes, self.crm.url)

    def people(self) -> tuple[str, ...]:
        return "tests.faults.people", str(self.report.seed), str(self._book)

    @property
    def _book(self) -> Path:
        return self.folder / "acknowledged.jsonl"

    def left(self) -> tuple[int, ...]:
        """No stage due, no message waiting."""
        return (
            self.count("SELECT count(*) FROM handoffs_handoff WHERE next_fire_at IS NOT NULL"),
            self.count("SELECT count(*) FROM notify_delivery WHERE state IN ('pending', 'leased')"),
        )

    def judge(self) -> None:
        for check in (
            self._stages,
            self._trail,
            self._messages,
            self._events,
            self._sends,
            self._acknowledged,
            self._chain,
        ):
            check()

    def _stages(self) -> None:
        """I01, I02, I03: every stage of what nobody answered fired, once; none after the answer committed."""
        self.report.figures["handoffs"] = self.count("SELECT count(*) FROM handoffs_handoff")
        self.report.figures["stages fired"] = self.count("SELECT count(*) FROM handoffs_stagefiring")
        late = "SELECT max(extract(epoch FROM fired_at - scheduled_at)) FROM handoffs_stagefiring"
        self.report.figures["latest stage, seconds"] = round(float(self.database.ask(late) or 0), 1)
        self.expect_none(
            "unanswered handoffs without all three stages",
            """SELECT count(*) FROM handoffs_handoff h WHERE h.state = 'open' AND
               (SELECT count(*) FROM handoffs_stagefiring f WHERE f.handoff_id = h.id) <> 3""",
        )
        self.expect_none(
            "handoffs whose stages are not the first ones of the ladder",
            """SELECT count(*) FROM (SELECT handoff_id, array_agg(percent ORDER BY id) fired
               FROM handoffs_stagefiring GROUP BY 1) f
               WHERE fired <> (ARRAY[100, 200, 300]::smallint[])[1:cardinality(fired)]""",
        )
        self.expect_none(
            "breached handoffs that are not with their backup, or others that are",
            """SELECT count(*) FROM handoffs_handoff WHERE (owner_id = backup_owner_id) <>
               EXISTS (SELECT 1 FROM handoffs_stagefiring f
                       WHERE f.handoff_id = handoffs_handoff.id AND percent = 200)""",
        )

    def _trail(self) -> None:
        """I02, I03, I12: one entry for each thing that came about, and none after the end of the record."""
        for action, percent in (("alerted", 100), ("breached", 200), ("reassigned", 200), ("escalated", 300)):
            self.expect_none(
                f"stages at {percent}% without exactly one entry “{action}”",
                f"""SELECT count(*) FROM handoffs_stagefiring f WHERE percent = {percent} AND
                    (SELECT count(*) FROM audit_entry e WHERE e.subject_type = 'handoff'
                     AND e.subject_id = f.handoff_id::text AND e.action = 'handoff.{action}') <> 1""",
            )
        self.expect_none(
            "entries of the sweep after the answer or the cancellation",
            """SELECT count(*) FROM audit_entry ended JOIN audit_entry e USING (subject_type, subject_id)
               WHERE ended.action IN ('handoff.responded', 'handoff.cancelled')
               AND e.id > ended.id AND e.actor_kind = 'system' AND e.actor_id = 'sweep'
               AND e.action IN ('handoff.alerted', 'handoff.breached', 'handoff.reassigned', 'handoff.escalated')""",
        )

    def _messages(self) -> None:
        """I04, first half: whoever a stage tells has a message, and one delivery for it, delivered."""
        self.report.figures["messages"] = self.count("SELECT count(*) FROM notify_message")
        self.expect_none(
            "recipients of a stage without their message",
            """SELECT count(*) FROM handoffs_stagefiring f, jsonb_array_elements_text(f.recipients) who(username)
               JOIN identity_person p ON p.username = who.username
               WHERE NOT EXISTS (SELECT 1 FROM notify_message m WHERE m.recipient_id = p.id AND
               m.key = concat('handoff:', f.handoff_id, ':', f.cycle, ':', f.percent, ':', p.id))""",
        )
        self.expect_none(
            "messages without exactly one delivery",
            """SELECT count(*) FROM notify_message m WHERE
               (SELECT count(*) FROM notify_delivery d WHERE d.message_id = m.id) <> 1""",
        )
        self.expect_none(
            "deliveries that did not end delivered", "SELECT count(*) FROM notify_delivery WHERE state <> 'delivered'"
        )

    def _events(self) -> None:
        """The same for webhooks: what the CRM wants to hear of is one event with one delivery."""
        self.report.figures["events"] = self.count("SELECT count(*) FROM notify_publishedevent")
        wanted = ", ".join(f"'{event}'" for event in EVENTS)
        self.expect_none(
            "entries of the trail without exactly one event",
            f"""SELECT count(*) FROM audit_entry e WHERE e.action IN ({wanted}) AND
               (SELECT count(*) FROM notify_publishedevent p
                WHERE p.about = e.subject_id AND p.about <> '' AND p.type = e.action) <> 1""",
        )
        self.expect_none(
            "events without exactly one delivery",
            """SELECT count(*) FROM notify_publishedevent p WHERE
               (SELECT count(*) FROM notify_delivery d WHERE d.event_id = p.id) <> 1""",
        )

    def _sends(self) -> None:
        """I04, I05: what the portal calls delivered has arrived; what came twice came with the same key."""
        requests = [*self.slack.requests, *self.crm.requests]
        arrived = Counter(request.headers.get("Idempotency-Key", "") for request in requests)
        keys = self.column("SELECT key FROM notify_delivery WHERE channel = 'slack'")
        keys |= self.column("SELECT p.key FROM notify_delivery d JOIN notify_publishedevent p ON p.id = d.event_id")
        self.report.figures["requests received"] = arrived.total()
        self.report.figures["sent again with the same key"] = arrived.total() - len(arrived)
        if missing := keys - set(arrived):
            self.report.problems.append(f"{len(missing)} deliveries never arrived, the first is {min(missing)}")
        if unknown := set(arrived) - keys:
            self.report.problems.append(f"{len(unknown)} requests nobody knows of, the first is {min(unknown)}")

    def _acknowledged(self) -> None:
        """I06: what people were told is done, is done."""
        lines = self._book.read_text().splitlines() if self._book.exists() else []
        moves = [json.loads(line) for line in lines if line.endswith("}")]
        self.report.figures["answers and cancellations acknowledged"] = len(moves)
        done = {
            "respond": self.column("SELECT id::text FROM handoffs_handoff WHERE first_response_at IS NOT NULL"),
            "cancel": self.column("SELECT id::text FROM handoffs_handoff WHERE cancelled_at IS NOT NULL"),
        }
        if lost := [move["id"] for move in moves if move["id"] not in done[move["move"]]]:
            self.report.problems.append(f"{len(lost)} acknowledged moves are lost, the first of {min(lost)}")

    def _chain(self) -> None:
        """I11: the trail still verifies."""
        wait_for(lambda: self.count("SELECT count(*) FROM audit_seal") > 0, 180)
        done = self.database.manage("verify_audit")
        if done.returncode:
            self.report.problems.append(f"verify_audit: {done.stdout}{done.stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--handoffs", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=180)
    options = vars(parser.parse_args())
    print(f"seed {options['seed']}", flush=True)
    with tempfile.TemporaryDirectory(prefix="opsportal-storm-") as folder:
        report = Storm(**options, folder=Path(folder)).run()
    print(report)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
