"""Listening to what CRMs say on their own: webhooks that come in over HTTP, and streams of events.

Both only mark records to be read. Nothing that is said is believed, kept or logged; whatever happens in here, polling goes on and
comes to the same end. No rules, no reading of records: that is `sync`.

app.py        the webhooks' door: size, time, whose delivery it is, an answer within the vendor's patience
server.py     that door on a port, in a thread
following.py  a stream of events, in a thread
listening.py  all ears of a workspace, opened and closed together
state.py      how it stands, for people and programs that ask
"""
