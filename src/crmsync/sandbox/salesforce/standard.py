"""The standard objects and fields of a Sales Cloud org (API 59 and later, types and lengths as describe gives them).

Left out on purpose: recurrence, Data.com, geolocation and portal fields, which the loop neither reads nor writes.
"""

from __future__ import annotations

from crmsync.sandbox.salesforce.schema import AUDIT, Field, SObject, read_fields

INDUSTRIES = (
    "Agriculture|Apparel|Banking|Biotechnology|Chemicals|Communications|Construction|Consulting|Education|Electronics|Energy|"
    "Engineering|Entertainment|Environmental|Finance|Food & Beverage|Government|Healthcare|Hospitality|Insurance|Machinery|"
    "Manufacturing|Media|Not For Profit|Recreation|Retail|Shipping|Technology|Telecommunications|Transportation|Utilities|Other"
)
_SOURCES = "Web|Phone Inquiry|Partner Referral|Purchased List|Other"
_TYPE_VALUES = (
    "Prospect|Customer - Direct|Customer - Channel|Channel Partner / Reseller|Installation Partner|Technology Partner|Other"
)
_STAGE_NAME_VALUES = (
    "Prospecting|Qualification|Needs Analysis|Value Proposition|Id. Decision Makers|Perception Analysis|"
    "Proposal/Price Quote|Negotiation/Review|Closed Won|Closed Lost"
)
_TYPE_VALUES_2 = "Existing Customer - Upgrade|Existing Customer - Replacement|Existing Customer - Downgrade|New Customer"
_ROLE_VALUES = (
    "Business User|Decision Maker|Economic Buyer|Economic Decision Maker|Evaluator|Executive Sponsor|Influencer|"
    "Technical Buyer|Other"
)
_TYPE_VALUES_3 = (
    "Conference|Webinar|Trade Show|Public Relations|Partners|Referral Program|Advertisement|Banner Ads|Direct Mail|"
    "Email|Telemarketing|Other"
)
_TIME_ZONE_SID_KEY_VALUES = "*Asia/Tokyo|America/New_York|America/Los_Angeles|Europe/London|Europe/Paris|Asia/Singapore|GMT"
_HEAD = "Id id defaulted lookup\n"
_DELETED = "IsDeleted boolean defaulted\n"


def _address(prefix: str, compound: str) -> str:
    return f"""
{prefix}Street textarea(255) rw @ {compound}
{prefix}City string(40) rw @ {compound}
{prefix}State string(80) rw @ {compound}
{prefix}PostalCode string(20) rw @ {compound}
{prefix}Country string(80) rw @ {compound}
{compound} address nillable
"""


_SEEN = "LastActivityDate date nillable\nLastViewedDate datetime nillable\nLastReferencedDate datetime nillable\n"
_PERSON = """
LastName string(80) create update @ Name
FirstName string(40) rw @ Name
Salutation picklist(40) rw @ Name = Mr.|Ms.|Mrs.|Dr.|Prof.|Mx.
Name string(121)
Title string(128) rw
Phone phone(40) rw
MobilePhone phone(40) rw
Fax phone(40) rw
Email email(80) rw lookup
Description textarea(32000) rw
HasOptedOutOfEmail boolean create update defaulted
HasOptedOutOfFax boolean create update defaulted
DoNotCall boolean create update defaulted
EmailBouncedReason string(255) rw
EmailBouncedDate datetime rw
PhotoUrl url(255) nillable
Jigsaw string(20) rw
"""

LEAD = f"""
{_HEAD}{_DELETED}
MasterRecordId reference nillable -> Lead as MasterRecord
{_PERSON}
Company string(255) create update
{_address("", "Address")}
Website url(255) rw
LeadSource picklist(255) rw = {_SOURCES}
Status picklist(255) create update = *Open - Not Contacted|Working - Contacted|Closed - Converted|Closed - Not Converted
Industry picklist(255) rw = {INDUSTRIES}
Rating picklist(255) rw = Hot|Warm|Cold
AnnualRevenue currency(18,0) rw
NumberOfEmployees int rw
OwnerId reference create update defaulted -> Group|User as Owner
IsConverted boolean create defaulted
ConvertedDate date nillable
ConvertedAccountId reference nillable -> Account as ConvertedAccount
ConvertedContactId reference nillable -> Contact as ConvertedContact
ConvertedOpportunityId reference nillable -> Opportunity as ConvertedOpportunity
IsUnreadByOwner boolean create update defaulted
{AUDIT}{_SEEN}
"""

