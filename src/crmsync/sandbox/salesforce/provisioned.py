"""The custom fields that crmsync brings to an org: the same names on Lead and Contact, one pair on Activity, a few beside."""

from __future__ import annotations

from crmsync.sandbox.salesforce.schema import Field, SObject, read_fields

_PERSON = """
crmsync_budget__c picklist(255) rw restricted = unknown|no|partial|yes
crmsync_authority__c picklist(255) rw restricted = unknown|no|partial|yes
crmsync_need__c picklist(255) rw restricted = unknown|no|partial|yes
crmsync_timeframe__c picklist(255) rw restricted = unknown|no|partial|yes
crmsync_rejection_reason__c picklist(255) rw restricted = timing|budget|no_need|unreachable|competitor|student|personal_use|other
crmsync_acknowledged_at__c datetime rw
crmsync_talk_summary__c textarea(32000) rw
crmsync_hubspot_id__c string(40) rw external
crmsync_phase__c picklist(255) rw restricted = inquiry|mql|sql|closed_won|closed_lost|recycled|disqualified
crmsync_temperature__c picklist(255) rw restricted = hot|warm|cold
crmsync_score__c double(18,2) rw
crmsync_fit__c double(18,2) rw
crmsync_interest__c double(18,2) rw
crmsync_cycle__c double(18,2) rw
crmsync_reason_ja__c string(255) rw
crmsync_reason_en__c string(255) rw
crmsync_sla_due__c datetime rw
crmsync_recycle_due__c datetime rw
crmsync_sla_state__c string(80) rw
crmsync_recycle_reason__c string(80) rw
crmsync_nurture__c string(80) rw
crmsync_definition__c string(80) rw
"""

_ACTIVITY = """
crmsync_key__c string(255) rw external unique case_sensitive
crmsync_due_at__c datetime rw
"""

PROVISIONED: dict[str, dict[str, Field]] = {
    "Lead": read_fields(_PERSON),
    "Contact": read_fields(_PERSON),
    "Task": read_fields(_ACTIVITY),
    "Event": read_fields(_ACTIVITY),
    "Opportunity": read_fields(
        """
crmsync_lost_reason__c picklist(255) rw restricted = timing|budget|competitor|no_decision|no_need|other
crmsync_contract_end__c date rw
crmsync_promised__c textarea(32000) rw
"""
    ),
    "Account": read_fields("crmsync_corporate_number__c string(13) rw"),
}


def provision(sobject: SObject) -> SObject:
    """The same object with crmsync's fields on it, where it has any."""
    return sobject.with_fields(PROVISIONED.get(sobject.name, {}))
