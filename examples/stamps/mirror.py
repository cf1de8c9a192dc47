"""A new picture from one of the dataset: the mirror image, with its own descriptor.

    mirror.py STORE ANCHOR OUT      writes OUT/mirrored.png, OUT/mirrored.npy; prints width and height
"""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import dreamdb
from prepare import descriptor


def main():
    store, anchor, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    dataset = dreamdb.Dataset.open("main", backend=store)
    picture = dataset.take([anchor], fields=["image"])["image"][0]
    with Image.open(io.BytesIO(picture)) as image:
        ImageOps.mirror(image.convert("RGBA")).save(out / "mirrored.png")
    values, width, height = descriptor(out / "mirrored.png")
    np.save(out / "mirrored.npy", values)
    print(width, height)


if __name__ == "__main__":
    main()
