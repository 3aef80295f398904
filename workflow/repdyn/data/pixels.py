"""Read an image file's pixels as bytes: black 0, white 255, upright, opaque.

The same picture gives the same bytes in any format:

- Grey of 16 bits is divided by 257, of 12 bits by 4095/255; floating-point grey from 0 to 1 is multiplied by 255. All
  are rounded. Pillow keeps the upper 8 of 16 bits of colour. Floating-point numbers beyond [0, 1], and integers with
  more bits or a sign, define no white and are refused.
- Transparency is composited over black: value × alpha, as stored, without gamma.
- The EXIF orientation is applied; without it, photographs from telephones lie on their side.
- CMYK, YCbCr and LAB become RGB, and colour becomes grey by luminance (ITU-R 601), both as in Pillow. Colour profiles
  are ignored.
- Files with several frames or pages give the first.

The endings of image files are fixed here, whatever the installed Pillow can open, so that a folder has the same images
everywhere.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import one_line
from ..types import Array

if TYPE_CHECKING:
    from PIL.Image import Image

# Raise this whenever the same file gives other pixels: images are then decoded again.
VERSION = 2
# Endings of image files, and the formats tried on them; not PostScript, for example, which is executed.
ENDINGS = {
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png",
    ".pnm", ".ppm", ".tif", ".tiff", ".webp",
}  # fmt: skip
FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
# TIFF's tag for the direction of grey levels, and its value where 0 is white.
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
ORIENTATION = 0x0112
GREY_16 = ("I;16", "I;16L", "I;16B", "I;16N")


class Unreadable(ValueError):
    """Says why a file gives no pixels, as part of a sentence."""


def of(content: bytes, channels: int, size: int) -> tuple[Array, bool]:
    """Read the pixels of a file, scaled so that the shorter side fits (bicubic), and cropped around the centre.

    Args:
        content: the file's bytes.
        channels: 3 for colour, 1 for grey.
        size: the side that it is scaled to, in pixels.

    Returns:
        (channels, size, size) bytes, and whether the file has further frames.

    Raises:
        Unreadable: if it is not an image, is damaged, or does not define black and white.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.init()
    try:
        with Image.open(BytesIO(content), formats=[name for name in FORMATS if name in Image.OPEN]) as opened:
            # A telephone's JPEG may carry a second picture, which is not a frame.
            has_more = opened.format != "MPO" and bool(getattr(opened, "is_animated", False))
            coded = opened.tile[0].args if opened.tile else None
            opened.load()
            image = _turned(_opaque(opened, coded), opened)
        image = image.convert("RGB" if channels == 3 else "L")
        if image.size != (size, size):
            image = ImageOps.fit(image, (size, size), method=Image.Resampling.BICUBIC)
    except UnidentifiedImageError:
        raise Unreadable("damaged, or in an unknown format") from None
    except Unreadable:
        raise
    except Exception as error:  # each format fails in its own way
        raise Unreadable(one_line(error)) from None
    return np.asarray(image).reshape(size, size, channels).transpose(2, 0, 1), has_more


def _opaque(image: Image, coded: Any) -> Image:
    """Convert to 8 bits of grey or of RGB, without transparency; ``coded`` is Pillow's raw mode of the file."""
    from PIL.Image import fromarray

    if image.mode in (*GREY_16, "I", "F"):
        return fromarray(np.rint(_shades(image, coded) * 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image if image.mode == "L" else image.convert("RGB")
    if image.mode == "La":  # Pillow converts it to RGBA only by way of LA
        image = image.convert("LA")
    transparent = image.info.get("transparency")
    if coded in ("L;2", "L;4") and isinstance(transparent, int):  # PNG states it in the file's bits
        image.info["transparency"] = transparent * {"L;2": 85, "L;4": 17}[coded]
    if coded == "RGB;16B" and transparent is not None:
        raise Unreadable("one colour of 16 bits is transparent, but only 8 bits are read")
    pixels = np.asarray(image.convert("RGBA")).astype(np.uint16)
    return fromarray(((pixels[..., :3] * pixels[..., 3:] + 127) // 255).astype(np.uint8))


def _shades(image: Image, coded: Any) -> Array:
    """Grey of more than 8 bits: (height, width), from 0 (black) to 1 (white)."""
    if image.mode == "I" and image.format not in ("PNG", "PPM"):  # in these, integers have 16 bits
        raise Unreadable("mode I, integers of 32 bits or with a sign, which have no white; 8 or 16 bits are read")
    numbers = np.asarray(image).astype(np.float64)
    if image.mode == "F":
        if not (numbers.min() >= 0 and numbers.max() <= 1):
            ends = f"{numbers.min():g} to {numbers.max():g}"
            raise Unreadable(f"mode F, floating-point numbers from {ends}; those from 0 to 1 are read")
        shades = numbers
    else:
        shades = numbers / (4095 if "I;12" in np.ravel(coded) else 65535)
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO:
        shades = 1 - shades
    transparent = image.info.get("transparency")
    return shades if transparent is None else np.where(numbers == transparent, 0.0, shades)


def _turned(image: Image, opened: Image) -> Image:
    """Apply the orientation of the file that the image is from; Pillow has turned a TIFF by itself."""
    from PIL.Image import Transpose

    ways = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        way = ways.get(opened.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged metadata; the picture itself is whole
        return image
    return image if way is None else image.transpose(way)
