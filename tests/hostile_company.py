"""A small company whose names and titles try to be code, and its snapshot."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "warehouse"))

import handmade

SCRIPT = "<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://evil.example","x")'
PICTURE = "![x](http://evil.example/p.png)"
MARKUP = "<img src=x onerror=alert(1)>"
PIPELINE = "O'Brien & <b>Söhne</b>"
TITLES = (SCRIPT, FORMULA, PICTURE, "[x](javascript:alert(1))", "{period}", "**gras** `x` | y")


def make_hostile_home(home: Path, *, spend: bool = True) -> Path:
    """Publish one snapshot of the company under ``home``."""
    rows = handmade.made_rows()
    for index, deal in enumerate(rows["deals"]):
        deal["TITLE"] = TITLES[index % len(TITLES)]
    for user in rows["users"]:
        user["LAST_NAME"] = f"{user['LAST_NAME']} {MARKUP}"
    for pipeline in rows["categories"]:
        if str(pipeline.get("ID", pipeline.get("id"))) == "1":
            key = "NAME" if "NAME" in pipeline else "name"
            pipeline[key] = PIPELINE
    for status in rows["statuses"]:
        if status["NAME"] == "Négociation":
            status["NAME"] = PICTURE
    handmade.make_snapshot(home, rows, spend=spend).close()
    return home
