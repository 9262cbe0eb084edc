"""Which records are one person, which one company, and what a person's records say together.

Links are rows with a reason, kept apart from the records and reversible; what is unclear goes to people. Pure: no clock, no
network, and no order of arrival: the same records give the same persons.
"""
