"""A HubSpot portal in memory and its public HTTP API: objects, search, associations, schemas, owners, lists, forms, events.

`portal.py` is what people do in the portal, `http.py` what programs do to it. No vendor code, no connector;
no real time but that of the request limits.
"""
