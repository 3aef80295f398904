import os
import shutil

import numpy as np
import pytest
from image_folders import CLASSES, TEST, TRAIN, described, draw, layout, plain
from PIL import Image

from repdyn.config import study as studies
from repdyn.config.sections import Data
from repdyn.data import datasets, image_folders, pixels, subsets
from repdyn.errors import RepdynError
from repdyn.planning import check


def tiny(folder):
    """A folder in the layout of Tiny ImageNet, its unlabelled test part included; returns pixels by file name."""
    pixels, lines = {}, []
    for c, name in enumerate(CLASSES):
        for i in range(TRAIN):
            file = folder / "train" / name / "images" / f"{name}_{i}.JPEG"
            pixels[file.name] = draw(file, seed=[c, i])
        (folder / "train" / name / f"{name}_boxes.txt").write_text("no image\n", encoding="utf-8")
    for i in range(TEST * len(CLASSES)):
        file = folder / "val/images" / f"val_{i}.JPEG"
        pixels[file.name] = draw(file, seed=[9, i])
        lines.append(f"{file.name}\t{CLASSES[i % 3]}\t0\t0\t8\t8")
    (folder / "val/val_annotations.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(folder / "test/images/test_0.JPEG", seed=0)
    return pixels


def test_tiny_imagenet_is_read_with_classes_and_images_in_order_of_their_names(tmp_path):
    pixels = tiny(tmp_path / "mine")
    train, test = datasets.read(described(), tmp_path)
    names = [f"{name}_{i}.JPEG" for name in sorted(CLASSES) for i in range(TRAIN)]
    np.testing.assert_array_equal(train.inputs, np.stack([pixels[name].transpose(2, 0, 1) for name in names]))
    np.testing.assert_array_equal(train.labels, np.repeat([0, 1, 2], TRAIN))
    ordered = sorted(range(3 * TEST), key=lambda i: f"val_{i}")
    np.testing.assert_array_equal(test.labels, [(2, 0, 1)[i % 3] for i in ordered])
    np.testing.assert_array_equal(test.inputs[1], pixels[f"val_{ordered[1]}.JPEG"].transpose(2, 0, 1))


@pytest.mark.parametrize("test", ["test", "val"])
def test_one_folder_a_class_is_read_too(tmp_path, test):
    plain(tmp_path / "mine", test)
    loaded = subsets.load(described(), tmp_path, 0)
    assert (len(loaded.train), len(loaded.test), loaded.classes) == (3 * TRAIN, 3 * TEST, 3)
    assert loaded.train.inputs[:].dtype == np.float32
    assert loaded.train.inputs.shape[1:] == datasets.inputs(described()).shape == (3, 16, 16)


def test_images_are_decoded_once_until_others_are_there(tmp_path, monkeypatch):
    plain(tmp_path / "mine")
    decoded = []
    pixels_of = pixels.of
    monkeypatch.setattr(pixels, "of", lambda *a: decoded.append(a) or pixels_of(*a))
    first, _ = datasets.read(described(), tmp_path)
    assert len(decoded) == 3 * (TRAIN + TEST)
    again, _ = datasets.read(described(), tmp_path)
    assert len(decoded) == 3 * (TRAIN + TEST)
    np.testing.assert_array_equal(first.inputs, again.inputs)
    del again
    draw(tmp_path / "mine/train/n01/more.png", seed=77)
    more, _ = datasets.read(described(train=3 * TRAIN + 1), tmp_path)
    assert len(decoded) == 3 * (TRAIN + TEST) + 3 * TRAIN + 1
    assert len(more.labels) == len(first.labels) + 1


def test_images_of_other_sizes_and_modes_are_scaled_cropped_and_converted(tmp_path):
    plain(tmp_path / "mine")
    file = tmp_path / "mine/train/n01/0.png"
    Image.fromarray(np.full((40, 64), 200, dtype=np.uint8), "L").save(file)
    train, _ = datasets.read(described(), tmp_path)
    assert (train.inputs[0] == 200).all()
    sides = np.zeros((20, 60, 3), dtype=np.uint8)
    sides[:, 20:40] = 250  # only what is around the centre
    Image.fromarray(sides).save(file.with_name("00.png"))
    train, _ = datasets.read(described(train=3 * TRAIN + 1, size=10), tmp_path)
    assert train.inputs[1, :, :, 2:8].min() >= 249
    grey, _ = datasets.read(described(train=3 * TRAIN + 1, channels=1), tmp_path)
    assert grey.inputs.shape == (3 * TRAIN + 1, 1, 16, 16)


def remove(path):
    """A function that removes files that a pattern fits."""

    def change(folder):
        files = list(folder.glob(path))
        assert files
        for file in files:
            file.unlink()

    return change


@pytest.mark.parametrize(
    ("layout", "change", "settings", "sentence"),
    [
        (tiny, lambda f: (f / "train").rename(f / "training"), {}, "no folder `.*mine/train`, with a folder of"),
        (tiny, lambda _: None, {"classes": 4}, "`.*train` has 3 folders, but there should be 4, one a class"),
        (tiny, lambda _: None, {"train": 20}, "training part .* has 15 × 3 .* where 20 × 3 .*; correct `data.folder`"),
        (tiny, remove("train/n02/images/*"), {}, "`.*train/n02` has no images; every class needs some"),
        (tiny, remove("val/images/val_3.JPEG"), {}, r"val_annotations.txt`, line 4: 'val_3.JPEG\\tn03.* must begin"),
        (tiny, lambda f: (f / "val/val_annotations.txt").write_bytes(b"val_0.JPEG n01\n"), {}, "line 1: .* with a tab"),
        (tiny, remove("val/val_annotations.txt"), {}, "`.*mine` has no images for testing: neither"),
        (plain, lambda f: (f / "test/n04").mkdir(), {}, "`.*test` has a folder `n04`, but `train` has no such class"),
        (plain, remove("test/n03/*"), {}, "`.*test/n03` has no images"),
        (
            plain,
            lambda f: (f / "train/n01/0.png").write_bytes(b"no image"),
            {},
            r"`.*train/n01/0.png` is not an image that can be read \(damaged, or in an",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_folder_is_one_sentence(tmp_path, layout, change, settings, sentence):
    layout(tmp_path / "mine")
    change(tmp_path / "mine")
    with pytest.raises(RepdynError, match=sentence) as raised:
        subsets.load(described(**settings), tmp_path, 0)
    assert "\n" not in str(raised.value)


def test_an_image_cut_short_is_named_and_nothing_is_left_decoded(tmp_path):
    plain(tmp_path / "mine")
    file = tmp_path / "mine/train/n02/3.png"
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(RepdynError, match=r"`.*train/n02/3.png` is not an image that can be read"):
        subsets.load(described(), tmp_path, 0)
    assert not list((tmp_path / "mine-3x16").glob("train-*"))


def test_tiny_imagenet_says_where_it_is_to_be_had(tmp_path):
    with pytest.raises(RepdynError, match=r"no folder `.*tiny-imagenet-200/train`.*; unpack http://cs231n"):
        subsets.load(Data(dataset="tiny-imagenet"), tmp_path, 0)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"dataset": "image-folder"}, "`data`: `dataset: image-folder`, and no other, needs a section `folder`"),
        ({"folder": {"path": "x", "classes": 3, "size": 8, "train": 10, "test": 10}}, "and no other, needs a section"),
        ({"dataset": "image-folder", "folder": {"path": "x"}}, "is missing; it has no default."),
        (
            {"dataset": "image-folder", "train_size": 11,
             "folder": {"path": "x", "classes": 3, "size": 8, "train": 10, "test": 10}},
            "`data.train_size` is 11, but `image-folder` has only 10 such examples.",
        ),
    ],
)  # fmt: skip
def test_a_folder_that_is_not_described_is_one_sentence_without_looking_at_it(config, settings, sentence):
    config["data"] = settings
    with pytest.raises(RepdynError) as raised:
        check.main(studies.parse(config))
    assert sentence in str(raised.value)


