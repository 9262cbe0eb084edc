"""What to change in the CRMs, as values: three-way diff, policies, the plan and its digest.

No clock, no network, no database. A plan is computed from what is there, what we last wrote or saw, and what is wanted;
`plan` prints it and `apply` walks the very same list.
"""
