"""What a fresh portal has: the vendor's own properties per object type, and the custom ones that crmsync maps.

A row reads `name type[/field] flags label`; flags: u unique, r read-only, c calculated, x options live elsewhere, - none.
"""

from __future__ import annotations

from collections.abc import Iterable

from crmsync.sandbox.hubspot.definitions import Definition, Definitions, Group, Option, with_options
from crmsync.sandbox.hubspot.types import ObjectType

_FIELDS = {
    "string": "text",
    "number": "number",
    "date": "date",
    "datetime": "date",
    "bool": "booleancheckbox",
    "enumeration": "select",
    "phone_number": "phonenumber",
}
_COMMON = """
hs_object_id number r Record ID
hs_object_source string r Record source
hs_object_source_id string r Record source ID
hs_object_source_label string r Record source label
hs_merged_object_ids enumeration/checkbox rx Merged record IDs
hs_unique_creation_key string r Unique creation key
hs_created_by_user_id number r Created by user ID
hs_updated_by_user_id number r Updated by user ID
hs_all_owner_ids enumeration/checkbox rx All owner IDs
hubspot_owner_id enumeration x Owner
hubspot_owner_assigneddate datetime r Owner assigned date
hubspot_team_id enumeration rx Team
"""
_CONTACTS = """
email string - Email
firstname string - First name
lastname string - Last name
salutation string - Salutation
company string - Company name
jobtitle string - Job title
phone string/phonenumber - Phone number
mobilephone string/phonenumber - Mobile phone number
fax string/phonenumber - Fax number
website string - Website URL
address string - Street address
city string - City
state string - State/Region
zip string - Postal code
country string - Country/Region
industry string - Industry
numemployees enumeration - Number of employees
annualrevenue string - Annual revenue
hs_language enumeration - Preferred language
hs_persona enumeration/radio x Persona
message string/textarea - Message
lifecyclestage enumeration/radio - Lifecycle stage
hs_lead_status enumeration/radio - Lead status
createdate datetime r Create date
lastmodifieddate datetime r Last modified date
hs_lastmodifieddate datetime r Object last modified date
closedate datetime r Close date
hs_additional_emails enumeration/checkbox rx Additional emails
hs_calculated_merged_vids string c Merged vids
hs_email_domain string r Email domain
hs_email_optout bool r Unsubscribed from all email
hs_email_bounce number r Marketing emails bounced
hs_email_hard_bounce_reason_enum string r Email hard bounce reason
hs_email_open number r Marketing emails opened
hs_email_click number r Marketing emails clicked
hs_email_delivered number r Marketing emails delivered
hs_email_last_open_date datetime r Last marketing email open date
hs_email_last_click_date datetime r Last marketing email click date
hs_email_last_email_name string r Last marketing email name
hs_sales_email_last_opened datetime r Recent sales email opened date
hs_sales_email_last_clicked datetime r Recent sales email clicked date
hs_sales_email_last_replied datetime r Recent sales email replied date
hs_last_sales_activity_timestamp datetime c Last activity date
hs_analytics_source enumeration r Original source
hs_analytics_source_data_1 string r Original source drill-down 1
hs_analytics_source_data_2 string r Original source drill-down 2
hs_latest_source enumeration r Latest source
hs_latest_source_data_1 string r Latest source drill-down 1
hs_latest_source_data_2 string r Latest source drill-down 2
hs_latest_source_timestamp datetime r Latest source date
hs_analytics_first_timestamp datetime r Time first seen
hs_analytics_first_url string r First page seen
hs_analytics_last_timestamp datetime r Time last seen
hs_analytics_last_visit_timestamp datetime r Time of last session
hs_analytics_last_url string r Last page seen
hs_analytics_num_page_views number r Number of page views
hs_analytics_num_visits number r Number of sessions
hs_analytics_num_event_completions number r Number of event completions
first_conversion_event_name string r First conversion
first_conversion_date datetime r First conversion date
recent_conversion_event_name string r Recent conversion
recent_conversion_date datetime r Recent conversion date
num_conversion_events number r Number of form submissions
num_unique_conversion_events number r Number of unique forms submitted
notes_last_contacted datetime c Last contacted
notes_last_updated datetime c Last activity date (notes)
notes_next_activity_date datetime c Next activity date
num_notes number c Number of sales activities
num_contacted_notes number c Number of times contacted
num_associated_deals number c Number of associated deals
associatedcompanyid number c Primary associated company ID
hs_is_contact bool c Is a contact
hs_marketable_status bool r Marketing contact status
hubspotscore number c HubSpot score
hs_lifecyclestage_subscriber_date datetime r Became a subscriber date
hs_lifecyclestage_lead_date datetime r Became a lead date
hs_lifecyclestage_marketingqualifiedlead_date datetime r Became a marketing qualified lead date
hs_lifecyclestage_salesqualifiedlead_date datetime r Became a sales qualified lead date
hs_lifecyclestage_opportunity_date datetime r Became an opportunity date
hs_lifecyclestage_customer_date datetime r Became a customer date
hs_lifecyclestage_evangelist_date datetime r Became an evangelist date
hs_lifecyclestage_other_date datetime r Became an other lifecycle date
salesforceleadid string - Salesforce lead ID
salesforcecontactid string - Salesforce contact ID
salesforceaccountid string - Salesforce account ID
salesforceownerid string - Salesforce owner ID
"""
_COMPANIES = """
name string - Company name
domain string - Company domain name
website string - Website URL
phone string/phonenumber - Phone number
address string - Street address
city string - City
state string - State/Region
zip string - Postal code
country string - Country/Region
industry enumeration - Industry
numberofemployees number - Number of employees
annualrevenue number - Annual revenue
description string/textarea - Description
type enumeration - Type
lifecyclestage enumeration/radio - Lifecycle stage
hs_lead_status enumeration/radio - Lead status
createdate datetime r Create date
hs_lastmodifieddate datetime r Last modified date
num_associated_contacts number c Number of associated contacts
num_associated_deals number c Number of associated deals
notes_last_contacted datetime c Last contacted
salesforceaccountid string - Salesforce account ID
"""
_DEALS = """
dealname string - Deal name
amount number - Amount
deal_currency_code enumeration - Currency
closedate datetime - Close date
pipeline enumeration x Pipeline
dealstage enumeration/radio x Deal stage
dealtype enumeration/radio - Deal type
description string/textarea - Deal description
closed_lost_reason string/textarea - Closed lost reason
closed_won_reason string/textarea - Closed won reason
hs_priority enumeration - Priority
hs_next_step string - Next step
hs_forecast_probability number - Forecast probability
hs_deal_stage_probability number c Deal probability
hs_is_closed bool c Is deal closed
hs_is_closed_won bool c Is closed won
hs_is_closed_lost bool c Is closed lost
createdate datetime - Create date
hs_createdate datetime r HubSpot create date
hs_lastmodifieddate datetime r Last modified date
num_associated_contacts number c Number of associated contacts
notes_last_contacted datetime c Last contacted
notes_last_updated datetime c Last activity date
notes_next_activity_date datetime c Next activity date
"""
_TICKETS = """
subject string - Ticket name
content string/textarea - Ticket description
hs_pipeline enumeration x Pipeline
hs_pipeline_stage enumeration x Ticket status
hs_ticket_priority enumeration - Priority
createdate datetime r Create date
hs_lastmodifieddate datetime r Last modified date
"""
_LEADS = """
hs_lead_name string - Lead name
hs_lead_type enumeration - Lead type
hs_lead_label enumeration - Lead label
hs_pipeline enumeration x Pipeline
hs_pipeline_stage enumeration x Lead stage
hs_lead_disqualification_reason string - Disqualification reason
hs_primary_contact_id number c Primary contact
createdate datetime r Create date
hs_lastmodifieddate datetime r Last modified date
"""
_ENGAGEMENTS = """
hs_timestamp datetime - Activity date
hs_createdate datetime r Create date
hs_lastmodifieddate datetime r Last modified date
hs_activity_type enumeration x Activity type
hs_attachment_ids string - Attachment IDs
hs_body_preview string c Body preview
hs_queue_membership_ids enumeration/checkbox x Queues
"""
_OWN: dict[str, str] = {
    "contacts": _CONTACTS,
    "companies": _COMPANIES,
    "deals": _DEALS,
    "tickets": _TICKETS,
    "leads": _LEADS,
    "tasks": _ENGAGEMENTS
    + """
hs_task_subject string - Task title
hs_task_body string/html - Task notes
hs_task_status enumeration - Task status
hs_task_priority enumeration - Priority
hs_task_type enumeration - Task type
hs_task_reminders string - Reminders
hs_task_completion_date datetime r Completed at
hs_task_is_completed number c Is completed
""",
    "calls": _ENGAGEMENTS
    + """
hs_call_title string - Call title
hs_call_body string/html - Call notes
hs_call_direction enumeration - Call direction
hs_call_duration number - Call duration
hs_call_status enumeration - Call status
hs_call_disposition enumeration - Call outcome
hs_call_from_number string - From number
hs_call_to_number string - To number
hs_call_recording_url string - Recording URL
""",
    "meetings": _ENGAGEMENTS
    + """
hs_meeting_title string - Meeting name
hs_meeting_body string/html - Meeting description
hs_internal_meeting_notes string/html - Internal notes
hs_meeting_location string - Location
hs_meeting_external_url string - External URL
hs_meeting_start_time datetime - Start time
hs_meeting_end_time datetime - End time
hs_meeting_outcome enumeration - Meeting outcome
""",
    "emails": _ENGAGEMENTS
    + """
hs_email_direction enumeration - Email direction
hs_email_status enumeration - Email send status
hs_email_subject string - Email subject
hs_email_text string/textarea - Text body
hs_email_html string/html - Email body
hs_email_headers string - Email headers
""",
    "notes": _ENGAGEMENTS + "hs_note_body string/html - Note body\n",
    "communications": _ENGAGEMENTS
    + """
hs_communication_channel_type enumeration - Channel type
hs_communication_logged_from enumeration - Logged from
hs_communication_body string/html - Communication body
""",
}
_LIFECYCLE = (
    "subscriber=Subscriber lead=Lead marketingqualifiedlead=Marketing_Qualified_Lead salesqualifiedlead=Sales_Qualified_Lead "
    "opportunity=Opportunity customer=Customer evangelist=Evangelist other=Other"
)
_LEAD_STATUS = (
    "NEW=New OPEN=Open IN_PROGRESS=In_Progress OPEN_DEAL=Open_Deal UNQUALIFIED=Unqualified "
    "ATTEMPTED_TO_CONTACT=Attempted_to_Contact CONNECTED=Connected BAD_TIMING=Bad_Timing"
)
_SOURCES = (
    "ORGANIC_SEARCH=Organic_Search PAID_SEARCH=Paid_Search EMAIL_MARKETING=Email_Marketing SOCIAL_MEDIA=Organic_Social "
    "REFERRALS=Referrals OTHER_CAMPAIGNS=Other_Campaigns DIRECT_TRAFFIC=Direct_Traffic OFFLINE=Offline_Sources "
    "PAID_SOCIAL=Paid_Social"
)
_INDUSTRIES = (
    "ACCOUNTING AUTOMOTIVE BANKING BIOTECHNOLOGY CHEMICALS COMPUTER_HARDWARE COMPUTER_SOFTWARE CONSTRUCTION CONSUMER_ELECTRONICS "
    "EDUCATION_MANAGEMENT ELECTRICAL_ELECTRONIC_MANUFACTURING FINANCIAL_SERVICES FOOD_BEVERAGES GOVERNMENT_ADMINISTRATION "
    "HIGHER_EDUCATION HOSPITAL_HEALTH_CARE HOSPITALITY HUMAN_RESOURCES INDUSTRIAL_AUTOMATION INFORMATION_TECHNOLOGY_AND_SERVICES "
    "INSURANCE INTERNET LEGAL_SERVICES LOGISTICS_AND_SUPPLY_CHAIN MACHINERY MANAGEMENT_CONSULTING MARKETING_AND_ADVERTISING "
    "MECHANICAL_OR_INDUSTRIAL_ENGINEERING MEDICAL_DEVICES PHARMACEUTICALS REAL_ESTATE RESEARCH RETAIL SEMICONDUCTORS "
    "STAFFING_AND_RECRUITING TELECOMMUNICATIONS TEXTILES TRANSPORTATION_TRUCKING_RAILROAD UTILITIES WHOLESALE"
)
_DISPOSITIONS = (
    "9d9162e7-6cf3-4944-bf63-4dff82258764=Busy f240bbac-87c9-4f6e-bf70-924b57d47db7=Connected "
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff=Left_live_message b2cf5968-551e-4856-9783-52b3da59a7d0=Left_voicemail "
    "73a0d17f-1163-4015-bdd5-ec830791da20=No_answer 17b47fee-58de-441e-a44c-c6300d46f273=Wrong_number"
)
_OPTIONS = {
    "lifecyclestage": _LIFECYCLE,
    "hs_lead_status": _LEAD_STATUS,
    "hs_analytics_source": _SOURCES,
    "hs_latest_source": _SOURCES,
    "numemployees": "1-5 5-25 25-50 50-100 100-500 500-1000 1000+",
    "hs_language": "en ja de es fr it ko zh pt",
    "industry": _INDUSTRIES,
    "type": "PROSPECT PARTNER RESELLER VENDOR OTHER",
    "deal_currency_code": "JPY USD EUR",
    "dealtype": "newbusiness=New_Business existingbusiness=Existing_Business",
    "hs_priority": "low=Low medium=Medium high=High",
    "hs_ticket_priority": "LOW MEDIUM HIGH URGENT",
    "hs_lead_type": "NEW_BUSINESS RE_ATTEMPTING UPSELL",
    "hs_lead_label": "HOT WARM COLD",
    "hs_task_status": "NOT_STARTED=Not_started IN_PROGRESS=In_progress WAITING=Waiting DEFERRED=Deferred COMPLETED=Completed",
    "hs_task_priority": "NONE=None LOW=Low MEDIUM=Medium HIGH=High",
    "hs_task_type": "EMAIL=Email CALL=Call TODO=To_do",
    "hs_call_direction": "INBOUND=Inbound OUTBOUND=Outbound",
    "hs_call_status": "BUSY CALLING_CRM_USER CANCELED COMPLETED CONNECTING FAILED IN_PROGRESS NO_ANSWER QUEUED RINGING",
    "hs_call_disposition": _DISPOSITIONS,
    "hs_meeting_outcome": "SCHEDULED COMPLETED RESCHEDULED NO_SHOW CANCELED",
    "hs_email_direction": "EMAIL INCOMING_EMAIL FORWARDED_EMAIL",
    "hs_email_status": "BOUNCED FAILED SCHEDULED SENDING SENT",
    "hs_communication_channel_type": "WHATS_APP LINKEDIN_MESSAGE SMS",
    "hs_communication_logged_from": "CRM",
}
_BANT = """
crmsync_budget enumeration - Budget
crmsync_authority enumeration - Authority
crmsync_need enumeration - Need
crmsync_timeframe enumeration - Timeframe
"""
_CUSTOM: dict[str, str] = {
    "contacts": _BANT
    + """
crmsync_rejection_reason enumeration - Rejection reason
crmsync_acknowledged_at datetime - Acknowledged at
crmsync_talk_summary string/textarea - Talk summary
crmsync_phase enumeration - Phase
crmsync_temperature enumeration - Temperature
crmsync_score number - Score
crmsync_fit number - Fit
crmsync_interest number - Interest
crmsync_cycle number - Cycle
crmsync_reason_ja string - Reason (ja)
crmsync_reason_en string - Reason (en)
crmsync_sla_due datetime - SLA due
crmsync_recycle_due datetime - Recycle due
crmsync_sla_state string - SLA state
crmsync_recycle_reason string - Recycle reason
crmsync_nurture string - Nurture list
crmsync_definition string - Definition
""",
    "deals": "crmsync_contract_end date - Contract end\ncrmsync_promised string/textarea - Promised\n",
    "companies": "crmsync_corporate_number string - Corporate number\n",
    "tasks": "crmsync_key string u Key\n",
}
_DEGREES = "unknown=Unknown no=No partial=Partial yes=Yes"
_CUSTOM_OPTIONS = {
    "crmsync_budget": _DEGREES,
    "crmsync_authority": _DEGREES,
    "crmsync_need": _DEGREES,
    "crmsync_timeframe": _DEGREES,
    "crmsync_rejection_reason": "timing budget no_need unreachable competitor student personal_use other",
    "crmsync_phase": "inquiry mql sql closed_won closed_lost recycled disqualified",
    "crmsync_temperature": "hot warm cold",
}
CUSTOM_GROUP = "crmsync"