def test_another_picture_under_an_old_name_is_seen(tmp_path):
    plain(tmp_path / "mine")
    before, _ = datasets.read(described(), tmp_path)
    pixels = draw(tmp_path / "mine/train/n01/0.png", seed=77)
    after, _ = datasets.read(described(), tmp_path)
    np.testing.assert_array_equal(after.inputs[0], pixels.transpose(2, 0, 1))
    np.testing.assert_array_equal(after.inputs[1:], before.inputs[1:])


def hidden(folder):
    (folder / "train/.ipynb_checkpoints").mkdir()
    draw(folder / "train/.ipynb_checkpoints/0-checkpoint.png", seed=1)
    (folder / "train/n01/.DS_Store").write_bytes(b"Bud1")
    (folder / "test/n01/._0.png").write_bytes(b"\0\5\26\7")
    (folder / "test/__MACOSX").mkdir()


def test_names_that_begin_with_a_dot_are_no_data(tmp_path):
    plain(tmp_path / "mine")
    hidden(tmp_path / "mine")
    train, test = datasets.read(described(), tmp_path)
    assert (len(train.labels), len(test.labels)) == (3 * TRAIN, 3 * TEST)


def test_what_is_left_out_is_counted(tmp_path):
    plain(tmp_path / "mine")
    hidden(tmp_path / "mine")
    for name in ("train/n01/a.heic", "train/n01/b.HEIC", "test/n02/README", "train/list.txt"):
        (tmp_path / "mine" / name).touch()
    shutil.copytree(tmp_path / "mine/test", tmp_path / "mine/val")
    assert image_folders.listing(layout(), tmp_path).remarks() == [
        f"`{tmp_path}/mine/val` is not used",
        f"left out 8 files under `{tmp_path}/mine`: 4 hidden, 2 .heic, 1 beside the folders of the classes, "
        "1 without ending",
    ]