CONTACT = f"""
{_HEAD}{_DELETED}
MasterRecordId reference nillable -> Contact as MasterRecord
AccountId reference rw -> Account as Account
{_PERSON}
{_address("Other", "OtherAddress")}
{_address("Mailing", "MailingAddress")}
HomePhone phone(40) rw
OtherPhone phone(40) rw
AssistantPhone phone(40) rw
ReportsToId reference rw -> Contact as ReportsTo
Department string(80) rw
AssistantName string(40) rw
LeadSource picklist(255) rw = {_SOURCES}
Birthdate date rw
OwnerId reference create update defaulted -> User as Owner
IsEmailBounced boolean defaulted
{AUDIT}{_SEEN}
"""

ACCOUNT = f"""
{_HEAD}{_DELETED}
MasterRecordId reference nillable -> Account as MasterRecord
Name string(255) create update
Type picklist(40) rw = {_TYPE_VALUES}
ParentId reference rw -> Account as Parent
{_address("Billing", "BillingAddress")}
{_address("Shipping", "ShippingAddress")}
Phone phone(40) rw
Fax phone(40) rw
AccountNumber string(40) rw
Website url(255) rw
PhotoUrl url(255) nillable
Sic string(20) rw
Industry picklist(40) rw = {INDUSTRIES}
AnnualRevenue currency(18,0) rw
NumberOfEmployees int rw
Ownership picklist(40) rw = Public|Private|Subsidiary|Other
TickerSymbol string(20) rw
Description textarea(32000) rw
Rating picklist(40) rw = Hot|Warm|Cold
Site string(80) rw
OwnerId reference create update defaulted -> User as Owner
Jigsaw string(20) rw
AccountSource picklist(40) rw = {_SOURCES}
SicDesc string(80) rw
{AUDIT}{_SEEN}
"""

OPPORTUNITY = f"""
{_HEAD}{_DELETED}
AccountId reference rw -> Account as Account
IsPrivate boolean create update defaulted
Name string(120) create update lookup
Description textarea(32000) rw
StageName picklist(255) create update = {_STAGE_NAME_VALUES}
Amount currency(18,2) rw
Probability percent(3,0) rw defaulted
ExpectedRevenue currency(18,2) nillable
TotalOpportunityQuantity double(18,2) rw
CloseDate date create update
Type picklist(255) rw = {_TYPE_VALUES_2}
NextStep string(255) rw
LeadSource picklist(255) rw = {_SOURCES}
IsClosed boolean defaulted
IsWon boolean defaulted
ForecastCategory picklist(40) restricted = Omitted|Pipeline|BestCase|MostLikely|Forecast|Closed
ForecastCategoryName picklist(255) rw defaulted restricted = Omitted|Pipeline|Best Case|Commit|Closed
CampaignId reference rw -> Campaign as Campaign
HasOpportunityLineItem boolean defaulted
OwnerId reference create update defaulted -> User as Owner
ContactId reference create nillable -> Contact
FiscalQuarter int nillable
FiscalYear int nillable
Fiscal string(6) nillable
LastStageChangeDate datetime nillable
{AUDIT}{_SEEN}
"""

OPPORTUNITY_CONTACT_ROLE = f"""
{_HEAD}
OpportunityId reference create -> Opportunity as Opportunity
ContactId reference create update -> Contact as Contact
Role picklist(40) rw = {_ROLE_VALUES}
IsPrimary boolean create update defaulted
{AUDIT}{_DELETED}
"""

_ACTIVITY = f"""
{_HEAD}
WhoId reference rw -> Contact|Lead as Who
WhatId reference rw -> Account|Campaign|Opportunity as What
Subject combobox(255) rw = Call|Email|Meeting|Send Letter|Send Quote|Other
ActivityDate date rw
Description textarea(32000) rw
{_DELETED}
AccountId reference nillable -> Account as Account
{AUDIT}
IsArchived boolean defaulted
ReminderDateTime datetime rw
IsReminderSet boolean create update defaulted
"""

