"""Storages, folders and files."""
