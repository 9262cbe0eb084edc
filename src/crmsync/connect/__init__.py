"""What a connector is, and the kit it is made with: one HTTP client with one budget, retry and breaker per connection,
auth flows as generators, paging with loop detection, the requests and urllib3 bridges for the vendors' own clients.

No CRM is named here; a connector is a plug-in package (entry-point group `crmsync.connectors`) that imports only
`crmsync.connect`, `crmsync.model` and `crmsync.errors`.
"""
