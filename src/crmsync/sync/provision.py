"""provision: the fields that the mappings want beyond the stock ones, compared with each CRM, and created where asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crmsync.connect.contract import Need, ProvisionStep
from crmsync.errors import CrmsyncError
from crmsync.mapping.render import options_lacking
from crmsync.sync.memberships import enrolling
from crmsync.sync.pull import Failure
from crmsync.sync.workspace import Connection, Workspace


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What each connection has, lacks, was given or refused; and which connections could not say."""

    steps: tuple[tuple[str, ProvisionStep], ...]
    failures: tuple[Failure, ...]

    @property
    def is_complete(self) -> bool:
        return not self.failures and all(step.state in ("present", "created") for _, step in self.steps)


def provision(workspace: Workspace, *, apply: bool) -> Provisioned:
    """Compare the wanted fields of every connection; with `apply`, create what is missing. Nothing is ever deleted or changed."""
    steps: list[tuple[str, ProvisionStep]] = []
    failures: list[Failure] = []
    for connection in workspace.connections:
        try:
            queues = queue_needs(connection, workspace.definitions.routing.queue_names)
            wanted = (*needs(connection), *queues, *list_needs(workspace, connection))
            found = connection.connector.provision(wanted, apply=apply)
            steps.extend((connection.name, step) for step in found)
        except CrmsyncError as error:
            failures.append(Failure.of(connection.name, error))
    return Provisioned(tuple(steps), tuple(failures))


def queue_needs(connection: Connection, names: Iterable[str]) -> Iterator[Need]:
    """The queues that the rules call by name, where this CRM has queues: each takes what a queue of ours may be given."""
    capabilities = connection.connector.capabilities
    if capabilities.queue_object is not None:
        taken = tuple(filter(None, (*capabilities.person_objects[:1], capabilities.task_object)))
        yield from (Need(capabilities.queue_object, name, "queue", name, taken) for name in names)


def list_needs(workspace: Workspace, connection: Connection) -> Iterator[Need]:
    """The lists that the nurture programmes are kept on, where this connection keeps them."""
    if enrolling(workspace, connection) is not None:
        object_ = str(connection.connector.capabilities.list_object)
        yield from (Need(object_, name, "list", name) for name in sorted(workspace.definitions.nurture.lists.values()))


def needs(connection: Connection) -> Iterator[Need]:
    """Every field that this connection's mappings want, each once, by object and name."""
    wanted = {
        (field.object, field.field): Need(field.object, field.field, field.type, field.label, field.options, field.is_unique)
        for mapping in connection.mappings.values()
        for field in mapping.custom_fields
    }
    yield from (wanted[key] for key in sorted(wanted))


def lacking_options(connection: Connection) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(object, field, options) of what the mappings write and the CRM's lists do not have, as far as they were read. Lists of our
    own fields are left out: what they lack is a need."""
    own = {(need.object, need.field) for need in needs(connection)}
    for name, mapping in sorted(connection.mappings.items()):
        schema = connection.schemas.get(name)
        for field, options in options_lacking(mapping.writes, schema).items() if schema and schema.readable else ():
            if (name, field) not in own:
                yield name, field, options
