"""Calls, and telephone exchanges outside."""
