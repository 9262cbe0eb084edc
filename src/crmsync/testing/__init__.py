"""What authors of connectors and tests inherit: contracts that requests, replies and whole connectors are held against.

connector_contract   every connector: nothing lost, nothing twice, people's edits kept
hubspot_contract     every request to HubSpot: no key and no parameter that the vendor does not know
"""
