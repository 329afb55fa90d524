"""The room in the admin: each area registers its own; facts are read-only."""
