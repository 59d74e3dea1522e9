"""Bringing a run's results to people and programs: mail, portal, folder, webhook.

`destinations` says what a report file may ask for, `book` keeps what became of each delivery,
`attempt` makes one try. A delivery that fails never fails its run, and none is silently repeated:
where a crash falls into the sending itself, it is uncertain, which is told, and left to a person.
"""
