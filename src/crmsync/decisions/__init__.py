"""The rules of DOMAIN.md §2–§8 as pure functions over frames: score, temperature, qualification, valve, phase, routing, SLA,
recycle, gaps. In: facts as of an instant, what was decided before, definitions, the instant. Out: decisions with reasons.

No clock, no chance, no I/O, no order of arrival: the same facts, definitions and instant give the same decisions, byte for byte.
"""