TASK = f"""
{_ACTIVITY}
Status picklist(40) create update = *Not Started|In Progress|Completed|Waiting on someone else|Deferred
Priority picklist(40) create update = High|*Normal|Low
IsHighPriority boolean defaulted
OwnerId reference create update defaulted -> Group|User as Owner
IsClosed boolean defaulted
CallDurationInSeconds int rw
CallType picklist(40) rw = Internal|Inbound|Outbound
CallDisposition string(255) rw
CallObject string(255) rw
TaskSubtype picklist(40) create nillable restricted = *Task|Email|ListEmail|Cadence|Call|LinkedIn
CompletedDateTime datetime nillable
"""

EVENT = f"""
{_ACTIVITY}
Location string(255) rw
IsAllDayEvent boolean create update defaulted
ActivityDateTime datetime rw
DurationInMinutes int rw
StartDateTime datetime rw
EndDateTime datetime rw
EndDate date nillable
OwnerId reference create update defaulted -> Calendar|User as Owner
IsPrivate boolean create update defaulted
ShowAs picklist(40) rw restricted = *Busy|OutOfOffice|Free
IsChild boolean defaulted
IsGroupEvent boolean defaulted
EventSubtype picklist(40) create nillable restricted = *Event
"""

CAMPAIGN = f"""
{_HEAD}{_DELETED}
Name string(80) create update lookup
ParentId reference rw -> Campaign as Parent
Type picklist(40) rw = {_TYPE_VALUES_3}
Status picklist(40) rw = *Planned|In Progress|Completed|Aborted
StartDate date rw
EndDate date rw
ExpectedRevenue currency(18,0) rw
BudgetedCost currency(18,0) rw
ActualCost currency(18,0) rw
ExpectedResponse percent(10,2) rw
NumberSent double(18,0) rw
IsActive boolean create update defaulted
Description textarea(32000) rw
OwnerId reference create update defaulted -> User as Owner
{AUDIT}{_SEEN}
"""

CAMPAIGN_MEMBER = f"""
{_HEAD}{_DELETED}
CampaignId reference create -> Campaign as Campaign
LeadId reference create nillable -> Lead as Lead
ContactId reference create nillable -> Contact as Contact
Status picklist(40) rw = *Sent|Responded
HasResponded boolean defaulted
FirstRespondedDate date nillable
Type string(40) nillable
LeadOrContactId reference nillable -> Contact|Lead
{AUDIT}
"""

CAMPAIGN_MEMBER_STATUS = f"""
{_HEAD}{_DELETED}
CampaignId reference create -> Campaign as Campaign
Label string(40) create update
SortOrder int rw
IsDefault boolean create update defaulted
HasResponded boolean create update defaulted
{AUDIT}
"""

USER = f"""
{_HEAD}
Username string(80) create update lookup
LastName string(80) create update @ Name
FirstName string(40) rw @ Name
Name string(121)
CompanyName string(80) rw
Division string(80) rw
Department string(80) rw
Title string(80) rw
Email email(128) create update lookup
Phone phone(40) rw
MobilePhone phone(40) rw
Alias string(8) create update
IsActive boolean create update defaulted
TimeZoneSidKey picklist(40) create update restricted = {_TIME_ZONE_SID_KEY_VALUES}
LocaleSidKey picklist(40) create update = *ja_JP|en_US
LanguageLocaleKey picklist(40) create update = *ja|en_US
EmailEncodingKey picklist(40) create update = *UTF-8|ISO-2022-JP
UserType picklist(40) nillable = *Standard|PowerPartner|Guest|CsnOnly
EmployeeNumber string(20) rw
ManagerId reference rw -> User as Manager
FederationIdentifier string(512) rw
LastLoginDate datetime nillable
{AUDIT}
"""

GROUP = f"""
{_HEAD}
Name string(40) create update
DeveloperName string(80) rw
RelatedId reference nillable -> User as Related
Type picklist(40) create = Regular|*Queue|Role|RoleAndSubordinates|Organization
Email email(255) rw
OwnerId reference defaulted -> User as Owner
DoesSendEmailToMembers boolean create update defaulted
DoesIncludeBosses boolean create update defaulted
{AUDIT}
"""

QUEUE_SOBJECT = f"""
{_HEAD}
QueueId reference create -> Group as Queue
SobjectType picklist(40) create = Campaign|Lead|Task|Case
CreatedById reference defaulted -> User as CreatedBy
SystemModstamp datetime defaulted
"""