def _option(word: str) -> Option:
    value, _, label = word.partition("=")
    return Option(value, (label or value).replace("_", " "))


def _rows(table: str, group: str, options: dict[str, str], *, stock: bool) -> Iterable[Definition]:
    for row in filter(None, table.splitlines()):
        name, kind, flags, label = row.split(maxsplit=3)
        base, _, field = kind.partition("/")
        made = Definition(
            name=name,
            label=label,
            type=base,
            field_type=field or _FIELDS[base],
            group=group,
            calculated="c" in flags,
            read_only="r" in flags,
            external_options="x" in flags,
            unique="u" in flags,
            stock=stock,
        )
        listed = options.get(name, "") if base == "enumeration" else ""
        yield with_options(made, map(_option, listed.split()))


def definitions(kind: ObjectType, *, provisioned: bool, unique_on_tasks: bool) -> Definitions:
    """All properties of `kind` in a fresh portal; `provisioned` adds those that crmsync maps."""
    information = f"{kind.singular}information"
    groups = [Group(information, f"{kind.singular.capitalize()} information")]
    found = list(_rows(_COMMON + _OWN[kind.name], information, _OPTIONS, stock=True))
    if provisioned and kind.name in _CUSTOM:
        groups.append(Group(CUSTOM_GROUP, "crmsync"))
        custom = (
            _CUSTOM[kind.name] if unique_on_tasks else _CUSTOM[kind.name].replace("crmsync_key string u", "crmsync_key string -")
        )
        found += _rows(custom, CUSTOM_GROUP, _CUSTOM_OPTIONS, stock=False)
    return Definitions(kind, found, groups, allows_unique=unique_on_tasks or kind.name != "tasks")
