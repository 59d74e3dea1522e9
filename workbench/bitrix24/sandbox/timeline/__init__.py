"""Activities, to-dos and comments on CRM records."""
