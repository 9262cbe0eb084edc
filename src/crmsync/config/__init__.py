"""Configuration: read once, validated whole, frozen. Every problem is reported with file, line, column and a remedy, all at once.

No rule is applied here and nothing is contacted; what a file means is a value of `decisions/`, `mapping/`, `connect/`.
"""
