"""Tasks and what hangs on them."""
