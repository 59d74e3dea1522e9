"""Rows out of the portal and out of files; what to load stands in ``parameters/sources.yml``."""
