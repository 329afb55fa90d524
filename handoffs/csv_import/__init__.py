"""Handoffs from CSV files: how a row is read, written, and taken out again; and the same columns on the way out."""
