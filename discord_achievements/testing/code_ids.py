"""Finds ids in a game's code that are not in its catalogue, without running the code.

It checks calls of the verbs that take an achievement's id, on any object, including in both spellings of the GameSDK.
It knows an id that is written as a number, or as a constant of a module or of a class in it, even if it was imported
from another of the files. In a file with a call whose id is computed, every number that looks like a Discord id counts
as one. What this misses is found by a test that makes the call (`CheckedManager.unknown_ids`).
"""

from __future__ import annotations

import ast
import os
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ..client.disk.catalogue_file import read_catalogue
from ..domain.catalogue import Catalogue
from ..domain.snowflake import MAX_SNOWFLAKE
from .names import Names, shortened

_VERBS = frozenset(
    {
        "set_user_achievement",
        "get_user_achievement",
        "get_achievement",
        "get_icon",
        "SetUserAchievement",
        "GetUserAchievement",
    }
)
_LOOKS_LIKE_AN_ID = range(10**16, MAX_SNOWFLAKE + 1)  # ids of Discord have 17 to 19 digits
_ID_ARGUMENTS = frozenset({"achievement_id", "achievementId"})


class UnknownId(NamedTuple):
    """An id in the code that is not in the catalogue, and the verb it is passed to; `str()` makes it a message."""

    path: Path
    line: int
    verb: str
    achievement_id: int
    why: str

    def __str__(self) -> str:
        return f"{shortened(self.path)}:{self.line}: {self.verb}: {self.why}"

    def __repr__(self) -> str:
        return str(self)


def unknown_ids(
    paths: Iterable[str | os.PathLike[str]], catalogue: Catalogue | str | os.PathLike[str]
) -> list[UnknownId]:
    """Return the ids in the files and folders `paths` that are not in `catalogue`, a `Catalogue` or the path of one.

    Virtual environments and folders whose name starts with a dot are skipped, unless they are listed in `paths`.

    Raises `CatalogueError`; `ValueError` for a path that does not exist or is not Python; `TypeError` if `paths` is a
    single path. **Blocks**: reads the files.
    """
    names = Names(catalogue if isinstance(catalogue, Catalogue) else read_catalogue(catalogue))
    modules = [_Module(path) for path in _files(paths)]
    found = []
    for module in modules:
        for verb, line, achievement_id in _ids(module, modules):
            if achievement_id not in names and achievement_id != names.catalogue.application_id:
                why = names.no_such_id(achievement_id)
                found.append(UnknownId(module.path, line, verb, achievement_id, why))
    return found


class _Module:
    """One file: its tree, its constants by dotted name, and the targets of its imported names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.parent.name if path.stem == "__init__" else path.stem
        try:
            with tokenize.open(path) as file:
                self.tree = ast.parse(file.read(), str(path))
        except (OSError, SyntaxError, ValueError) as exc:  # ValueError: null characters
            raise ValueError(f"{shortened(path)} cannot be read as Python: {exc}") from exc
        self.constants = dict(_constants(self.tree.body, ""))
        self.imported = dict(_imports(self.tree))


def _files(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    if isinstance(paths, str | os.PathLike):
        raise TypeError(f"paths must be a list of paths, got {paths!r}; write [{os.fspath(paths)!r}]")
    files: dict[Path, None] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise ValueError(f"{path} does not exist; looked for {path.absolute()}")
        files |= dict.fromkeys(sorted(_python_in(path)) if path.is_dir() else [path])
    return list(files)


def _python_in(folder: Path) -> Iterator[Path]:
    """Yield the Python files below a folder, except in virtual environments and hidden folders."""
    for path, folders, names in os.walk(folder):
        here = Path(path)
        folders[:] = [name for name in folders if name[0] != "." and not (here / name / "pyvenv.cfg").exists()]
        yield from (here / name for name in names if name.endswith(".py"))


def _constants(body: Iterable[ast.stmt], prefix: str) -> Iterator[tuple[str, int]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _constants(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _assigned(target, node.value, prefix)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield from _assigned(node.target, node.value, prefix)


def _assigned(target: ast.expr, value: ast.expr, prefix: str) -> Iterator[tuple[str, int]]:
    if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        for one_target, one_value in zip(target.elts, value.elts, strict=False):
            yield from _assigned(one_target, one_value, prefix)
    elif isinstance(target, ast.Name) and (number := _number(value)) is not None:
        yield prefix + target.id, number


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each imported name and its target, `module` or `module.name`, with the last part of the module's name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, alias.name.rpartition(".")[2]
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").rpartition(".")[2]
            for alias in node.names:
                yield alias.asname or alias.name, f"{module}.{alias.name}".removeprefix(".")


def _ids(module: _Module, modules: list[_Module]) -> Iterator[tuple[str, int, int]]:
    """Yield the ids in one file: the verb it is passed to, the line, the id."""
    passed = [(verb, argument, _value(argument, module, modules)) for verb, argument in _calls(module.tree)]
    for verb, argument, achievement_id in passed:
        if achievement_id is not None:
            yield verb, argument.lineno, achievement_id
    if any(achievement_id is None for _, _, achievement_id in passed):
        arguments = [argument for _, argument, _ in passed]
        numbers = [node for node in ast.walk(module.tree) if isinstance(node, ast.Constant) and node not in arguments]
        for node in numbers:
            number = _number(node)
            if number is not None and number in _LOOKS_LIKE_AN_ID:
                yield "looks like an id", node.lineno, number


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the verb and the id's expression of each call with an id."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        verb = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
        if verb not in _VERBS:
            continue
        named = [keyword.value for keyword in node.keywords if keyword.arg in _ID_ARGUMENTS]
        for argument in (node.args or named)[:1]:
            yield verb, argument


def _value(argument: ast.expr, module: _Module, modules: list[_Module]) -> int | None:
    number = _number(argument)
    name = _dotted(argument)
    if number is not None or name is None:
        return number
    name = name.removesuffix(".value")  # of an Enum
    if name in module.constants:
        return module.constants[name]
    return _elsewhere(_resolved(name, module.imported), modules)


def _resolved(name: str, imported: Mapping[str, str]) -> str:
    """Replace the longest imported part of a dotted name by its target."""
    head, rest = name, ""
    while head:
        if head in imported:
            return imported[head] + rest
        head, _, last = head.rpartition(".")
        rest = f".{last}{rest}"
    return name


def _elsewhere(name: str, modules: list[_Module]) -> int | None:
    """Return the constant `module.name` or `package.module.name`, None if files disagree."""
    values = set()
    while "." in name:
        head, _, name = name.partition(".")
        values |= {module.constants[name] for module in modules if module.name == head and name in module.constants}
    return values.pop() if len(values) == 1 else None


def _number(node: ast.expr) -> int | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := _dotted(node.value)) is not None:
        return f"{head}.{node.attr}"
    return None
