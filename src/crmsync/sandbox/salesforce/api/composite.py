"""Several calls in one: composite with references, batch without, graph with a transaction each."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson

from crmsync.sandbox.salesforce.api.call import Call
from crmsync.sandbox.salesforce.api.collections import collections
from crmsync.sandbox.salesforce.api.wire import Answer, request_to
from crmsync.sandbox.salesforce.errors import OrgError, not_found

LARGEST_COMPOSITE = 25
LARGEST_QUERIES = 5
LARGEST_GRAPHS = 75
LARGEST_NODES = 500

_REFERENCE = re.compile(r"@\{([^}]+)\}")
_WRITES = ("POST", "PATCH", "PUT", "DELETE")
_HALTED = "The transaction was rolled back since another operation in the same transaction failed."

Part = dict[str, Any]


def composite(call: Call) -> Answer:
    """Everything under `/composite`."""
    match call.rest[1:]:
        case ("sobjects", *_):
            return collections(call)
        case ():
            return _composite(call)
        case ("batch",):
            return _batch(call)
        case ("graph",):
            return _graphs(call)
        case _:
            raise not_found()


def _composite(call: Call) -> Answer:
    asked = call.request.document()
    parts = _parts(asked, "compositeRequest", LARGEST_COMPOSITE)
    queries = sum("/query" in part.get("url", "") or "/composite/sobjects" in part.get("url", "") for part in parts)
    if queries > LARGEST_QUERIES:
        raise OrgError("LIMIT_EXCEEDED", f"The limit of {LARGEST_QUERIES} query or collection subrequests is exceeded")
    return Answer(200, {"compositeResponse": _in_turn(call, parts, all_or_none=asked.get("allOrNone") is True)[0]})


def _parts(asked: Part, key: str, largest: int) -> list[Part]:
    parts = asked.get(key)
    if not isinstance(parts, list) or not parts:
        raise OrgError("JSON_PARSER_ERROR", f"Missing required value: {key}")
    if len(parts) > largest:
        raise OrgError("LIMIT_EXCEEDED", f"The number of subrequests is greater than the maximum of {largest}")
    return parts


def _in_turn(call: Call, parts: list[Part], *, all_or_none: bool) -> tuple[list[Part], bool]:
    """Run subrequests in their order; gives the answers, and whether all went well."""
    known: dict[str, Any] = {}
    answers: list[Part] = []
    with call.org.transaction() as transaction:
        for part in parts:
            answer = _subrequest(call, part, known)
            answers.append(_shown(answer, str(part.get("referenceId", ""))))
            if answer.status < 300:
                known[str(part.get("referenceId"))] = answer.payload
        fine = all(answer["httpStatusCode"] < 300 for answer in answers)
        if not fine and all_or_none:
            transaction.roll_back()
            answers = [_halted(answer) if answer["httpStatusCode"] < 300 else answer for answer in answers]
    return answers, fine


def _subrequest(call: Call, part: Part, known: dict[str, Any]) -> Answer:
    try:
        url = _filled(str(part.get("url", "")), known)
        body = _filled(orjson.dumps(part["body"]).decode(), known).encode() if "body" in part else b""
    except KeyError as missing:
        message = f"Invalid reference specified. No value for {missing.args[0]} found"
        return Answer(400, [{"errorCode": "PROCESSING_HALTED", "message": message}])
    headers = {**call.request.headers, **{name.lower(): str(value) for name, value in part.get("httpHeaders", {}).items()}}
    request = replace(request_to(str(part.get("method", "GET")).upper(), url, headers, body), fault=call.request.fault)
    return call.service.answer_inside(replace(call, request=request))


def _filled(text: str, known: dict[str, Any]) -> str:
    return _REFERENCE.sub(lambda found: str(_look_up(found[1], known)), text)


def _look_up(path: str, known: dict[str, Any]) -> Any:
    """`ref.id`, `ref.records[0].Id`, `ref[0].id`. Raises KeyError with the path."""
    reference, *steps = re.findall(r"[^.\[\]]+", path)
    if reference not in known:
        raise KeyError(path)
    here = known[reference]
    for step in steps:
        if isinstance(here, list) and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        elif isinstance(here, dict) and step in here:
            here = here[step]
        else:
            raise KeyError(path)
    return here


def _shown(answer: Answer, reference: str) -> Part:
    headers = {"Location": answer.headers["Location"]} if "Location" in answer.headers else {}
    return {"body": answer.payload, "httpHeaders": headers, "httpStatusCode": answer.status, "referenceId": reference}


def _halted(answer: Part) -> Part:
    body = [{"errorCode": "PROCESSING_HALTED", "message": _HALTED}]
    return {"body": body, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": answer["referenceId"]}


def _batch(call: Call) -> Answer:
    asked = call.request.document()
    results: list[Part] = []
    stopped = False
    for part in _parts(asked, "batchRequests", LARGEST_COMPOSITE):
        if stopped:
            body = [{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per client request"}]
            results.append({"statusCode": 412, "result": body})
            continue
        call.service.usage.count()
        content = orjson.dumps(part["richInput"]) if "richInput" in part else b""
        target = "/services/data/" + str(part.get("url", "")).removeprefix("/services/data/").lstrip("/")
        request = request_to(str(part.get("method", "GET")).upper(), target, call.request.headers, content)
        answer = call.service.answer_inside(replace(call, request=request))
        results.append({"statusCode": answer.status, "result": answer.payload})
        stopped = answer.status >= 400 and asked.get("haltOnError") is True
    return Answer(200, {"hasErrors": any(result["statusCode"] >= 400 for result in results), "results": results})


def _graphs(call: Call) -> Answer:
    """Each graph is one transaction: all of it or none."""
    graphs = []
    for graph in _parts(call.request.document(), "graphs", LARGEST_GRAPHS):
        parts = _parts(graph, "compositeRequest", LARGEST_NODES)
        answers, fine = _in_turn(call, parts, all_or_none=True)
        response = {"compositeResponse": answers}
        graphs.append({"graphId": graph.get("graphId"), "graphResponse": response, "isSuccessful": fine})
    return Answer(200, {"graphs": graphs})
