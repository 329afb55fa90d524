"""The actions of this area, and the sentence each is shown as."""

SENTENCES = {
    "n8n.workflow_named": "{actor} named {subject} for “{after[workflow]}”; {after[runs]} kept failures are runs now.",
    "n8n.reports_dropped": "{actor} dropped {after[reports]} reports of the workflow “{after[workflow]}”.",
}
