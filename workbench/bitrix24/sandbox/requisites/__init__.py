"""Company details: requisites, bank details, templates, addresses."""
