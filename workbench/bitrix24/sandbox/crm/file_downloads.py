"""Downloads of the files in user fields, by whoever may see the record.

Both addresses take what signed them (``token``, or ``auth`` as in the old form), or the access
token of an application with ``fileId``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workbench.bitrix24.sandbox.crm.file_fields import FIELD_FILES
from workbench.bitrix24.sandbox.crm.file_forms import DOOR
from workbench.bitrix24.sandbox.disk import disk_links, disk_transfer
from workbench.bitrix24.sandbox.memory.fields import Row, positive
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Refusal

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal


def attach(portal: Portal) -> None:
    """Open the doors of both forms."""

    async def download(request: Request) -> Response:
        try:
            return disk_transfer.attachment(_file(portal, request.query_params))
        except Refusal as refusal:
            return disk_transfer.refused(refusal)

    for path in (f"/rest/{DOOR}.json", "/bitrix/components/bitrix/{component}/show_file.php"):
        portal.routes.append(Route(path, download, methods=["GET"]))


def _file(portal: Portal, params: QueryParams) -> Row:
    """The file that is meant. Refuses one that is gone or not for this user."""
    user, number = _asked(portal, params)
    state = portal.state
    missing = Refusal("NOT_FOUND", "File not found", 404)
    barred = Refusal("ACCESS_DENIED", "Access denied", 403)
    file = state.get(FIELD_FILES.name, number)
    if file is None:
        raise missing
    entity = state.entities.get(file["ENTITY"])
    rights.seen(state, user, entity, file["RECORD_ID"], missing, barred)
    return file


def _asked(portal: Portal, params: QueryParams) -> tuple[int, int]:
    """Who asks for which file. Refuses strangers."""
    given = params.get("token") or params.get("auth") or ""
    signed = disk_links.read(portal.state, DOOR, given)
    if signed is None:
        caller = portal.token_caller(given)
        if "crm" not in caller.scopes:
            raise Refusal("insufficient_scope", "The request requires higher privileges", 403)
        return caller.user_id, positive(params.get("fileId"))
    if not rights.is_active(portal.state, signed["user"]):
        raise Refusal("NO_AUTH_FOUND", "Wrong authorization data", 401)
    return signed["user"], signed["id"]
