"""A Salesforce org in memory, and its REST and Bulk 2.0 APIs: records, rules, indexes, SOQL, tokens, limits.

`org.Org` is the org as its users work in it; `http.application` is the org as an integration sees it.
No network and no clock of its own: the server stands outside, and time is the virtual clock's.
"""