def test_check_says_what_is_left_out(config, tmp_path, caplog):
    plain(tmp_path / "mine")
    (tmp_path / "mine/train/n01/a.heic").touch()
    config["data"] = described().model_dump(exclude_none=True)
    config["execution"] = {"data_root": str(tmp_path)}
    config["archs"] = {"resnet": config["archs"]["resnet"]}
    config["activations"], config["planes"] = {"similarity_examples": 8}, {"count": 1}
    check.main(studies.parse(config))
    assert "left out 1 file" in caplog.text


def test_images_of_validation_without_a_class_are_counted(tmp_path):
    tiny(tmp_path / "mine")
    draw(tmp_path / "mine/val/images/more.JPEG", seed=0)
    assert "1 without a class in val_annotations.txt" in image_folders.listing(layout(), tmp_path).remarks()[0]


def test_a_photograph_is_read_under_every_ending_of_its_kind(tmp_path):
    plain(tmp_path / "mine")
    for i, ending in enumerate(("jfif", "jpe", "JPG", "jpeg", "pgm")):
        (tmp_path / f"mine/train/n01/{i}.png").rename(tmp_path / f"mine/train/n01/{i}.{ending}")
    assert len(image_folders.listing(layout(), tmp_path).parts["train"]) == 3 * TRAIN


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            os.mkfifo,
            "`.*n01/x.png` has the name of an image and is a pipe, a socket or a device; remove it",
        ),
        (lambda path: path.symlink_to("nowhere"), "`.*n01/x.png` has the name of an image and is a link to nothing"),
        (lambda path: path.symlink_to(path), "`.*n01/x.png` cannot be read: Too many levels of symbolic links"),
        (lambda path: path.symlink_to(path.parent), "`.*n01/x.png` is a link to a folder that it lies in; remove it"),
    ],
    ids=["pipe", "link to nothing", "link to itself", "link to the folder"],
)
def test_what_only_has_the_name_of_an_image_is_one_sentence(tmp_path, make, sentence):
    plain(tmp_path / "mine")
    make(tmp_path / "mine/train/n01/x.png")
    with pytest.raises(RepdynError, match=sentence) as raised:
        datasets.read(described(), tmp_path)
    assert "\n" not in str(raised.value)


