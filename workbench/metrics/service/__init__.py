"""The query service: the one guarded door to the data for dashboards and unattended runs.

``requests``   what can be asked, and ``viewers`` who may ask for which rows
``door``       the reader that a visitor's kernel holds: it asks the service
``vault``      the snapshot inside the service, cut to the rows of each scope
``answers``    one request answered: limits, the shared cache, askers that leave
``process``    the process of one snapshot, on its socket
``supervisor`` keeps one process per snapshot that is needed, at most an instant away
"""
