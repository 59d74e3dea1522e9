"""Calls about files in user fields, for the tests of them."""

import base64
import itertools
from urllib.parse import unquote

CONTENT = "Bonjour, été ! \N{SNOWMAN}".encode() + bytes(range(256))
_numbers = itertools.count(1)


def define(client, kind="deal", **more):
    """A new field for files; its id and full name."""
    fields = {"FIELD_NAME": f"FILE_{next(_numbers)}", "USER_TYPE_ID": "file", **more}
    number = client.result(f"crm.{kind}.userfield.add", {"fields": fields})
    return number, client.result(f"crm.{kind}.userfield.get", {"id": number})["FIELD_NAME"]


def pair(name="note.txt", content=CONTENT):
    return [name, base64.b64encode(content).decode()]


def data(name="note.txt", content=CONTENT):
    return {"fileData": pair(name, content)}


def deal(client, **fields):
    return client.result("crm.deal.add", {"fields": {"TITLE": "x", **fields}})


def change(client, number, **fields):
    return client.call("crm.deal.update", {"id": number, "fields": fields})


def item(client, number, kind=2, **fields):
    """The item in the universal form; changed before if there are fields."""
    params = {"entityTypeId": kind, "id": number, "useOriginalUfNames": "Y"}
    if fields:
        return client.result("crm.item.update", {**params, "fields": fields})["item"]
    return client.result("crm.item.get", params)["item"]


def old(client, number, name):
    return client.result("crm.deal.get", {"id": number})[name]


def fetched(client, file):
    """The answer to a GET of the address of either form."""
    url = file.get("urlMachine") or client.base + file["downloadUrl"]
    return client.http.get(url)


def contents(client, number, name):
    """What lies behind every file of a field, by its name."""
    found = item(client, number)[name] or []
    answers = [fetched(client, file) for file in (found if isinstance(found, list) else [found])]
    return {named(answer): answer.content for answer in answers}


def named(answer):
    return unquote(answer.headers["content-disposition"].split("''")[1])


def gone(client, *files):
    return [fetched(client, file).status_code for file in files] == [404] * len(files)