def test_links_to_images_and_to_folders_of_them_are_followed_and_a_folder_may_have_the_name_of_an_image(tmp_path):
    plain(tmp_path / "mine")
    train = tmp_path / "mine/train"
    (train / "n01").rename(tmp_path / "elsewhere")
    (train / "n01/linked").mkdir(parents=True)
    (train / "n01/linked/all.png").symlink_to(tmp_path / "elsewhere")
    (train / "n02").rename(tmp_path / "other")
    (train / "n02").symlink_to(tmp_path / "other")
    (train / "n03/4.png").rename(tmp_path / "one.png")
    (train / "n03/4.png").symlink_to(tmp_path / "one.png")
    assert len(datasets.read(described(), tmp_path)[0].labels) == 3 * TRAIN


STRANGE = [b"a\xff.png", b"new\nline.png", b"tab\t1.png", "žluťoučký.png".encode()]


def test_names_that_are_no_text_or_break_lines_are_names(tmp_path):
    plain(tmp_path / "mine")
    home = tmp_path / "mine/train/n01"
    for i, name in enumerate(STRANGE):
        (home / f"{i}.png").rename(home / os.fsdecode(name))
    train, _ = datasets.read(described(), tmp_path)
    assert len(train.labels) == 3 * TRAIN
    (home / os.fsdecode(STRANGE[0])).write_bytes(b"no image")
    with pytest.raises(RepdynError, match=r"n01/a\\xff.png` is not an image") as raised:
        datasets.read(described(), tmp_path)
    str(raised.value).encode()
    (home.parent / os.fsdecode(b"\xff\nn")).mkdir()
    with pytest.raises(RepdynError, match=r"train/\\xff\\nn` has no images; every class needs some"):
        datasets.read(described(classes=4), tmp_path)


def test_classes_and_images_are_in_the_order_of_their_bytes_in_every_locale(tmp_path, monkeypatch):
    plain(tmp_path / "mine")
    names = ["B.png", "a.png", "é.png", "\uf000.png", "\U0001f600.png"]
    for i, name in enumerate(names):
        (tmp_path / f"mine/train/n01/{i}.png").rename(tmp_path / "mine/train/n01" / name)
    # As a locale would have it in which a letter is a byte, and a disk in another order.
    scandir = os.scandir

    class Backwards(list):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", lambda folder: Backwards(reversed(list(scandir(folder)))))
    found = image_folders.listing(layout(), tmp_path).parts["train"]
    assert [file.rpartition("/")[2] for file, label in found if label == 0] == names
    assert [label for _, label in found] == [0] * TRAIN + [1] * TRAIN + [2] * TRAIN


def study_of_two(config, **planes):
    folder = {"path": "x", "classes": 2, "size": 8, "train": 120, "test": 60}
    config["data"] = {"dataset": "image-folder", "folder": folder}
    config["planes"] |= planes
    return studies.parse(config)


def test_two_classes_are_a_data_set_and_only_planes_through_three_of_them_are_refused(config):
    fine = study_of_two(config, distinct_classes=False)
    check.check_examples(fine, fine.data)
    sentence = r"`planes.distinct_classes` asks for three classes a plane, and `image-folder` has 2; set it to false"
    with pytest.raises(RepdynError, match=sentence):
        check.check_examples(study_of_two(config, distinct_classes=True), fine.data)


def test_one_class_is_no_data_set(config):
    config["data"] = {
        "dataset": "image-folder",
        "folder": {"path": "x", "classes": 1, "size": 8, "train": 9, "test": 9},
    }
    with pytest.raises(RepdynError, match=r"`data.folder.classes` is 1, but must be at least 2"):
        studies.parse(config)
