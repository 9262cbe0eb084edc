"""Salesforce for crmsync. What is odd about Salesforce is in tables (`facts`, `answers`); what is done with it in `reading`,
`writing` and `provisioning`. Knows nothing of persons, scores or phases.
"""

from crmsync_salesforce.connector import connector

__all__ = ["connector"]
