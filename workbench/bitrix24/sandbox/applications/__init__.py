"""Local applications: tokens, events, placements, registered activities."""
