"""The chain of figures (数値の連鎖, DOMAIN.md §9) as pure functions over frames: counts, rates, bottleneck, SLA board.

A rate over nothing is absent (None), never 0. Recycled people are counted apart. No clock: the period is an argument.
"""
