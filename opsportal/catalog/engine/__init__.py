"""Pure computing of the catalogue: the tier test, what looks like a secret, what a workflow of n8n says."""
