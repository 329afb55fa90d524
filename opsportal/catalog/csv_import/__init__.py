"""Automations from CSV files, and the same columns on the way out."""
