"""Following an org's change events: Bayeux over HTTP long polling (CometD).

    handshake ──▶ subscribe each channel from its position ──▶ connect, connect, … ──▶ (unknown client) ──▶ handshake

The small choice: Salesforce's newer Pub/Sub API needs gRPC and Avro, and tells nothing that we take. CometD may skip events under
load without a word (help.salesforce.com 005321562); what is missed comes by polling.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

import structlog

from crmsync.connect.calls import Call, CallRejected, shown
from crmsync.connect.client import ApiClient
from crmsync.connect.hints import Heard, News
from crmsync.errors import CrmsyncError, RetryLater, StopConnector
from crmsync_salesforce import bayeux
from crmsync_salesforce.api import Api
from crmsync_salesforce.bayeux import Message, Reply

_log = structlog.get_logger("crmsync.salesforce")

# A server that answers at once although it has nothing to say is not asked again at once.
IDLE_SECONDS = 1.0
# A server that wants longer has forgotten us by then: sessions end 40 s after the last answer.
_LONGEST_INTERVAL = 30.0
# New handshakes without one good answer between them: beyond, something is wrong that haste does not mend.
_MOST_HANDSHAKES = 3


class ChangeEvents:
    """The change events of some objects of one org. `client` is one of its own, whose calls may take minutes."""

    def __init__(self, api: Api, client: ApiClient, objects: Sequence[str]) -> None:
        self._api = api
        self._client = client
        self._channels = tuple(bayeux.channel_of(name) for name in objects)
        self._client_id = ""
        self._stopping = threading.Event()

    def listen(self, positions: Mapping[str, str]) -> Iterator[News]:
        """See `connect.hints.EventSource`."""
        reached, in_vain = dict(positions), 0
        self._api.start()  # the version, and the server's time, which signing in needs
        while not self._stopping.is_set():
            if in_vain >= _MOST_HANDSHAKES:
                raise RetryLater("connect.retry", after_seconds=60, **self._params("handshake", "repeated"))
            in_vain += 1
            if not self._has_met():
                continue
            yield self._subscribed(reached)
            for news in self._connected():
                in_vain = 0
                reached.update(news.positions)
                yield news

    def stop(self) -> None:
        """See `connect.hints.EventSource`. Saying goodbye makes the server answer the request that waits."""
        self._stopping.set()
        if self._client_id:
            try:
                self._ask(bayeux.disconnect(self._client_id))
            except CrmsyncError as error:
                _log.info("events_left_silently", connection=self._client.name, code=error.code)

    def close(self) -> None:
        """See `connect.hints.EventSource`."""
        self._client.close()

    def _has_met(self) -> bool:
        """Shake hands; False where it is worth trying again."""
        reply = bayeux.reply_to(bayeux.HANDSHAKE, self._ask(bayeux.handshake()))
        if not reply.is_successful or not reply.client_id:
            self._mend("handshake", reply)
            return False
        self._client_id = reply.client_id
        return True

    def _subscribed(self, positions: Mapping[str, str]) -> News:
        """Subscribe to every channel. One that cannot be had is a notice; none at all is a refusal."""
        refused: dict[str, Reply] = {}
        lost = 0
        for channel in self._channels:
            reply = self._subscribe(channel, positions.get(channel, bayeux.FROM_NOW_ON))
            if reply.is_position_lost:
                lost += 1
                reply = self._subscribe(channel, bayeux.FROM_NOW_ON)
            if not reply.is_successful:
                refused[channel] = reply
        for channel, reply in refused.items():
            _log.warning("channel_refused", connection=self._client.name, channel=channel, message=shown(reply.error))
        if len(refused) == len(self._channels):
            self._mend("subscribe", next(iter(refused.values())))
        counts = {"position_lost": lost, "channel_refused": len(refused)}
        return News(Heard((), {why: count for why, count in counts.items() if count}))

    def _subscribe(self, channel: str, position: str) -> Reply:
        return bayeux.reply_to(bayeux.SUBSCRIBE, self._ask(bayeux.subscribe(self._client_id, channel, position)))

    def _connected(self) -> Iterator[News]:
        """Answers of the long poll, until it is over or a new handshake is wanted."""
        while not self._stopping.is_set():
            answer = self._ask(bayeux.connect(self._client_id))
            events, reply = bayeux.events_of(answer), bayeux.reply_to(bayeux.CONNECT, answer)
            if events.heard.hints or events.heard.passed_over or reply.is_successful:
                yield News(events.heard, events.positions)
            if self._stopping.is_set():
                return
            if not reply.is_successful and (reply.advice == "none" or reply.is_unauthorised):
                self._mend("connect", reply)
                return
            is_idle = not events.positions
            self._client.wait(max(IDLE_SECONDS if is_idle else 0.0, min(reply.interval_seconds, _LONGEST_INTERVAL)))
            if not reply.is_successful or reply.advice == "handshake":
                return

    def _ask(self, message: Message) -> tuple[Message, ...]:
        """Send one message. Nothing of Bayeux may be repeated blindly: an answer that is lost begins a new session."""
        call = Call("POST", self._api.cometd, json=[message], lane="events", repeatable=False)
        return bayeux.messages_of(self._client.send_json(call))

    def _mend(self, step: str, reply: Reply) -> None:
        """A session that ended is renewed by a call that can say so over plain HTTP; everything else is raised."""
        if reply.is_unauthorised:
            self._api.get("limits")
        elif reply.advice == "none":
            raise StopConnector("connect.stop", **self._params(step, reply.error))
        else:
            raise CallRejected("connect.rejected", **self._params(step, reply.error))

    def _params(self, step: str, said: str) -> Mapping[str, object]:
        code, _, message = said.partition("::")
        return {
            "connection": self._client.name,
            "method": "POST",
            "path": f"/meta/{step}",
            "status": 0,
            "vendor_code": shown(code),
            "message": shown(message),
        }