def _history(parent: str, fields: str) -> str:
    return f"""
{_HEAD}{_DELETED}
{parent}Id reference -> {parent} as {parent}
CreatedById reference defaulted -> User as CreatedBy
CreatedDate datetime defaulted
Field picklist(255) restricted = {fields}
DataType picklist(40) nillable = Text|EntityId|DynamicEnum|Currency|DateOnly
OldValue anyType(765) nillable
NewValue anyType(765) nillable
"""


OPPORTUNITY_HISTORY = f"""
{_HEAD}
OpportunityId reference -> Opportunity as Opportunity
CreatedById reference defaulted -> User as CreatedBy
CreatedDate datetime defaulted
StageName picklist(255)
Amount currency(18,2) nillable
ExpectedRevenue currency(18,2) nillable
CloseDate date nillable
Probability percent(3,0) nillable
ForecastCategory picklist(40) nillable
PrevAmount currency(18,2) nillable
PrevCloseDate date nillable
SystemModstamp datetime defaulted
{_DELETED}
"""

_STATUS = f"""
{_HEAD}
MasterLabel string(255) nillable
ApiName string(255) nillable
SortOrder int nillable
IsDefault boolean defaulted
{{flags}}
{AUDIT}
"""

ORGANIZATION = f"""
{_HEAD}
Name string(80) update
Country string(80) rw
PrimaryContact string(80) rw
DefaultLocaleSidKey picklist(40) update
TimeZoneSidKey picklist(40) update
LanguageLocaleKey picklist(40) update
FiscalYearStartMonth int nillable
OrganizationType picklist(40) nillable
InstanceName string(5) nillable
IsSandbox boolean defaulted
NamespacePrefix string(15) nillable
{AUDIT}
"""


def _table(
    name: str, prefix: str, fields: str, *, read_only: bool = False, mergeable: bool = False, lasting: bool = False
) -> SObject:
    return SObject(
        name=name,
        prefix=prefix,
        fields=read_fields(fields),
        createable=not read_only,
        updateable=not read_only,
        deletable=not read_only and not lasting,
        mergeable=mergeable,
        undeletable=not read_only and not lasting,
    )


STANDARD: tuple[SObject, ...] = (
    _table("Lead", "00Q", LEAD, mergeable=True),
    _table("Contact", "003", CONTACT, mergeable=True),
    _table("Account", "001", ACCOUNT, mergeable=True),
    _table("Opportunity", "006", OPPORTUNITY),
    _table("OpportunityContactRole", "00K", OPPORTUNITY_CONTACT_ROLE),
    _table("Task", "00T", TASK),
    _table("Event", "00U", EVENT),
    _table("Campaign", "701", CAMPAIGN),
    _table("CampaignMember", "00v", CAMPAIGN_MEMBER),
    _table("CampaignMemberStatus", "01Y", CAMPAIGN_MEMBER_STATUS),
    _table("User", "005", USER, lasting=True),
    _table("Group", "00G", GROUP),
    _table("QueueSobject", "03g", QUEUE_SOBJECT),
    _table("LeadHistory", "017", _history("Lead", "created|leadConverted|leadMerged|ownerAccepted|Owner|Status"), read_only=True),
    _table("OpportunityHistory", "008", OPPORTUNITY_HISTORY, read_only=True),
    _table(
        "OpportunityFieldHistory",
        "017",
        _history("Opportunity", "created|opportunityCreatedFromLead|Owner|StageName|Amount|CloseDate"),
        read_only=True,
    ),
    _table("LeadStatus", "01J", _STATUS.format(flags="IsConverted boolean defaulted"), read_only=True),
    _table("TaskStatus", "01T", _STATUS.format(flags="IsClosed boolean defaulted"), read_only=True),
    _table(
        "OpportunityStage",
        "01X",
        _STATUS.format(
            flags="IsActive boolean defaulted\nIsClosed boolean defaulted\nIsWon boolean defaulted\n"
            "ForecastCategory string(40) nillable\nForecastCategoryName string(40) nillable\n"
            "DefaultProbability percent(3,0) nillable"
        ),
        read_only=True,
    ),
    _table("Organization", "00D", ORGANIZATION, read_only=True),
)

NAME_FIELDS: dict[str, Field] = read_fields(
    """
Id id
Name string(121)
Type string(40)
FirstName string(40)
LastName string(80)
Email email(80)
Phone phone(40)
Title string(128)
Username string(80)
IsActive boolean
"""
)
"""What a polymorphic parent (`Who`, `What`, an `Owner` that may be a queue) shows: the fields of the `Name` object."""
