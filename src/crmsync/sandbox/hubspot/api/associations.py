"""Associations: batches and single pairs, as v4 and its dated successors show them, and the v3 batch read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crmsync.sandbox.hubspot.api.exchange import Reply, Request, batch, inputs_of, object_of, rows_of, text_of
from crmsync.sandbox.hubspot.api.objects import kind_from
from crmsync.sandbox.hubspot.associations import USER, VENDOR, Kind, Links
from crmsync.sandbox.hubspot.errors import PortalError, invalid
from crmsync.sandbox.hubspot.rollups import after_link
from crmsync.sandbox.hubspot.types import ObjectType, object_type, pair

_MOST_READ, _MOST_WRITTEN, _MOST_ARCHIVED = 1_000, 2_000, 100


def _ends(request: Request) -> tuple[ObjectType, ObjectType]:
    return object_type(request.params["from"]), object_type(request.params["to"])


def _page(links: Links, after: str, most: int) -> tuple[list[tuple[int, set[Kind]]], str]:
    """Up to `most` links behind `after` (the id of the last one shown), and the next `after` or ""."""
    rows = sorted(links.items())
    start = next((place for place, (other, _) in enumerate(rows) if other > int(after)), len(rows)) if after.isdecimal() else 0
    page = rows[start : start + most]
    return page, str(page[-1][0]) if start + most < len(rows) else ""


def _shown(request: Request, near: ObjectType, far: ObjectType, other: int, kinds: set[Kind]) -> dict[str, Any]:
    labels = request.portal.objects.associations.kinds(near, far)
    types = [{"category": kind.category, "typeId": kind.type_id, "label": labels.get(kind)} for kind in sorted(kinds)]
    return {"toObjectId": other if request.portal.config.numeric_to_object_id else str(other), "associationTypes": types}


def read(request: Request) -> Reply:
    near, far = _ends(request)
    book, most = request.portal.objects.associations, request.portal.config.association_page
    results, without = [], []
    for row in inputs_of(request.json(), _MOST_READ):
        key = text_of(row.get("id"), "id")
        links = book.of(near, int(key), far) if key.isdecimal() else {}
        if not links:
            without.append(key)
            continue
        page, after = _page(links, str(row.get("after") or ""), most)
        found: dict[str, Any] = {"from": {"id": key}, "to": [_shown(request, near, far, other, kinds) for other, kinds in page]}
        if after:
            found["paging"] = {"next": {"after": after}}
        results.append(found)
    return batch(request.portal, 200, results, _gaps(request, near, far, without))


def read_v3(request: Request) -> Reply:
    near, far = _ends(request)
    book, results, without = request.portal.objects.associations, [], []
    for row in inputs_of(request.json(), _MOST_READ):
        key = text_of(row.get("id"), "id")
        links = book.of(near, int(key), far) if key.isdecimal() else {}
        if links:
            results.append({"from": {"id": key}, "to": [{"id": str(other), "type": _plain(near, far)} for other in links]})
        else:
            without.append(key)
    return batch(request.portal, 200, results, _gaps(request, near, far, without))


def _plain(near: ObjectType, far: ObjectType) -> str:
    return f"{near.singular}_to_{far.singular}"


def _gaps(request: Request, near: ObjectType, far: ObjectType, without: Sequence[str]) -> list[dict[str, Any]]:
    """Records without associations: left out, or (as some portals answer) told as errors."""
    if not request.portal.config.association_gaps_as_errors:
        return []
    return [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
            "message": f"No {far.singular} is associated with {near.singular} {key}.",
            "context": {"fromObjectId": [key], "fromObjectType": [near.singular], "toObjectType": [far.singular]},
        }
        for key in without
    ]


def _pair_of(request: Request, row: Mapping[str, Any], near: ObjectType, far: ObjectType) -> tuple[int, int]:
    """The two live records of one input. Raises PortalError 400."""
    numbers = []
    for kind, end in ((near, row.get("from")), (far, row.get("to"))):
        key = text_of(end.get("id") if isinstance(end, dict) else None, "id")
        record = request.portal.objects.find(kind, key)
        if record is None:
            raise PortalError(400, "OBJECT_NOT_FOUND", f"{kind.singular.upper()} {key} does not exist")
        numbers.append(record.id)
    return numbers[0], numbers[1]


def create(request: Request) -> Reply:
    near, far = _ends(request)
    book = request.portal.objects.associations
    checked = []
    for row in inputs_of(request.json(), _MOST_WRITTEN):
        kinds = [kind_from(given) for given in rows_of(row, "types")]
        if not kinds:
            raise invalid("An association needs `types`")
        if any(kind not in book.kinds(near, far) for kind in kinds):
            raise invalid(f"{near.singular} to {far.singular} has no association type {kinds[0].type_id}")
        checked.append((*_pair_of(request, row, near, far), kinds))
    for number, other, kinds in checked:
        book.link(near, number, far, other, kinds)
        after_link(request.portal.objects, near, number, far, other)
    results = [_pair_body(request, near, number, far, other, kinds) for number, other, kinds in checked]
    return batch(request.portal, 201, results)


def _pair_body(
    request: Request, near: ObjectType, number: int, far: ObjectType, other: int, kinds: Sequence[Kind]
) -> dict[str, Any]:
    known = request.portal.objects.associations.kinds(near, far)
    labels = [label for kind in kinds if (label := known.get(kind))]
    return {
        "fromObjectTypeId": near.type_id,
        "fromObjectId": str(number),
        "toObjectTypeId": far.type_id,
        "toObjectId": str(other),
        "labels": labels,
    }


def create_default(request: Request) -> Reply:
    near, far = _ends(request)
    pairs = [_pair_of(request, row, near, far) for row in inputs_of(request.json(), _MOST_WRITTEN)]
    return batch(request.portal, 200, [_default(request, near, number, far, other) for number, other in pairs])


def _default(request: Request, near: ObjectType, number: int, far: ObjectType, other: int) -> dict[str, Any]:
    request.portal.objects.associations.link(near, number, far, other)
    after_link(request.portal.objects, near, number, far, other)
    spec = {"associationCategory": VENDOR, "associationTypeId": pair(near, far).default}
    return {"from": {"id": str(number)}, "to": {"id": str(other)}, "associationSpec": spec}


def put_default(request: Request) -> Reply:
    near, far = _ends(request)
    row = {"from": {"id": request.params["id"]}, "to": {"id": request.params["toId"]}}
    number, other = _pair_of(request, row, near, far)
    return batch(request.portal, 200, [_default(request, near, number, far, other)])


def put_labels(request: Request) -> Reply:
    near, far = _ends(request)
    body = request.any_json()
    if not isinstance(body, list) or not body:
        raise invalid("Invalid input JSON: a list of association types was expected")
    kinds = [kind_from(row) for row in body]
    row = {"from": {"id": request.params["id"]}, "to": {"id": request.params["toId"]}}
    number, other = _pair_of(request, row, near, far)
    book = request.portal.objects.associations
    if any(kind not in book.kinds(near, far) for kind in kinds):
        raise invalid(f"{near.singular} to {far.singular} has no association type {kinds[0].type_id}")
    book.replace_kinds(near, number, far, other, kinds)
    after_link(request.portal.objects, near, number, far, other)
    return Reply(201, _pair_body(request, near, number, far, other, kinds))


def get_one(request: Request) -> Reply:
    near, far = _ends(request)
    record = request.portal.objects.the(near, request.params["id"])
    links = request.portal.objects.associations.of(near, record.id, far)
    page, after = _page(links, request.one("after"), request.whole("limit", 500, 500))
    if request.version == "v3":
        results = [{"id": str(other), "type": _plain(near, far)} for other, _ in page]
    else:
        results = [_shown(request, near, far, other, kinds) for other, kinds in page]
    return Reply(200, {"results": results, **(request.next_page(after) if after else {})})


def _archived(request: Request) -> Reply:
    return Reply(200, {}) if request.dated else Reply(204)


def delete_one(request: Request) -> Reply:
    near, far = _ends(request)
    if request.params["id"].isdecimal() and request.params["toId"].isdecimal():
        _unlink(request, near, int(request.params["id"]), far, int(request.params["toId"]))
    return Reply(204)


def _unlink(request: Request, near: ObjectType, number: int, far: ObjectType, other: int) -> None:
    request.portal.objects.associations.unlink(near, number, far, other)
    after_link(request.portal.objects, near, number, far, other)


def archive(request: Request) -> Reply:
    near, far = _ends(request)
    rows = inputs_of(request.json(), _MOST_WRITTEN)
    if len({str(object_of(row, "from").get("id")) for row in rows}) > _MOST_ARCHIVED:
        raise invalid(f"At most {_MOST_ARCHIVED} different `from` records can be given")
    for row in rows:
        number = text_of(object_of(row, "from").get("id"), "from.id")
        for target in rows_of(row, "to"):
            other = text_of(target.get("id"), "to.id")
            if number.isdecimal() and other.isdecimal():
                _unlink(request, near, int(number), far, int(other))
    return _archived(request)


def archive_labels(request: Request) -> Reply:
    near, far = _ends(request)
    for row in inputs_of(request.json(), _MOST_WRITTEN):
        number, other = _pair_of(request, row, near, far)
        kinds = [kind_from(given) for given in rows_of(row, "types")]
        request.portal.objects.associations.unlink_kinds(near, number, far, other, kinds)
        after_link(request.portal.objects, near, number, far, other)
    return _archived(request)


def labels(request: Request) -> Reply:
    near, far = _ends(request)
    known = request.portal.objects.associations.kinds(near, far)
    rows = [{"category": kind.category, "typeId": kind.type_id, "label": label} for kind, label in known.items()]
    return Reply(200, {"results": rows})


def create_label(request: Request) -> Reply:
    near, far = _ends(request)
    label = str(request.json().get("label") or "")
    if not label:
        raise invalid("A label is needed")
    made = request.portal.objects.associations.add_label(near, far, label)
    return Reply(200, {"results": [{"category": USER, "typeId": made.type_id, "label": made.label}]})
