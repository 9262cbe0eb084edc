"""The org's REST and Bulk 2.0 endpoints as functions from a request to an answer: no sockets, no event loop."""
