"""What the portal works out by itself whenever a record is written."""

from __future__ import annotations

from collections.abc import Mapping

from crmsync.sandbox.hubspot.pipelines import Pipelines
from crmsync.sandbox.hubspot.types import ObjectType

Values = Mapping[str, str]


def derived(kind: ObjectType, written: Values, former: Values, now: str, pipelines: Pipelines) -> dict[str, str]:
    """The further values that follow from `written` on a record that held `former`, at `now`."""
    found: dict[str, str] = {}
    if "hubspot_owner_id" in written:
        found["hubspot_owner_assigneddate"] = now if written["hubspot_owner_id"] else ""
        found["hs_all_owner_ids"] = written["hubspot_owner_id"]
    if kind.name == "contacts":
        found |= _of_contact(written, former, now)
    elif kind.name == "deals" and ("dealstage" in written or "pipeline" in written):
        found |= _of_deal(written, former, now, pipelines)
    elif kind.name == "tasks" and "hs_task_status" in written:
        done = written["hs_task_status"] == "COMPLETED"
        found |= {"hs_task_is_completed": str(int(done)), "hs_task_completion_date": now if done else ""}
    if kind.engagement and not former:
        found["hs_lastmodifieddate"] = now
    return found


def _of_contact(written: Values, former: Values, now: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if "email" in written:
        found["hs_email_domain"] = written["email"].rpartition("@")[2]
    stage = written.get("lifecyclestage", "")
    stamp = f"hs_lifecyclestage_{stage}_date"
    if stage and stage.isalpha() and not former.get(stamp):
        found[stamp] = now
    return found


def _of_deal(written: Values, former: Values, now: str, pipelines: Pipelines) -> dict[str, str]:
    """Closed or not, won or not, from the stage; a deal that closes gets its close date unless the same write gives one."""
    pipeline = written.get("pipeline", former.get("pipeline", ""))
    stage = pipelines.find_stage("deals", pipeline, written.get("dealstage", former.get("dealstage", "")))
    if stage is None:
        return {}
    found = {
        "hs_is_closed": str(stage.closed).lower(),
        "hs_is_closed_won": str(stage.won).lower(),
        "hs_is_closed_lost": str(stage.closed and not stage.won).lower(),
        "hs_deal_stage_probability": stage.metadata.get("probability", ""),
    }
    if stage.closed and former.get("hs_is_closed") != "true" and not written.get("closedate"):
        found["closedate"] = now
    return found


_ADDED = ("hs_analytics_num_page_views", "hs_analytics_num_visits", "hs_analytics_num_event_completions", "num_conversion_events")
_FIRST = ("hs_analytics_first_timestamp", ("hs_analytics_first_url",))
_LAST = ("hs_analytics_last_timestamp", ("hs_analytics_last_url",))
_LAST_VISIT = ("hs_analytics_last_visit_timestamp", ())


def merged_visits(primary: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """What a contact's analytics say after a merge: the visits of both, from the first to the last."""
    found = {
        name: str(sum(int(values.get(name) or "0") for values in (primary, other)))
        for name in _ADDED
        if primary.get(name) or other.get(name)
    }
    for (stamp, told), choose in ((_FIRST, min), (_LAST, max), (_LAST_VISIT, max)):
        dated = [values for values in (primary, other) if values.get(stamp)]
        if dated:
            chosen = choose(dated, key=lambda values: values[stamp])
            found |= {name: chosen.get(name, "") for name in (stamp, *told)}
    return found
