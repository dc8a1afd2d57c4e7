"""Who may come in: accounts begun, closed and opened again, and passwords that were forgotten."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from rushes.domain import Viewer
from rushes.errors import InvalidRequest
from rushes.people.passwords import new_password
from rushes.web.dependencies import CurrentOperator, CurrentSite, CurrentTranslate
from rushes.web.operators.administration import NAME_MAX, Said, overview_page

router = APIRouter(prefix="/admin/people", include_in_schema=False)

Name = Annotated[str, Form(max_length=NAME_MAX)]


def keeper_of_passwords(site: CurrentSite, viewer: CurrentOperator) -> Viewer:
    """Return an operator, where people have passwords of this server."""
    if site.door is None or not site.door.asks_name:
        raise HTTPException(404)
    return viewer


Keeper = Annotated[Viewer, Depends(keeper_of_passwords)]


@router.post("")
async def switch(
    site: CurrentSite, viewer: CurrentOperator, name: Name, disabled: Annotated[bool, Form()]
) -> Response:
    """Let somebody in no more, or again."""
    turn = site.operators.disable if disabled else site.operators.enable
    await turn(viewer, name)
    return RedirectResponse(site.addresses.admin(), status_code=303)


@router.post("/add")
async def add(
    request: Request,
    site: CurrentSite,
    viewer: Keeper,
    translate: CurrentTranslate,
    name: Name = "",
    is_operator: Annotated[bool, Form()] = False,
) -> Response:
    """Begin an account with a password of ours, and show that, this once."""
    password = new_password()
    try:
        account = await site.operators.add(viewer, name, password, is_operator=is_operator)
        said = Said(account.name, password)
    except InvalidRequest as error:
        said = Said(name, problem=error.told(translate), is_operator=is_operator)
    return await overview_page(request, site, viewer, translate, said)


@router.post("/password")
async def give_password(
    request: Request, site: CurrentSite, viewer: Keeper, translate: CurrentTranslate, name: Name
) -> Response:
    """Give somebody a password of ours in place of theirs, and show it, this once."""
    password = new_password()
    await site.operators.give_password(viewer, name, password)
    return await overview_page(request, site, viewer, translate, Said(name, password))
