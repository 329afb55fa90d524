"""Pages of sign-in, people, teams, tokens and one's own account."""
