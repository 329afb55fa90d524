"""Payloads that did not arrive, as the workflows of the demo hand them in: leads, deals, mails, companies. Seeded, no
database.
"""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from opsportal.ids import new_trace_id
from opsportal.workbench.demo.leads import Leads
from opsportal.workbench.demo.receiver import HANGS_UP_AT

CRM_LEADS, CRM_DEALS, MAIL_SERVICE, WAREHOUSE = "crm-leads", "crm-deals", "mail-service", "warehouse"
LIMITED = ("RateLimit", "429 REQUEST_LIMIT_EXCEEDED: 100 requests in 20 s")
TIMED_OUT = ("Timeout", "The CRM did not answer within 30 s")
UNKNOWN_STAGE = ("ValidationError", "422 stage: “Verbal yes” is not a value of this pipeline")
DEFERRED = ("SmtpDeferred", "451 4.7.1 Greylisted, try again later")
CLOSED = ("ServiceUnavailable", "503 The warehouse is closed while tables are moved")
RENAMED_STAGE = "Verbal yes"

Raw = dict[str, Any]
FIRST_NAMES = ("Anna", "Jakob", "Inés", "Piotr", "Maud", "Felix", "Noor", "Elif", "Hugo", "Greta", "Milan", "Ruth")
LAST_NAMES = ("Berg", "Novak", "Duarte", "Lindqvist", "Moreau", "Okafor", "Steiner", "Vale", "Zimmer", "Haas")


class Payloads:
    """Makes what the API takes in at replay/items/; the same seed makes the same payloads."""

    def __init__(self, random: Random, owners: tuple[str, ...], *, first: int = 5200) -> None:
        self.random, self.owners = random, owners
        self.leads = Leads(random, owners)
        self.leads.number = first

    def lead(self, at: datetime, error: tuple[str, str] = LIMITED, *, owner: str = "", of: Raw | None = None) -> Raw:
        """A lead to be assigned; `of` is an earlier payload of the same lead, which now goes to somebody else."""
        lead = self.leads.make(at)
        body = {
            "reference": lead.reference,
            "company": lead.subject,
            "contact": self._contact(lead.subject),
            "channel": lead.channel,
            "icp": lead.icp,
            "score": self.random.randint(35, 96),
            "submitted_at": (at - timedelta(seconds=self.random.randint(3, 40))).isoformat(timespec="seconds"),
        }
        body = {**(of["payload"] if of else body), "owner": owner or lead.owner}
        return self._wrapped(CRM_LEADS, "lead-router", f"lead-{body['reference']}", body, error, at)

    def deal(self, at: datetime, error: tuple[str, str] = TIMED_OUT, *, stage: str = "", of: Raw | None = None) -> Raw:
        """A deal whose stage or amount changed; `of` is an earlier change of the same deal."""
        lead = self.leads.make(at, prefix="D")
        body = {
            "reference": lead.reference,
            "account": lead.subject,
            "amount": str(lead.amount),
            "currency": "EUR",
            "owner_email": f"{lead.owner}@northbeam.example",
            "close_date": (at + timedelta(days=self.random.randint(9, 60))).date().isoformat(),
        }
        stage = stage or self.random.choice(("Qualified", "Proposal", "Contract sent"))
        body = {**(of["payload"] if of else body), "stage": stage, "changed_at": at.isoformat(timespec="seconds")}
        return self._wrapped(CRM_DEALS, "deal-sync", f"deal-{body['reference']}", body, error, at)

    def mail(self, at: datetime, *, hangs_up: bool = False, of: Raw | None = None) -> Raw:
        """A mail to a prospect; the service hangs up on one template. `of` is an earlier one to the same person."""
        company = self.leads.make(at).subject
        template = HANGS_UP_AT if hangs_up else self.random.choice(("welcome-2", "case-study", "trial-day-5"))
        to = of["payload"]["to"] if of else self._contact(company)
        body = {"template": template, "to": to, "variables": {"company": company, "language": "en"}}
        key = f"contact-{sum(to['email'].encode()) * 37 % 9000 + 1000}"
        return self._wrapped(MAIL_SERVICE, "lifecycle-nurture", key, body, DEFERRED, at)

    def company(self, at: datetime, *, of: Raw | None = None) -> Raw:
        """What was looked up about a company; `of` is an earlier look at the same one."""
        name = of["payload"]["company"] if of else self.leads.make(at).subject
        domain = f"{name.lower().replace(' ', '-')}.example"
        body = {"domain": domain, "company": name, "employees": self.random.randint(4, 900) * 5, "country": "DE"}
        return self._wrapped(WAREHOUSE, "enrichment", domain, body, CLOSED, at)

    def _contact(self, company: str) -> Raw:
        first, last = self.random.choice(FIRST_NAMES), self.random.choice(LAST_NAMES)
        mail = f"{first}.{last}@{company.lower().replace(' ', '-')}.example".lower().replace("é", "e")
        return {
            "name": f"{first} {last}",
            "email": mail,
            "phone": f"+49 30 {self.random.randint(2_000_000, 8_999_999)}",
        }

    def _wrapped(
        self, target: str, automation: str, record_key: str, payload: Raw, error: tuple[str, str], at: datetime
    ) -> Raw:
        self.leads.number += 1
        return {
            "target": target,
            "automation": automation,
            "external_id": f"{automation}/{at:%y%m%d}-{self.leads.number}",
            "record_key": record_key,
            "correlation_id": new_trace_id(),
            "source": "n8n",
            "payload": payload,
            "error_type": error[0],
            "error_message": error[1],
            "failed_at": at.isoformat(),
        }
