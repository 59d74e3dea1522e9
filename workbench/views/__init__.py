"""What people see: charts, tables, figures, and the page that shows them, live or still."""

from workbench.views.page import Page

__all__ = ["Page"]
