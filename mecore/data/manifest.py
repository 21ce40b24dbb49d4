"""Manifests: what one edition of a database holds and how it lies on disk, as checked data.

A manifest is a YAML file in ``data_manifests/``. Unknown keys, wrong types and contradictions
(`mecore.data.schema`) are refused with the place and the nearest right name.
"""

import re
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from mecore.data.places import shared_folder
from mecore.data.schema import Manifest
from mecore.errors import ManifestError, nearest

__all__ = ["Manifest", "known_manifests", "load_manifest", "parse_manifest"]
MAX_BYTES = 1_000_000
Model = TypeVar("Model", bound=BaseModel)


def known_manifests() -> dict[str, Path]:
    """Return the manifests of the study by id (the template is not one)."""
    files = sorted(shared_folder("data_manifests").glob("*.yaml"))
    return {p.stem: p for p in files if p.stem != "template"}


def load_manifest(name: str | Path) -> Manifest:
    """Read a manifest by id, or from a YAML file of one's own.

    Parameters
    ----------
    name : str or Path
        Id or file; ``casme2:5`` asks for another of its sets of classes.

    Raises
    ------
    ManifestError
        Unknown id, unreadable YAML, unknown key, wrong type, contradiction, no such classes.
    """
    name = str(name)
    if chosen := re.fullmatch(r"(.+):([\w-]+)", name):
        manifest = load_manifest(chosen[1])
        if chosen[2] not in manifest.class_sets:
            sets = ", ".join(manifest.class_sets) or "none but its own"
            raise ManifestError(f"{manifest.id} has no classes {chosen[2]!r}; known: {sets}")
        return manifest.with_classes(chosen[2])
    if Path(name).suffix in {".yaml", ".yml"}:
        return parse_manifest(Path(name))
    known = known_manifests()
    if name not in known:
        todo = "for own recordings copy data_manifests/template.yaml and pass its path"
        raise ManifestError(f"no database is called {name!r}; {nearest(name, known)}", todo=todo)
    return parse_manifest(known[name])


def parse_manifest(path: Path) -> Manifest:
    """Read and check one manifest file."""
    return parse_yaml(path, Manifest, "see data_manifests/template.yaml")


def parse_yaml(path: Path, model: type[Model], todo: str | None = None) -> Model:
    """Read a YAML file that holds a mapping; nothing in it can run code or swell.

    Errors say in words what is wrong, and ``todo`` what to do.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise OSError(f"{path.stat().st_size:,} bytes are more than any manifest has")
        raw = yaml.load(path.read_text(encoding="utf-8"), _Plain)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ManifestError(f"cannot be read as YAML: {error}", where=path) from error
    if not isinstance(raw, dict):
        raise ManifestError("holds no mapping of keys to values", where=path)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        what = "; ".join(_explain(e, model) for e in error.errors())
        raise ManifestError(what, where=path, todo=todo) from None


def _explain(problem: Any, model: type[BaseModel]) -> str:
    place = ".".join(str(p) for p in problem["loc"])
    if problem["type"] == "extra_forbidden":
        *parents, key = problem["loc"]
        for part in parents:
            if part in model.model_fields:
                model = _part_of(model.model_fields[part].annotation) or model
        return f"unknown key {place!r}; {nearest(str(key), model.model_fields)}"
    if problem["type"] == "missing":
        return f"key {place!r} is missing"
    return f"{place}: {problem['msg'].removeprefix('Value error, ')}" if place else problem["msg"]


def _part_of(annotation: Any) -> type[BaseModel] | None:
    """The part of a manifest that an annotation such as ``list[Edition] | None`` speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((p for a in get_args(annotation) if (p := _part_of(a))), None)


class _Plain(yaml.SafeLoader):
    """YAML without aliases, which could swell a small file beyond any memory; keys stand once."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [k.value for k, _ in node.value]
        twice = sorted({str(k) for k in keys if keys.count(k) > 1})
        if twice:
            raise yaml.YAMLError(f"key {', '.join(twice)} stands twice, {node.start_mark}")
        return super().construct_mapping(node, deep)
