"""Business processes: templates, the engine, their documents."""
