"""The mutants of a package: each is one of its functions with one small fault, made by mutmut.

mutmut says what a fault is (`<` for `<=`, `and` for `or`, an argument left out, a text written otherwise, ...) and where none is
made: in annotations, in decorated functions, in tables outside functions.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import libcst as cst
from mutmut.mutation.file_mutation import Mutation, create_mutations, deep_replace


@dataclass(frozen=True, slots=True)
class Place:
    """A function of a module, or a method: `due`, `Calendar.opens`."""

    module: str
    function: str


@dataclass(frozen=True, slots=True, eq=False)
class Mutant:
    """One fault. `number` counts those of its function from 1, in the order of the text."""

    file: Path
    place: Place
    number: int
    tree: cst.Module
    mutation: Mutation

    @property
    def name(self) -> str:
        return f"{self.place.module.rpartition('.')[2]}.{self.place.function}#{self.number}"

    def source(self) -> str:
        """The whole module with the fault in it."""
        faulty = deep_replace(self.tree, self.mutation.original_node, self.mutation.mutated_node)
        assert isinstance(faulty, cst.Module)
        return faulty.code

    def diff(self) -> str:
        """What differs, with the lines around it."""
        name = self.file.name
        lines = difflib.unified_diff(self.tree.code.splitlines(), self.source().splitlines(), name, name, lineterm="", n=2)
        return "\n".join(lines)


def mutants_of(file: Path, module: str) -> Iterator[Mutant]:
    """Every mutant of a module, function by function."""
    tree, mutations, _, _ = create_mutations(str(file), file.read_text(encoding="utf-8"))
    functions = dict(_functions(tree))
    counted: dict[str, int] = {}
    for mutation in mutations:
        function = functions.get(mutation.contained_by_top_level_function)
        if function is not None:
            counted[function] = counted.get(function, 0) + 1
            yield Mutant(file, Place(module, function), counted[function], tree, mutation)


def _functions(tree: cst.Module) -> Iterator[tuple[cst.CSTNode | None, str]]:
    for node in tree.body:
        if isinstance(node, cst.FunctionDef):
            yield node, node.name.value
        elif isinstance(node, cst.ClassDef):
            yield from (
                (part, f"{node.name.value}.{part.name.value}") for part in node.body.body if isinstance(part, cst.FunctionDef)
            )


def code_of(compiled: CodeType, function: str) -> CodeType:
    """The code of a function within the compiled text of its module."""
    for name in function.split("."):
        compiled = [const for const in compiled.co_consts if isinstance(const, CodeType) and const.co_name == name][-1]
    return compiled
