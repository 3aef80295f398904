import numpy as np
import pytest
from PIL import Image

from repdyn import check, data, datasets, folders
from repdyn import study as studies
from repdyn.errors import RepdynError
from repdyn.settings import Data, Folder

CLASSES = ("n03", "n01", "n02")
TRAIN, TEST = 5, 4  # images of each class


def draw(path, seed, side=(16, 16), mode="RGB"):
    """A file of random pixels; png, so that they can be compared."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, size=(*side[::-1], len(mode)), dtype=np.uint8)
    Image.fromarray(pixels.squeeze(), mode).save(path, format="PNG")
    return pixels


def tiny(folder):
    """A folder in the layout of Tiny ImageNet, its unlabelled test part included; returns pixels by file name."""
    pixels, lines = {}, []
    for c, name in enumerate(CLASSES):
        for i in range(TRAIN):
            file = folder / "train" / name / "images" / f"{name}_{i}.JPEG"
            pixels[file.name] = draw(file, seed=[c, i])
        (folder / "train" / name / f"{name}_boxes.txt").write_text("no image\n")
    for i in range(TEST * len(CLASSES)):
        file = folder / "val/images" / f"val_{i}.JPEG"
        pixels[file.name] = draw(file, seed=[9, i])
        lines.append(f"{file.name}\t{CLASSES[i % 3]}\t0\t0\t8\t8")
    (folder / "val/val_annotations.txt").write_text("\n".join(lines) + "\n")
    draw(folder / "test/images/test_0.JPEG", seed=0)
    return pixels


def plain(folder, test="test"):
    """A folder of one folder a class in each part."""
    for c, name in enumerate(CLASSES):
        for part, count in (("train", TRAIN), (test, TEST)):
            for i in range(count):
                draw(folder / part / name / f"{i}.png", seed=[len(part), c, i])


def described(**changes):
    folder = {"path": "mine", "classes": 3, "size": 16, "train": 3 * TRAIN, "test": 3 * TEST} | changes
    return Data(dataset="image-folder", folder=Folder(**folder))


def test_tiny_imagenet_is_read_with_classes_and_images_in_order_of_their_names(tmp_path):
    pixels = tiny(tmp_path / "mine")
    train, test = datasets.read(described(), tmp_path)
    names = [f"{name}_{i}.JPEG" for name in sorted(CLASSES) for i in range(TRAIN)]
    np.testing.assert_array_equal(train.images, np.stack([pixels[name].transpose(2, 0, 1) for name in names]))
    np.testing.assert_array_equal(train.labels, np.repeat([0, 1, 2], TRAIN))
    ordered = sorted(range(3 * TEST), key=lambda i: f"val_{i}")
    np.testing.assert_array_equal(test.labels, [(2, 0, 1)[i % 3] for i in ordered])
    np.testing.assert_array_equal(test.images[1], pixels[f"val_{ordered[1]}.JPEG"].transpose(2, 0, 1))


@pytest.mark.parametrize("test", ["test", "val"])
def test_one_folder_a_class_is_read_too(tmp_path, test):
    plain(tmp_path / "mine", test)
    loaded = data.load(described(), tmp_path)
    assert (len(loaded.train), len(loaded.test), loaded.classes) == (3 * TRAIN, 3 * TEST, 3)
    assert loaded.train.images[:].dtype == np.float32
    assert loaded.shape == datasets.shape(described()) == (3, 16, 16)


def test_images_are_decoded_once_until_others_are_there(tmp_path, monkeypatch):
    plain(tmp_path / "mine")
    decoded = []
    pixels = folders._pixels
    monkeypatch.setattr(folders, "_pixels", lambda file, *a: decoded.append(file) or pixels(file, *a))
    first, _ = datasets.read(described(), tmp_path)
    assert len(decoded) == 3 * (TRAIN + TEST)
    again, _ = datasets.read(described(), tmp_path)
    assert len(decoded) == 3 * (TRAIN + TEST)
    np.testing.assert_array_equal(first.images, again.images)
    draw(tmp_path / "mine/train/n01/more.png", seed=77)
    more, _ = datasets.read(described(train=3 * TRAIN + 1), tmp_path)
    assert len(decoded) == 3 * (TRAIN + TEST) + 3 * TRAIN + 1
    assert len(more.labels) == len(first.labels) + 1
    assert len(list((tmp_path / "mine-3x16").glob("*.npy"))) == 2


def test_images_of_other_sizes_and_modes_are_scaled_cropped_and_converted(tmp_path):
    plain(tmp_path / "mine")
    file = tmp_path / "mine/train/n01/0.png"
    Image.fromarray(np.full((40, 64), 200, dtype=np.uint8), "L").save(file)
    train, _ = datasets.read(described(), tmp_path)
    assert (train.images[0] == 200).all()
    sides = np.zeros((20, 60, 3), dtype=np.uint8)
    sides[:, 20:40] = 250  # only what is around the centre
    Image.fromarray(sides).save(file.with_name("00.png"))
    train, _ = datasets.read(described(train=3 * TRAIN + 1, size=10), tmp_path)
    assert train.images[1, :, :, 2:8].min() >= 249
    grey, _ = datasets.read(described(train=3 * TRAIN + 1, channels=1), tmp_path)
    assert grey.images.shape == (3 * TRAIN + 1, 1, 16, 16)


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
        (tiny, lambda f: (f / "val/val_annotations.txt").write_text("val_0.JPEG n01\n"), {}, "line 1: .* with a tab"),
        (tiny, remove("val/val_annotations.txt"), {}, "`.*mine` has no images for testing: neither"),
        (plain, lambda f: (f / "test/n04").mkdir(), {}, "`.*test` has a folder `n04`, which is none of the classes"),
        (plain, remove("test/n03/*"), {}, "`.*test/n03` has no images"),
        (
            plain,
            lambda f: (f / "train/n01/0.png").write_bytes(b"no image"),
            {},
            r"`.*train/n01/0.png` is not an image that can be read \(cannot identify",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_folder_is_one_sentence(tmp_path, layout, change, settings, sentence):
    layout(tmp_path / "mine")
    change(tmp_path / "mine")
    with pytest.raises(RepdynError, match=sentence) as raised:
        data.load(described(**settings), tmp_path)
    assert "\n" not in str(raised.value)


def test_an_image_cut_short_is_named_and_nothing_is_left_decoded(tmp_path):
    plain(tmp_path / "mine")
    file = tmp_path / "mine/train/n02/3.png"
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(RepdynError, match=r"`.*train/n02/3.png` is not an image that can be read"):
        data.load(described(), tmp_path)
    assert not list((tmp_path / "mine-3x16").glob("*.npy"))


def test_tiny_imagenet_says_where_it_is_to_be_had(tmp_path):
    with pytest.raises(RepdynError, match=r"no folder `.*tiny-imagenet-200/train`.*; unpack http://cs231n"):
        data.load(Data(dataset="tiny-imagenet"), tmp_path)


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
