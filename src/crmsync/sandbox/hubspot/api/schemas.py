"""What the portal is made of: properties and their groups, pipelines, owners, the account itself."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from crmsync.sandbox.hubspot.api.exchange import Reply, Request, batch, inputs_of, number_of, object_of, rows_of, text_of
from crmsync.sandbox.hubspot.definitions import Definitions, Group, as_json
from crmsync.sandbox.hubspot.errors import PortalError, invalid, not_found
from crmsync.sandbox.hubspot.pipelines import Stage
from crmsync.sandbox.hubspot.times import iso
from crmsync.sandbox.hubspot.types import object_type

_MOST = 100


def _book(request: Request) -> Definitions:
    return request.portal.objects.definitions[object_type(request.params["type"]).name]


def list_properties(request: Request) -> Reply:
    found = _book(request).archived() if request.flag("archived") else tuple(_book(request))
    return Reply(200, {"results": [as_json(definition) for definition in found]})


def get_property(request: Request) -> Reply:
    return Reply(200, as_json(_book(request).the(request.params["name"], archived=request.flag("archived"))))


def _made(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    kind = object_type(request.params["type"])
    created = _book(request).create(_checked(body), request.portal.now())
    if created.unique:
        request.portal.objects.indexes[kind.name].index_property(created.name)
    return as_json(created)


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """The body of a property, its options in shape. Raises PortalError 400."""
    if "options" not in body:
        return body
    rows = rows_of(body, "options")
    return {**body, "options": [{**row, "displayOrder": number_of(row, "displayOrder", -1)} for row in rows]}


def create_property(request: Request) -> Reply:
    return Reply(201, _made(request, request.json()))


def update_property(request: Request) -> Reply:
    body = _checked(request.json())
    return Reply(200, as_json(_book(request).change(request.params["name"], body, request.portal.now())))


def archive_property(request: Request) -> Reply:
    _book(request).archive(request.params["name"], request.portal.now())
    return Reply(204)


def read_properties(request: Request) -> Reply:
    body = request.json()
    archived = bool(body.get("archived", False))
    names = [text_of(row.get("name"), "name") for row in inputs_of(body, _MOST)]
    known = {definition.name for definition in (_book(request).archived() if archived else _book(request))}
    found = [as_json(_book(request).the(name, archived=archived)) for name in names if name in known]
    missing = [name for name in names if name not in known]
    error = {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": "Some properties do not exist.",
        "context": {"name": missing},
    }
    return batch(request.portal, 200, found, [error] if missing else ())


def create_properties(request: Request) -> Reply:
    results, errors = [], []
    for row in inputs_of(request.json(), _MOST):
        try:
            results.append(_made(request, row))
        except PortalError as error:
            errors.append(error.as_row({"name": [str(row.get("name", ""))]}))
    return batch(request.portal, 201, results, errors)


def archive_properties(request: Request) -> Reply:
    for row in inputs_of(request.json(), _MOST):
        _book(request).archive(text_of(row.get("name"), "name"), request.portal.now())
    return Reply(204)


def _group(group: Group) -> dict[str, Any]:
    return {"name": group.name, "label": group.label, "displayOrder": group.display_order, "archived": False}


def list_groups(request: Request) -> Reply:
    return Reply(200, {"results": [_group(group) for group in _book(request).groups.values()]})


def _the_group(request: Request) -> Group:
    found = _book(request).groups.get(request.params["name"])
    if found is None:
        raise not_found(f"Property group {request.params['name']} does not exist")
    return found


def get_group(request: Request) -> Reply:
    return Reply(200, _group(_the_group(request)))


def create_group(request: Request) -> Reply:
    body, groups = request.json(), _book(request).groups
    name = str(body.get("name", ""))
    if not name or name in groups:
        raise PortalError(409, "OBJECT_ALREADY_EXISTS", f"Property group '{name}' already exists or has no name.")
    groups[name] = Group(name, str(body.get("label") or name), number_of(body, "displayOrder", -1))
    return Reply(201, _group(groups[name]))


def update_group(request: Request) -> Reply:
    group, body = _the_group(request), request.json()
    group.label = str(body.get("label", group.label))
    group.display_order = number_of(body, "displayOrder", group.display_order)
    return Reply(200, _group(group))


def archive_group(request: Request) -> Reply:
    group = _the_group(request)
    if any(definition.group == group.name for definition in _book(request)):
        raise invalid(f"Property group {group.name} still holds properties")
    del _book(request).groups[group.name]
    return Reply(204)


def list_pipelines(request: Request) -> Reply:
    found = request.portal.objects.pipelines.of(object_type(request.params["type"]).name)
    return Reply(200, {"results": [pipeline.as_json() for pipeline in found]})


def get_pipeline(request: Request) -> Reply:
    name = object_type(request.params["type"]).name
    return Reply(200, request.portal.objects.pipelines.the(name, request.params["id"]).as_json())


def create_pipeline(request: Request) -> Reply:
    body, portal = request.json(), request.portal
    number = str(portal.objects.take_id())
    stages = [_new_stage(portal.objects.take_id(), row, order) for order, row in enumerate(rows_of(body, "stages"))]
    made = portal.objects.pipelines.add(
        object_type(request.params["type"]).name, number, str(body.get("label", "")), stages, portal.now()
    )
    return Reply(201, made.as_json())


def _new_stage(number: int, row: dict[str, Any], order: int) -> Stage:
    metadata = {name: str(value) for name, value in object_of(row, "metadata").items()}
    try:
        float(metadata.get("probability", "0"))
    except ValueError:
        raise invalid("probability must be a number from 0.0 to 1.0") from None
    return Stage(str(number), text_of(row.get("label"), "label"), number_of(row, "displayOrder", order), metadata)


def update_pipeline(request: Request) -> Reply:
    """An edited pipeline marks every record in it as modified."""
    kind, body = object_type(request.params["type"]), request.json()
    pipeline = request.portal.objects.pipelines.the(kind.name, request.params["id"])
    pipeline.label = str(body.get("label", pipeline.label))
    pipeline.order = number_of(body, "displayOrder", pipeline.order)
    request.portal.touch_pipeline(kind.name, pipeline.id)
    return Reply(200, pipeline.as_json())


def list_stages(request: Request) -> Reply:
    pipeline = request.portal.objects.pipelines.the(object_type(request.params["type"]).name, request.params["id"])
    return Reply(200, {"results": [stage.as_json() for stage in pipeline.stages]})


def get_stage(request: Request) -> Reply:
    pipeline = request.portal.objects.pipelines.the(object_type(request.params["type"]).name, request.params["id"])
    stage = pipeline.stage(request.params["stage"])
    if stage is None:
        raise not_found(f"Stage {request.params['stage']} does not exist")
    return Reply(200, stage.as_json())


def list_owners(request: Request) -> Reply:
    limit, after = request.whole("limit", 100, 500), request.one("after", "0")
    owners = request.portal.objects.owners.listed(archived=request.flag("archived"), email=request.one("email"))
    rest = [owner for owner in owners if owner.id > int(after if after.isdecimal() else "0")]
    page = list(islice(rest, limit))
    paging = request.next_page(str(page[-1].id)) if len(rest) > limit else {}
    return Reply(200, {"results": [owner.as_json() for owner in page], **paging})


def get_owner(request: Request) -> Reply:
    key, owners = request.params["id"], request.portal.objects.owners
    owner = owners.by_user(key) if request.one("idProperty") == "userId" else owners.get(key)
    if owner is None or owner.archived != request.flag("archived"):
        raise not_found(f"Owner {key} does not exist")
    return Reply(200, owner.as_json())


def account_details(request: Request) -> Reply:
    config, clock = request.portal.config, request.portal.clock
    offset = clock.now().astimezone(ZoneInfo(config.time_zone)).utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    return Reply(
        200,
        {
            "portalId": config.portal_id,
            "accountType": "STANDARD",
            "timeZone": config.time_zone,
            "companyCurrency": "JPY",
            "additionalCurrencies": [],
            "utcOffset": f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}",
            "utcOffsetMilliseconds": minutes * 60_000,
            "uiDomain": config.ui_domain,
            "dataHostingLocation": "na1",
        },
    )


def daily_usage(request: Request) -> Reply:
    portal = request.portal
    usage = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": portal.config.limits.daily,
        "currentUsage": portal.limiter.today,
        "collectedAt": portal.now(),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(portal.limiter.resets_at()),
    }
    return Reply(200, {"results": [usage]})


def custom_schemas(request: Request) -> Reply:
    """Custom object schemas: this portal has none."""
    del request
    return Reply(200, {"results": []})
