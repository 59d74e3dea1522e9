"""Uploads and downloads beside REST: ``/rest/upload.json`` and ``/rest/download.json``.

The addresses come from ``disk.folder.uploadFile`` without content and from ``DOWNLOAD_URL``. Other
modules add what they receive to `RECEIVERS`, and who may read what they keep to `READERS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workbench.bitrix24.sandbox.disk import disk, disk_links
from workbench.bitrix24.sandbox.disk.disk_methods import save_file
from workbench.bitrix24.sandbox.memory.fields import Row
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest import answers
from workbench.bitrix24.sandbox.rest.guard import BODY_LIMIT
from workbench.bitrix24.sandbox.rest.methods import Refusal

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal


def attach(portal: Portal) -> None:
    """Open the two doors."""

    async def upload(request: Request) -> Response:
        began = time.time()
        try:
            what = _read(portal, "upload", request)
            name, content = await _file(request)
            receive = RECEIVERS.get(what["module"], _receive)
            saved = receive(portal, what, name, content)
            times = answers.timing(began, portal.state.clock, 0, int(began) + 600)
            return _json(answers.success(saved, times))
        except Refusal as refusal:
            return refused(refusal)

    async def download(request: Request) -> Response:
        try:
            return attachment(_meant(portal, _read(portal, "download", request)))
        except Refusal as refusal:
            return refused(refusal)

    portal.routes.append(Route("/rest/upload.json", upload, methods=["POST"]))
    portal.routes.append(Route("/rest/download.json", download, methods=["GET"]))


def attachment(file: Row) -> Response:
    """A file as a download under its name."""
    name = quote(str(file["NAME"]), safe="")
    return Response(
        disk.content_of(file),
        media_type="application/octet-stream",
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
    )


def refused(refusal: Refusal) -> Response:
    """The answer to who does not get a file."""
    return _json(answers.failure(refusal), refusal.status)


def _json(body: Row, status: int = 200) -> Response:
    content, kind = answers.encode(body, xml=False)
    return Response(content, status, media_type=kind)


def _read(portal: Portal, door: str, request: Request) -> dict[str, Any]:
    """What the token means. Refuses one that is not the portal's, or of a user who has left."""
    found = disk_links.read(portal.state, door, request.query_params.get("token", ""))
    if found is None or not rights.is_active(portal.state, found["user"]):
        raise Refusal("NO_AUTH_FOUND", "Wrong authorization data", 401)
    return found


def _receive(portal: Portal, what: dict[str, Any], name: str, content: bytes) -> Row:
    """Save what was uploaded into a folder."""
    folder = _meant(portal, what)
    return save_file(portal, what["user"], folder, name, content, unique=what["unique"])


#: Module → what it does with an upload that it gave the address for.
RECEIVERS: dict[str, Callable[[Portal, dict[str, Any], str, bytes], Row]] = {}
#: Module → whether it lets a user read what lies in another's storage.
READERS: dict[str, Callable[[Portal, dict[str, Any]], bool]] = {}


def _meant(portal: Portal, what: dict[str, Any]) -> Row:
    """The folder or file. Refuses one that is not there or not the user's."""
    user, number = what["user"], what["id"]
    row = portal.state.get("disk_objects", number)
    storage = disk.storage(portal.state, row["STORAGE_ID"]) if row else None
    if row is None or storage is None or row["DELETED_TYPE"]:
        raise Refusal("ERROR_NOT_FOUND", f"Could not find entity with id `{number}`", 404)
    reader = READERS.get(what["module"])
    if not disk.may(portal.state, user, storage) and not (reader and reader(portal, what)):
        raise Refusal("ACCESS_DENIED", "Access denied", 403)
    return row


async def _file(request: Request) -> tuple[str, bytes]:
    """The file of a multipart body: the part ``file``, else the first that is a file."""
    if int(request.headers.get("content-length") or 0) > BODY_LIMIT:
        raise Refusal("INVALID_REQUEST", "Request entity is too large", 413)
    try:
        form = await request.form(max_part_size=BODY_LIMIT)
    except Refusal:
        raise
    except Exception as error:  # a malformed body is the client's mistake, whatever it raises
        raise Refusal("INVALID_REQUEST", "Malformed multipart body", 400) from error
    parts = [part for _name, part in form.multi_items() if isinstance(part, UploadFile)]
    named = form.get("file")
    part = named if isinstance(named, UploadFile) else next(iter(parts), None)
    if part is None:
        raise Refusal("ERROR_COULD_NOT_SAVE_FILE", "Could not save file")
    return (part.filename or "").replace("\\", "/").rsplit("/", 1)[-1], await part.read()
