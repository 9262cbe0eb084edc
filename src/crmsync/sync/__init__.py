"""The imperative shell: one verb per file, no rules. `pipeline.py` alone knows the order.

    pull → stage → normalise → resolve → decide → plan → apply → record

What is known lives in `mapping`, `identity`, `decisions`, `planning`; here it is fetched, asked, stored and sent.
"""
