"""Both CRMs as local HTTP servers with a seeded population and a virtual clock: for the demo, the tests and the benches.

Built from the vendors' documented behaviour, never from what our connectors happen to send: this package imports no connector.
"""
