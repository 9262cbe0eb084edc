"""SOQL, as far as an integration asks it: text → `syntax` values → conditions with hints → ids, in order.

Not here: child subqueries, TYPEOF, HAVING, geolocation.
"""
