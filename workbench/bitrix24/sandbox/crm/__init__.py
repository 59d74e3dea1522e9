"""Leads, deals, contacts, companies, quotes, invoices, smart processes and their directories."""
