"""Something else in a file's or a folder's place is found before anything runs."""

import pytest

from repdyn.catalogue.paths import Paths
from repdyn.errors import RepdynError
from repdyn.pipeline import places

RUN = "arch=vit.html/optimizer=sgd/seed=0"


@pytest.fixture
def paths(tmp_path):
    """A study of which some files are there."""
    paths = Paths(str(tmp_path / "digits"))
    for path in (paths.planes("seed=0"), paths.history(RUN), paths.checkpoint(RUN, 4), paths.figure("cka", "png", RUN)):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return paths


def test_a_study_in_order_is_let_pass_whatever_else_a_person_puts_there(paths, tmp_path):
    (tmp_path / "digits/notes").touch()
    (tmp_path / "digits/my tables").mkdir()
    (tmp_path / "digits/cka").symlink_to(tmp_path, target_is_directory=True)  # to a larger disk, say
    for stage in ("train", "figures/cka.png"):
        log = tmp_path / paths.log(stage, RUN)
        log.parent.mkdir(parents=True)
        log.touch()
    places.check(paths)
    places.check(Paths(str(tmp_path / "not there yet")))


@pytest.mark.parametrize(
    "file", ["planes/seed=0/planes.parquet", f"cka/{RUN}/cka.parquet", "explorer.html", "logs/findings.log"]
)
def test_a_folder_in_a_file_s_place_is_named(paths, tmp_path, file):
    place = tmp_path / "digits" / file
    place.unlink(missing_ok=True)
    (place / "inner").mkdir(parents=True)
    with pytest.raises(RepdynError, match=f"`{place}` is a folder, but a file is to be there; move the folder away"):
        places.check(paths)


@pytest.mark.parametrize("folder", ["cka", "regions/similarity", "figures", "logs", "history/arch=resnet"])
def test_a_file_in_a_folder_s_place_is_named(paths, tmp_path, folder):
    place = tmp_path / "digits" / folder
    if folder == "figures":
        place.rename(tmp_path / "away")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    with pytest.raises(RepdynError, match=f"`{place}` is a file, but a folder is to be there; move it away"):
        places.check(paths)


def test_a_link_to_a_disk_that_is_not_mounted_is_named(paths, tmp_path):
    (tmp_path / "digits/activations").symlink_to(tmp_path / "scratch")
    with pytest.raises(RepdynError, match=r"activations` is a link that leads nowhere, but a folder is to be there"):
        places.check(paths)
