"""Triggers: what happens to the data starts runs of reports. See `declared` for their files."""
