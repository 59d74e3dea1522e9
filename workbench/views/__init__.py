"""What people see: charts, tables, figures, and the page that shows them, live or still."""
