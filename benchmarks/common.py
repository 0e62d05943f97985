"""Shared code of the benchmarks: data files, result files, and the digest of the library's code."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import operator
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import quickstudy
from quickstudy.errors import DataFileError

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("QUICKSTUDY_DATA", ROOT.parent / "shared" / "data"))
LIBRARIES = ("numpy", "scipy", "numba", "scikit-learn", "lightgbm", "tokenizers")
SIGNS = {">": operator.gt, ">=": operator.ge, "<=": operator.le}
Figures = dict[str, Any]


def data_file(name: str) -> Path:
    """A file of the measuring data, which is not part of this repository."""
    path = DATA / name
    if not path.exists():
        raise DataFileError(f"{path} is missing: set QUICKSTUDY_DATA to the folder that has {name}")
    return path


def code_digest() -> str:
    """Digest of the library's code without comments, docstrings and layout."""
    package = Path(quickstudy.__file__).parent
    digest = hashlib.sha256()
    for part in ("encode", "experts", "learners", "stats", "types.py"):
        path = package / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(_bare(ast.parse(file.read_bytes())).encode())
    return digest.hexdigest()[:12]


def _bare(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.dump(tree)


def setting(command: str) -> Figures:
    """How the results were made: command, versions, machine."""
    installed = {d.name.lower() for d in importlib.metadata.distributions()}
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES if name in installed}
    return {
        "command": command,
        "python": platform.python_version(),
        "libraries": versions,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


class Results:
    """The runs of a benchmark by name, kept in `benchmarks/results/`, each with its code's digest.

    Args:
        name: of the benchmark's file.
        keep: whether runs of older code are kept instead of repeated.
    """

    def __init__(self, name: str, *, keep: bool = False) -> None:
        self.path = ROOT / "benchmarks" / "results" / f"{name}.json"
        self._keep, self._code = keep, code_digest()
        self._setting = read_results(name)  # of the last run: printing a table does not change it
        self.runs: dict[str, Figures] = self._setting.pop("runs", {})

    def run(self, name: str, measure: Callable[[], Figures]) -> None:
        """Make a run and store it, unless there is one."""
        if self.done(name):
            return
        figures = measure()
        self._setting = setting(f"python benchmarks/{self.path.stem}.py")
        self.runs[name] = {**rounded(figures), "code": self._code}
        self.save()
        print(name, json.dumps(rounded(figures)), flush=True)

    def done(self, name: str) -> bool:
        """Whether there is a run of the present code, or with `keep` of any code."""
        there = self.runs.get(name)
        return there is not None and (self._keep or there["code"] == self._code)

    def save(self, claims: list[Figures] | None = None) -> None:
        """Write all runs; the old file is replaced only by a complete new one."""
        self.path.parent.mkdir(exist_ok=True)
        runs = dict(sorted(self.runs.items()))
        draft = self.path.with_suffix(".tmp")
        whole = {**self._setting, "claims": claims or [], "runs": runs}
        draft.write_text(json.dumps(whole, indent=1) + "\n")
        draft.replace(self.path)

    def conclude(self, claims: list[Figures]) -> None:
        """Print the promises with the measured values, and write them with the runs."""
        print(f"\n{'promised':62s} {'needed':>9s} {'measured':>9s}")
        for c in claims:
            value = "-" if c["value"] is None else f"{c['value']:.4g}"
            state = {None: "not measured", True: "reached", False: "MISSED"}[c["reached"]]
            print(f"{c['claim']:62s} {c['sign']:2s} {c['need']:<7g} {value:>8s}  {state}")
        older = sum(run["code"] != self._code for run in self.runs.values())
        if older:
            print(f"\n{older} of {len(self.runs)} runs were made with older code")
        self.save(claims)


def claim(what: str, value: float | None, sign: str, need: float) -> Figures:
    """A promise with the measured value; `sign` is ">", ">=" or "<="."""
    reached = None if value is None else bool(SIGNS[sign](value, need))
    return {"claim": what, "sign": sign, "need": need, "value": value, "reached": reached}


def rounded(value: Any) -> Any:
    """The value with five digits, as more would be noise."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value if value is None or isinstance(value, int | str) else float(f"{value:.5g}")


def read_results(name: str) -> Figures:
    """The JSON of a benchmark; {} before it ran."""
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}
