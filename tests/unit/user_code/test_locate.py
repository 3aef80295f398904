"""Where modules lie and whose they are, in trees made for the purpose."""

import importlib.machinery
import sys
import zipfile
from pathlib import Path

import pytest
from packages import distribution, write

from repdyn.user_code import locate


@pytest.fixture(autouse=True)
def search_path(tmp_path, monkeypatch):
    """A path of Python's own, to which a test adds, and a working directory that is empty."""
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "lib/python" in entry])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    locate._added.cache_clear()
    yield sys.path
    locate._added.cache_clear()


def whose(name: str, *folders: Path) -> str | None:
    found = locate.find(name, locate.own_folders(folders))
    return None if found is None else found.whose


@pytest.mark.parametrize(
    "site",
    ["venv/lib/python3.11/site-packages", ".local/lib/python3.11/site-packages", "usr/lib/python3/dist-packages"],
)
def test_what_lies_in_any_folder_of_packages_is_installed(tmp_path, search_path, site):
    write(tmp_path / site / "theirs" / "__init__.py")
    write(tmp_path / site / "theirs" / "inner.py")
    search_path.append(str(tmp_path / site))
    assert whose("theirs") == whose("theirs.inner") == "installed"


def test_what_is_beside_the_config_or_in_the_working_directory_is_the_user_s(tmp_path):
    write(tmp_path / "study" / "mine.py")
    write(Path("also.py"))
    assert whose("mine") is None
    assert whose("mine", tmp_path / "study") == whose("also") == "user's"


def test_what_is_beside_the_config_comes_before_what_is_in_the_working_directory(tmp_path):
    first = write(tmp_path / "study" / "mine.py")
    write(Path("mine.py"))
    found = locate.find("mine", locate.own_folders([tmp_path / "study"]))
    assert found is not None
    assert found.file == str(first)


@pytest.mark.parametrize("name", ["types", "signal", "random", "sys", "json", "json.decoder", "zipimport"])
def test_python_s_own_are_not_replaced_by_files_of_the_user_s(tmp_path, name):
    write(tmp_path / "study" / f"{name.partition('.')[0]}.py")
    write(Path(f"{name.partition('.')[0]}.py"))
    assert whose(name, tmp_path / "study") == "Python's"
    behind = locate.stands_behind(name.partition(".")[0], locate.own_folders([tmp_path / "study"]))
    assert behind == str(tmp_path / "study" / f"{name.partition('.')[0]}.py")


def test_a_folder_that_only_has_the_name_of_a_package_stands_behind_nothing(tmp_path, search_path):
    write(tmp_path / "site-packages" / "datasets" / "__init__.py")
    search_path.append(str(tmp_path / "site-packages"))
    write(Path("datasets", "images.npy"))
    assert locate.stands_behind("datasets", locate.own_folders([])) is None
    write(Path("datasets.py"))
    assert locate.stands_behind("datasets", locate.own_folders([])) == str(Path.cwd() / "datasets.py")


def test_what_a_pth_file_adds_is_installed_but_not_a_project_that_is_installed_to_be_edited(tmp_path, search_path):
    site = tmp_path / "site-packages"
    for name in ("lab", "mine", "older", "old"):
        write(tmp_path / name / "src" / f"{name}.py")
        search_path.append(str(tmp_path / name / "src"))
    search_path.append(str(site))
    write(site / "lab.pth", f"# the group's\n{tmp_path / 'lab' / 'src'}\nimport sys\n")
    write(site / "_mine.pth", str(tmp_path / "mine" / "src"))
    distribution(site, "mine", "_mine.pth,,\n", {"url": "file:///", "dir_info": {"editable": True}})
    write(site / "__editable__.older-1.0.pth", str(tmp_path / "older" / "src"))
    write(site / "easy-install.pth", str(tmp_path / "old" / "src"))
    assert [whose(name) for name in ("lab", "mine", "older", "old")] == ["installed", "user's", "user's", "user's"]


def test_a_project_whose_finder_python_asks_last_is_the_user_s(tmp_path):
    file = write(tmp_path / "project" / "mine" / "__init__.py")
    write(tmp_path / "project" / "mine" / "inner.py")

    class Finder:
        @staticmethod
        def find_spec(name, *_):
            if name == "broken":
                raise RuntimeError
            return importlib.util.spec_from_file_location(name, file) if name == "mine" else None

    sys.meta_path.append(Finder)
    assert whose("mine") == whose("mine.inner") == "user's"
    assert whose("broken") is None


def test_what_a_distribution_has_a_record_of_is_installed_and_what_lies_beside_its_source_is_not(tmp_path, search_path):
    target, source = tmp_path / "target", tmp_path / "source"
    write(target / "theirs" / "__init__.py")
    write(target / "single.py")
    write(target / "stranger.py")
    distribution(target, "theirs", "theirs/__init__.py,sha256=x,0\nsingle.py,,\n")
    write(source / "mine" / "__init__.py")
    write(source / "mine.egg-info" / "PKG-INFO", "Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    write(source / "mine.egg-info" / "SOURCES.txt", "mine/__init__.py\n")
    write(source / "mine.egg-info" / "top_level.txt", "mine\n")
    search_path.extend([str(target), str(source)])
    assert [whose(n) for n in ("theirs", "single", "stranger", "mine")] == [
        "installed",
        "installed",
        "user's",
        "user's",
    ]


def test_packages_without_a_file_may_lie_in_several_places(tmp_path, search_path):
    write(tmp_path / "site-packages" / "space" / "theirs.py")
    write(tmp_path / "code" / "space" / "mine" / "__init__.py")
    search_path.append(str(tmp_path / "site-packages"))
    assert whose("space.theirs", tmp_path / "code") == "installed"
    assert whose("space.mine", tmp_path / "code") == "user's"
    assert whose("space.none", tmp_path / "code") is None
    assert whose("space.mine.none.deeper", tmp_path / "code") is None


def test_a_zip_file_on_the_path_is_looked_into(tmp_path, search_path):
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("pack/__init__.py", "A = 1\n")
        archive.writestr("pack/inner.py", "B = 2\n")
    search_path.append(str(tmp_path / "code.zip"))
    found = locate.find("pack.inner", [])
    assert found is not None
    assert (found.whose, found.content, found.is_source) == ("user's", b"B = 2\n", True)


def test_a_compiled_module_of_the_user_s_is_found_and_is_no_source():
    write(Path(f"fast{importlib.machinery.EXTENSION_SUFFIXES[0]}"), "not really\n")
    found = locate.find("fast", locate.own_folders([]))
    assert found is not None
    assert (found.whose, found.is_source, found.content) == ("user's", False, b"not really\n")


def test_a_study_s_own_folders_come_last_on_the_path(tmp_path, monkeypatch):
    monkeypatch.setattr(locate, "_TAKEN", [])
    sys.path[:0] = ["", str(Path.cwd())]
    elsewhere = [entry for entry in sys.path if entry not in ("", str(Path.cwd()))]
    locate.take_in([tmp_path])
    assert sys.path == [*elsewhere, str(tmp_path), str(Path.cwd())]
    assert locate.taken() == (str(tmp_path), str(Path.cwd()))
