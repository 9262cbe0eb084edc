"""The words of the house: frozen values for what CRMs hold, what we hold, and what we want.

No clock, no network, no database, no rule. Times are aware datetimes in UTC; a `date` is a day in the zone its field says.
"""
