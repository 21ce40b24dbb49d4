"""Digests of code: what a stored value depends on, told apart from what it does not.

A value depends on the module that computes it and on all that this module imports from the
package, directly or not: its import closure. Comments and docstrings change nothing.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import mecore
from mecore.data.files import digest

_PACKAGE = Path(mecore.__file__).parent
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(*modules: str) -> str:
    """Return a digest of the import closure of some modules.

    Parameters
    ----------
    modules : str
        Names such as ``"mecore.descriptors.mdmo"``.
    """
    return digest({name: _digest(name) for name in closure(modules)})


@cache
def package_digest() -> str:
    """Return a digest of the whole package, to tell whether a process has the same one."""
    files = (p.relative_to(_PACKAGE.parent).with_suffix("") for p in sorted(_PACKAGE.rglob("*.py")))
    names = [".".join(p.parts).removesuffix(".__init__") for p in files]
    return digest({name: _digest(name) for name in names})


def closure(modules: Iterable[str]) -> list[str]:
    """Return the modules of the package that some modules import, themselves included, sorted."""
    found: set[str] = set()
    waiting = [name for name in modules if _file(name)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += imported(name)
    return sorted(found)


@cache
def imported(module: str) -> frozenset[str]:
    """Modules of the package that one module imports; what is imported for types does not count."""
    return frozenset(imports_of(_tree(module)))


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of the package that a piece of code imports, anywhere in it."""
    for node in _at_run_time(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _file(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module:
            # Either a name of a module, or a module of a package.
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in {node.module, *parts} if _file(name))


def strings_of(tree: ast.AST, *modules: str) -> set[str]:
    """Return the texts that stand in a piece of code and in modules, docstrings left out."""
    nodes = (node for part in (tree, *map(_tree, modules)) for node in ast.walk(part))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield from _at_run_time(child)


def _file(module: str) -> Path | None:
    """File of a module of the package, if there is such a module."""
    first, *rest = module.split(".")
    place = _PACKAGE.joinpath(*rest)
    files = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((f for f in files if f.is_file()), None) if first == "mecore" else None


def _source(module: str) -> str:
    return (_file(module) or Path()).read_text(encoding="utf-8")


@cache
def _tree(module: str) -> ast.Module:
    """Code of a module without its docstrings."""
    tree = ast.parse(_source(module))
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            node.body.pop(0)
    return tree


@cache
def _digest(module: str) -> str:
    return digest(ast.dump(_tree(module)))
