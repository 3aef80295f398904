"""That each release says what it reruns, and has the version that the package and its citation have."""

import re
import tomllib
from pathlib import Path

import yaml

import repdyn

ROOT = Path(__file__).parents[2]
_, *RELEASES = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_each_release_begins_with_what_it_reruns():
    for release in RELEASES:
        heading, _, first = release.splitlines()[:3]
        assert re.fullmatch(r"Unreleased|\d+\.\d+\.\d+, 20\d\d-\d\d-\d\d", heading)
        assert re.match(r"Reruns: .*\.$", first), heading


def test_package_citation_and_latest_release_have_one_version():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == package
    assert repdyn.__version__ == package
    released = [release.split(",")[0] for release in RELEASES if not release.startswith("Unreleased")]
    assert released[:1] in ([], [package])
    versions = [[int(part) for part in version.split(".")] for version in released]
    assert versions == sorted(versions, reverse=True)
