"""The definitions under `rules/`: one loader per kind, each from a document to the value that `decisions/` works with.

A loader raises FixConfig with every problem of its file, inside conditions too, at the character where it stands.
"""
