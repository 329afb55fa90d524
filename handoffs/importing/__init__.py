"""Event logs from files: reading XES, CSV and NDJSON as records, mapping their columns, taking them in resumably."""
