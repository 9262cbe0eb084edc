"""One authorised call: the request, the org, and who is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmsync.sandbox.salesforce.acting import Acting
from crmsync.sandbox.salesforce.api.wire import Request

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.api.service import Service
    from crmsync.sandbox.salesforce.org import Org


@dataclass(frozen=True, slots=True)
class Call:
    """A request past the door. `rest` is the path behind `/services/data/vX.0`."""

    service: Service
    request: Request
    version: str
    user_id: str
    rest: tuple[str, ...]

    @property
    def org(self) -> Org:
        return self.service.org

    @property
    def base(self) -> str:
        return f"/services/data/v{self.version}"

    @property
    def acting(self) -> Acting:
        """The integration user, with what the request's headers say about assignment and duplicates."""
        headers = self.request.headers
        rule = headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()
        assign = headers.get("sforce-auto-assign", "TRUE").upper() != "FALSE"
        return Acting(self.user_id, auto_assign=assign, allow_duplicates="allowsave=true" in rule, through_api=True)
