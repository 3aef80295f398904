"""The same picture, a ramp from black to white, gives the same pixels whatever kind of file it comes in."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from repdyn.config.sections import Data, Folder
from repdyn.data import datasets, pixels

SIDE = 16
BYTES = np.tile(np.linspace(0, 255, SIDE), (SIDE, 1)).astype(np.uint8)
WIDE = np.tile(np.linspace(0, 65535, SIDE), (SIDE, 1)).astype(np.uint16)
FLOATS = (WIDE / 65535).astype(np.float32)
WHITE = np.full_like(BYTES, 255)


def saved(image, kind, **options):
    """An image, or an array, as a file's bytes."""
    content = BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(content, kind, **options)
    return content.getvalue()


def png(depth, colour, rows, transparent=None):
    """A PNG by hand: ``colour`` 0 for grey, 2 for RGB; ``transparent`` is the shade that is, in the file's bits."""

    def chunk(name, content):
        whole = name + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, 0))
    if transparent is not None:
        header += chunk(b"tRNS", struct.pack(">H", transparent) * (colour + 1))
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff_of_12_bits():
    """A TIFF by hand, whose levels go from 0 to 4095."""
    levels = np.linspace(0, 4095, SIDE).astype(int).tolist()
    pairs = zip(levels[::2], levels[1::2], strict=True)
    row = b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs)
    tags = {256: SIDE, 257: SIDE, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: SIDE, 279: SIDE * len(row)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return struct.pack("<2sHI", b"II", 42, 8 + SIDE * len(row)) + row * SIDE + directory


KINDS = {
    "png of 8 bits": saved(BYTES, "PNG"),
    "bmp": saved(BYTES, "BMP"),
    "gif": saved(BYTES, "GIF"),
    "webp": saved(BYTES, "WEBP", lossless=True),
    "pgm": saved(BYTES, "PPM"),
    "png of colours": saved(np.dstack([BYTES] * 3), "PNG"),
    "png of a palette": saved(Image.fromarray(BYTES).convert("P"), "PNG"),
    "jpeg in CMYK": saved(Image.fromarray(BYTES).convert("CMYK"), "JPEG", quality=100),
    "png of 16 bits": saved(WIDE, "PNG"),
    "png of colours of 16 bits": png(16, 2, [np.repeat(row, 3).astype(">u2").tobytes() for row in WIDE]),
    "pgm of 16 bits": saved(WIDE.astype(np.int32), "PPM"),
    "jpeg 2000 of 16 bits": saved(WIDE, "JPEG2000"),
    "tiff of 16 bits": saved(WIDE, "TIFF"),
    "tiff of 16 bits, packed": saved(WIDE, "TIFF", compression="tiff_lzw"),
    "tiff of 16 bits, high byte first": saved(WIDE.astype(">u2"), "TIFF"),
    "tiff of 16 bits, 0 white": saved(WIDE[:, ::-1].copy(), "TIFF", tiffinfo={262: 0}),
    "tiff of 12 bits": tiff_of_12_bits(),
    "tiff of floats": saved(FLOATS, "TIFF"),
    "white behind alpha": saved(np.dstack([WHITE] * 3 + [BYTES]), "PNG"),
    "white behind alpha, tiff": saved(np.dstack([WHITE] * 3 + [BYTES]), "TIFF"),
    "white behind alpha, webp": saved(np.dstack([WHITE] * 3 + [BYTES]), "WEBP", lossless=True, exact=True),
    "white grey behind alpha": saved(np.dstack([WHITE, BYTES]), "PNG"),
    "hidden colours": saved(np.dstack([BYTES, BYTES, BYTES, WHITE]), "PNG"),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_has_the_same_pixels_in_every_kind_of_file(kind, channels):
    found, has_more = pixels.of(KINDS[kind], channels, SIDE)
    assert found.shape == (channels, SIDE, SIDE)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - BYTES).max() <= 1
    assert not has_more


def test_files_of_several_kinds_in_one_folder_have_the_same_pixels(tmp_path):
    kinds = {"8": "png of 8 bits", "16": "tiff of 16 bits", "floats": "tiff of floats", "alpha": "white behind alpha"}
    for part in ("train", "test"):
        for name, kind in kinds.items():
            (tmp_path / "mine" / part / name).mkdir(parents=True)
            for i in range(3):
                content = KINDS["png of 16 bits"] if name == "16" and i else KINDS[kind]
                (tmp_path / "mine" / part / name / f"{i}.{'tif' if 'tiff' in kind else 'png'}").write_bytes(content)
    folder = Folder(path="mine", classes=4, channels=1, size=SIDE, train=12, test=12)
    train, _ = datasets.read(Data(dataset="image-folder", folder=folder), tmp_path)
    assert np.ptp(train.inputs.astype(int), axis=0).max() <= 1


@pytest.mark.parametrize(
    ("content", "last"),
    [
        (png(8, 0, [row.tobytes() for row in BYTES], transparent=255), 0),
        (png(8, 2, [np.repeat(row, 3).tobytes() for row in BYTES], transparent=255), 0),
        (png(16, 0, [row.astype(">u2").tobytes() for row in WIDE], transparent=65535), 0),
        (png(4, 0, [bytes(16 * i + i + 1 for i in range(0, SIDE, 2))] * SIDE, transparent=15), 0),
        (png(1, 0, [b"\0\1"] * SIDE, transparent=1), 0),
        (png(1, 0, [b"\0\1"] * SIDE), 255),
        (saved(Image.fromarray(BYTES).convert("P"), "PNG", transparency=255), 0),
        (saved(Image.fromarray(BYTES).convert("P"), "GIF", transparency=255), 0),
        (saved(Image.fromarray(BYTES).convert("P"), "PNG", transparency=b"\x80" * 256), 128),
        (saved(np.dstack([WHITE] * 3 + [0 * WHITE]), "PNG"), 0),
    ],
    ids=["8 bits", "colours", "16 bits", "4 bits", "1 bit", "1 bit, opaque", "palette", "gif", "half", "nothing"],
)  # fmt: skip
def test_what_is_transparent_is_black_and_shows_no_hidden_colour(content, last):
    assert (pixels.of(content, 1, SIDE)[0][0, :, -1] == last).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_stands_upright(kind, orientation):
    corners = np.zeros((SIDE, SIDE), dtype=np.uint8)
    corners[:8, :8], corners[:8, 8:] = 200, 100
    # How a camera that is held so would store it.
    stored = {
        1: corners, 2: corners[:, ::-1], 3: corners[::-1, ::-1], 4: corners[::-1],
        5: corners.T, 6: np.rot90(corners), 7: np.rot90(corners, 2).T, 8: np.rot90(corners, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[pixels.ORIENTATION] = orientation
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100}}.get(kind, {})
    found, _ = pixels.of(saved(stored.copy(), kind, exif=exif, **options), 1, SIDE)
    assert np.abs(found[0].astype(int) - corners).max() <= 2


def test_a_damaged_exif_block_leaves_the_picture_as_it_is():
    content = saved(BYTES, "JPEG", exif=b"Exif\0\0no block")
    assert pixels.of(content, 1, SIDE)[0].shape == (1, SIDE, SIDE)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("GIF", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("PNG", {})],
)
def test_of_several_frames_the_first_is_taken_and_it_is_said(kind, options):
    second = Image.new("L", (SIDE, SIDE), 9)
    found, has_more = pixels.of(saved(BYTES, kind, save_all=True, append_images=[second], **options), 1, SIDE)
    assert np.abs(found[0].astype(int) - BYTES).max() <= 1
    assert has_more


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "damaged, or in an unknown format"),
        (b"no image", "damaged, or in an unknown format"),
        (saved(BYTES, "EPS"), "damaged, or in an unknown format"),
        (saved(BYTES, "BMP")[:-40], "truncated"),
        (saved(255 * FLOATS, "TIFF"), "mode F, floating-point numbers from 0 to 255; those from 0 to 1 are read"),
        (saved(FLOATS - 1, "TIFF"), "mode F, floating-point numbers from -1 to 0; those"),
        (saved(FLOATS * np.nan, "TIFF"), "mode F, floating-point numbers from nan to nan; those"),
        (saved(WIDE.astype(np.int32), "TIFF"), "mode I, integers of 32 bits or with a sign, which have no white"),
        (png(16, 2, [b"\0" * 6 * SIDE] * SIDE, transparent=1), "one colour of 16 bits is transparent"),
        (saved(Image.new("1", (20_000, 20_000)), "PNG"), "exceeds limit"),
    ],
    ids=["empty", "text", "PostScript", "cut short", "to 255", "below 0", "nan", "32 bits", "16-bit key", "bomb"],
)  # fmt: skip
def test_a_file_without_pixels_says_why(content, reason):
    with pytest.raises(pixels.Unreadable, match=reason):
        pixels.of(content, 1, SIDE)


def test_the_version_of_the_decoding_is_raised_when_other_pixels_come_of_a_file():
    """Where this fails, raise ``pixels.VERSION``, so that nobody trains on what an older version decoded."""
    shades = np.random.default_rng(0).integers(0, 256, size=(40, 30, 4), dtype=np.uint8)
    contents = [saved(shades, "PNG"), saved(257 * shades[..., 0].astype(np.uint16), "PNG"), KINDS["tiff of floats"]]
    found = [pixels.of(content, channels, 16)[0].tobytes() for content in contents for channels in (1, 3)]
    assert (pixels.VERSION, zlib.crc32(b"".join(found))) == (2, 2389884634)
