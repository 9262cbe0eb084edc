"""HubSpot as a connector: the four verbs, each handed to the module that knows how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from crmsync.connect.calls import Call, CallRejected
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import (
    Capabilities,
    ConnectionSettings,
    Cost,
    Finding,
    Need,
    Page,
    ProvisionStep,
    PullRequest,
    PushBatch,
    Use,
    unread,
)
from crmsync.model.changes import Receipt
from crmsync.model.memberships import MEMBERSHIPS
from crmsync.model.records import ObjectSchema, RawRecord
from crmsync_hubspot.auth import auth_of, introspection
from crmsync_hubspot.catalogue import Catalogue
from crmsync_hubspot.costs import costs
from crmsync_hubspot.diagnosis import Diagnosis
from crmsync_hubspot.faults import why_refused
from crmsync_hubspot.memberships import Enroller
from crmsync_hubspot.objects import CAPABILITIES, OBJECTS
from crmsync_hubspot.options import Options, read_options
from crmsync_hubspot.portal import Portal
from crmsync_hubspot.provision import provision
from crmsync_hubspot.pull_records import own_properties, record_pull, related_ids
from crmsync_hubspot.pull_reference import reference_pages
from crmsync_hubspot.pull_reports import report_pages
from crmsync_hubspot.pull_submissions import submission_pages
from crmsync_hubspot.pull_views import page_view_pages
from crmsync_hubspot.push import Pusher
from crmsync_hubspot.records import record_of, with_losers
from crmsync_hubspot.rules import ELSEWHERE, NOT_HERE
from crmsync_hubspot.sweeping import gone_records
from crmsync_hubspot.usage import Allowance
from crmsync_hubspot.vendor import VendorClient


class HubSpotConnector:
    """One HubSpot account."""

    capabilities: Capabilities = CAPABILITIES

    def __init__(self, client: ApiClient, options: Options, introspection: Callable[[], Call]) -> None:
        """`introspection` makes the call that asks what our token may do."""
        paths, allowance = options.paths, Allowance(client)
        client.use_classifier(allowance.judge)
        client.use_observer(allowance.observe)
        self._options = options
        self._portal = Portal(client, paths, allowance)
        self._vendor = VendorClient(client, paths)
        self._catalogue = Catalogue(self._portal, self._vendor)
        self._pusher = Pusher(self._portal, self._catalogue)
        self._enroller = Enroller(self._portal)
        self._diagnosis = Diagnosis(self._portal, introspection)

    def describe(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        """See `Connector.describe`. An object that HubSpot does not have here (or that is no name of ours) is unreadable."""
        self._portal.meet()
        return {
            name: self._catalogue.refresh(name, probing=True)
            if name in OBJECTS
            else ObjectSchema(name, readable=False, why_not="unknown object")
            for name in objects
        }

    def pull(self, request: PullRequest) -> Iterator[Page]:
        """See `Connector.pull`. What the credentials or the plan do not let us read (or what is not there: leads, some forms) has
        nothing to give, says so and stays where it is."""
        cursor, why = dict(request.cursor or {}), ""
        try:
            if self._catalogue.readable(request.object):
                for page in self._pages(request):
                    cursor = dict(page.cursor)
                    yield page
            else:
                why = self._catalogue.schema(request.object).why_not
        except CallRejected as error:
            if error.status in ELSEWHERE:
                self._portal.check_address()
            if error.status not in NOT_HERE:
                raise
            why = self._catalogue.refuse(request.object, why_refused(error)).why_not
        if why:
            yield Page((), cursor, notices=(unread(request.object, why),))

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        """See `Connector.push`."""
        return self._enroller.push(batch.changes) if batch.object == MEMBERSHIPS else self._pusher.push(batch)

    def members(self, list_id: str) -> Iterator[Sequence[tuple[str, str]]]:
        """See `Enrolling.members`."""
        return self._enroller.members(list_id)

    def read(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, RawRecord]:
        """See `Connector.read`. Events and submissions cannot be read by id; nothing of ours writes them."""
        facts = OBJECTS[object]
        if facts.kind == "reference":
            pages = reference_pages(object, self._portal, self._vendor)
            return {record.id: record for page in pages for record in page.records if record.id in ids}
        if not facts.is_crm or not ids:
            return {}
        properties = self._catalogue.fields(object, (*fields, facts.modified))
        rows = self._portal.batch_read(object, ids, properties)
        related = related_ids(self._portal, facts, tuple(rows))
        return {id_: record_of(object, row, related) for id_, row in rows.items()}

    def look(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> tuple[RawRecord, ...]:
        """See `connect.hints.Looking`: as `read`, with the fields and the losers that a pull brings too, and with what became of
        those that are not there."""
        facts = OBJECTS.get(object)
        if facts is None or not facts.is_crm or not ids or not self._catalogue.readable(object):
            return ()
        properties = self._catalogue.fields(object, (*fields, *own_properties(facts)))
        rows = self._portal.batch_read(object, ids, properties)
        related = related_ids(self._portal, facts, tuple(rows))
        live = with_losers([record_of(object, row, related) for row in rows.values()])
        return (*live, *gone_records(self._portal, facts, [id_ for id_ in dict.fromkeys(ids) if id_ not in rows]))

    def provision(self, needs: Sequence[Need], *, apply: bool) -> tuple[ProvisionStep, ...]:
        """See `Connector.provision`."""
        fields = provision(self._vendor, self._portal, [need for need in needs if need.type != "list"], apply=apply)
        return (*fields, *self._enroller.provision([need for need in needs if need.type == "list"], apply=apply))

    def diagnose(self, uses: Sequence[Use]) -> Iterator[Finding]:
        """See `Diagnosing.diagnose`."""
        return self._diagnosis.findings(uses)

    def costs(self, uses: Sequence[Use]) -> Sequence[Cost]:
        """See `Costed.costs`."""
        return costs(uses, self._options)

    def _pages(self, request: PullRequest) -> Iterator[Page]:
        kind = OBJECTS[request.object].kind
        if kind == "reference":
            return reference_pages(request.object, self._portal, self._vendor, request.known(request.object))
        if kind == "submissions":
            return submission_pages(self._portal, self._options, request)
        if kind == "reports":
            return report_pages(self._portal, self._options, request)
        if kind == "events":
            return page_view_pages(self._portal, self._catalogue, self._options, request)
        return record_pull(self._portal, self._catalogue, self._options, request).pages(request.cursor)


def make(settings: ConnectionSettings, client: ApiClient) -> HubSpotConnector:
    """The connector of one connection. Nothing is sent yet. Raises StopConnector for options or secrets that cannot be."""
    options = read_options(settings)
    auth = auth_of(settings, client, options.paths)
    client.use_auth(auth)
    return HubSpotConnector(client, options, lambda: introspection(settings, auth, options.paths))
