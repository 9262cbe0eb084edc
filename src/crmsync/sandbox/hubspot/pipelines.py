"""Pipelines and their stages: the vendor's default ones for deals, tickets and leads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crmsync.sandbox.hubspot.errors import PortalError, not_found

_MADE = "2019-08-06T02:41:08.029Z"


@dataclass(slots=True)
class Stage:
    """One stage; `metadata` holds texts, as the vendor sends them."""

    id: str
    label: str
    order: int
    metadata: dict[str, str]
    updated_at: str = _MADE

    @property
    def closed(self) -> bool:
        return self.metadata.get("isClosed") == "true"

    @property
    def won(self) -> bool:
        return self.closed and float(self.metadata.get("probability", "0")) == 1.0

    def as_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "displayOrder": self.order,
            "metadata": dict(self.metadata),
            "createdAt": _MADE,
            "updatedAt": self.updated_at,
            "archived": False,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "id": self.id,
        }


@dataclass(slots=True)
class Pipeline:
    """One pipeline with its stages in order."""

    id: str
    label: str
    order: int
    stages: list[Stage] = field(default_factory=list)
    updated_at: str = _MADE

    def stage(self, stage_id: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.id == stage_id), None)

    def as_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "displayOrder": self.order,
            "id": self.id,
            "stages": [stage.as_json() for stage in self.stages],
            "createdAt": _MADE,
            "updatedAt": self.updated_at,
            "archived": False,
        }


_DEAL_STAGES = (
    ("appointmentscheduled", "Appointment Scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", "0.4"),
    ("presentationscheduled", "Presentation Scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    ("contractsent", "Contract Sent", "0.9"),
    ("closedwon", "Closed Won", "1.0"),
    ("closedlost", "Closed Lost", "0.0"),
)
_TICKET_STAGES = (
    ("1", "New", "OPEN"),
    ("2", "Waiting on contact", "OPEN"),
    ("3", "Waiting on us", "OPEN"),
    ("4", "Closed", "CLOSED"),
)
_LEAD_STAGES = (
    ("new-stage-id", "New", "NEW"),
    ("attempting-stage-id", "Attempting", "IN_PROGRESS"),
    ("connected-stage-id", "Connected", "IN_PROGRESS"),
    ("qualified-stage-id", "Qualified", "QUALIFIED"),
    ("unqualified-stage-id", "Unqualified", "UNQUALIFIED"),
)


def _deal_metadata(probability: str) -> dict[str, str]:
    return {"isClosed": str(probability in ("1.0", "0.0")).lower(), "probability": probability}


class Pipelines:
    """All pipelines by object type."""

    def __init__(self) -> None:
        deals = [Stage(name, label, order, _deal_metadata(odds)) for order, (name, label, odds) in enumerate(_DEAL_STAGES)]
        tickets = [
            Stage(name, label, order, {"isClosed": str(state == "CLOSED").lower(), "ticketState": state})
            for order, (name, label, state) in enumerate(_TICKET_STAGES)
        ]
        leads = [Stage(name, label, order, {"leadState": state}) for order, (name, label, state) in enumerate(_LEAD_STAGES)]
        self._by_type: dict[str, list[Pipeline]] = {
            "deals": [Pipeline("default", "Sales Pipeline", 0, deals)],
            "tickets": [Pipeline("0", "Support Pipeline", 0, tickets)],
            "leads": [Pipeline("lead-pipeline-id", "Lead Pipeline", 0, leads)],
        }

    def of(self, type_name: str) -> list[Pipeline]:
        return self._by_type.get(type_name, [])

    def the(self, type_name: str, pipeline_id: str) -> Pipeline:
        """The pipeline with this id. Raises PortalError 404."""
        found = next((pipeline for pipeline in self.of(type_name) if pipeline.id == pipeline_id), None)
        if found is None:
            raise not_found(f"Pipeline {pipeline_id} does not exist")
        return found

    def find_stage(self, type_name: str, pipeline_id: str, stage_id: str) -> Stage | None:
        found = next((pipeline for pipeline in self.of(type_name) if pipeline.id == pipeline_id), None)
        return found.stage(stage_id) if found is not None else None

    def add(self, type_name: str, pipeline_id: str, label: str, stages: list[Stage], now: str) -> Pipeline:
        """Add a pipeline. Raises PortalError 400 for a type that has none."""
        if type_name not in self._by_type:
            raise PortalError(400, "VALIDATION_ERROR", f"Object type {type_name} has no pipelines")
        made = Pipeline(pipeline_id, label, len(self._by_type[type_name]), stages, now)
        self._by_type[type_name].append(made)
        return made
