"""The sets of images that planes go through."""

from __future__ import annotations

SETS = ("test", "clean", "mislabelled")  # the order enters the seed of the planes
COMMON = "test"  # the set of images that no run trains on, the same for all seeds
# Set -> its images, in words.
IMAGES = dict(
    zip(SETS, ("test images", "correctly labelled training images", "mislabelled training images"), strict=True)
)
