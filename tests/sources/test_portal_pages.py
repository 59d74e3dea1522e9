"""Rows of a portal's answers as Arrow: every form of a value, whatever else is in its column."""

import random

import pyarrow as pa
import pytest

from workbench.sources.pages import to_arrow

FORMS = [
    (None, None), ("", None), (False, None), ([], None), ({}, None),
    (True, "Y"), ("x", "x"), ("é\U0001f600", "é\U0001f600"), ("0", "0"),
    (0, "0"), (-3, "-3"), (2**70, str(2**70)), (1.5, "1.5"),
    ([1, "a"], '[1,"a"]'), ({"VALUE": "1"}, '{"VALUE":"1"}'),
]  # fmt: skip
TEXT = {repr(form): text for form, text in FORMS}
FIELDS = ("TITLE", "Title", "UF_CRM_A", "UF_CRM_B", "_HIDDEN")


def expected(rows: list[dict], key: str) -> dict[int, dict[str, str]]:
    """The same, cell by cell: id → field → text; of names that differ in case the first counts."""
    names: dict[str, str] = {}
    found: dict[int, dict] = {}
    for place, row in enumerate(rows):
        told = row.get(key)
        found[int(told) if str(told).isdigit() else -place - 1] = row
    for row in found.values():
        for name in row:
            names.setdefault(name.lower(), name)
    kept = [name for name in names.values() if not name.startswith("_")]
    return {
        number: {
            name: text
            for name in kept
            if (text := TEXT[repr(row.get(name))] if name != key else str(row[name]))
        }
        for number, row in found.items()
    }


def told(table: pa.Table) -> dict[int, dict[str, str]]:
    return {
        row["_id"]: {name: text for name, text in row.items() if name != "_id" and text is not None}
        for row in table.to_pylist()
    }


@pytest.mark.parametrize(("form", "text"), FORMS, ids=repr)
def test_every_form_alone_and_beside_text(form, text):
    alone = to_arrow([{"ID": "1", "A": form}], "ID")
    assert alone.column("A").to_pylist() == [text]
    beside = to_arrow([{"ID": "1", "A": "text"}, {"ID": "2", "A": form}], "ID")
    assert beside.column("A").to_pylist() == ["text", text]
    assert alone.schema.field("A").type == beside.schema.field("A").type == pa.string()


def test_rows_of_any_mixture_come_out_as_they_are_cell_by_cell():
    rng = random.Random(11)
    mixtures = [[form for form, _ in FORMS], ["", None, "x"], [None, 0, -3], [None], [False, []]]
    for _ in range(300):
        pools = {name: rng.choice(mixtures) for name in FIELDS}
        rows = []
        for _ in range(rng.randrange(1, 9)):
            names = [name for name in FIELDS if rng.random() < 0.8]
            rng.shuffle(names)
            rows.append({"ID": str(rng.randrange(1, 6))} | {n: rng.choice(pools[n]) for n in names})
        table = to_arrow(rows, "ID")
        assert told(table) == expected(rows, "ID")
        assert {table.schema.field(n).type for n in table.column_names[1:]} == {pa.string()}


def test_no_rows_have_no_fields_but_an_id():
    assert to_arrow([], "ID").schema == pa.schema([("_id", pa.int64())])
