"""Anyone's CSV export as a portal."""
