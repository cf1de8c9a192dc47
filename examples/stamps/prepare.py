"""Makes the records of the demo from the Debian package tuxpaint-stamps-default.

    prepare.py OUT [--stamps FOLDER]

writes OUT/records.jsonl (one JSON object for each stamp, blobs as paths to the files of the package)
and OUT/descriptors.npy (float32, one row of 512 numbers for each line). A stamp is a PNG picture, an SVG
drawing, or both; a drawing without a picture is rasterised with rsvg-convert into OUT/pictures.

The descriptor is computed from the pixels alone, no model: two colour histograms (HSV, 8 x 4 x 4
bins, over all pixels and over the middle quarter) and a histogram of gradients (16 directions in each
of 4 x 4 cells). Pixels count by their opacity. Each part is square-rooted and scaled to length one.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

STAMPS = Path("/usr/share/tuxpaint/stamps")
SIDE = 128           # pictures are scaled to SIDE x SIDE before anything is counted
RASTER_SIDE = 400    # drawings become pictures of at most so many pixels a side
ANCHOR_STEP = 1_000_000  # nanoseconds between two records


def find_stamps(folder):
    """{stem: {".png": path, ".svg": path}}, without the ready-mirrored variants."""
    stamps = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".png", ".svg") and not path.stem.endswith(("_mirror", "_flip")):
            stamps.setdefault(path.with_suffix(""), {})[path.suffix] = path
    return stamps


def rasterise(drawing, folder, out):
    """A PNG of an SVG drawing; made once."""
    picture = out / "pictures" / drawing.relative_to(folder).with_suffix(".png")
    if not picture.exists():
        picture.parent.mkdir(parents=True, exist_ok=True)
        part = picture.with_suffix(".part")
        size = str(RASTER_SIDE)
        subprocess.run(["rsvg-convert", "--keep-aspect-ratio", "--width", size, "--height", size,
                        "--output", part, drawing], check=True)
        part.rename(picture)
    return picture


def unit(histogram):
    root = np.sqrt(histogram.ravel())
    length = np.linalg.norm(root)
    return root / length if length > 0 else root


def colour_histogram(hsv, weight):
    bins = (hsv[..., 0] // 32).astype(int) * 16 + (hsv[..., 1] // 64) * 4 + hsv[..., 2] // 64
    return unit(np.bincount(bins.ravel(), weights=weight.ravel(), minlength=128))


def gradient_histogram(grey, weight):
    down, right = np.gradient(grey)
    direction = ((np.arctan2(down, right) + np.pi) / (2 * np.pi) * 16).astype(int) % 16
    strength = np.hypot(down, right) * weight
    rows, columns = np.indices(grey.shape)
    cell = rows * 4 // SIDE * 4 + columns * 4 // SIDE
    return unit(np.bincount((cell * 16 + direction).ravel(), weights=strength.ravel(), minlength=256))


def descriptor(picture):
    """([512] float32, width, height) of a picture."""
    with Image.open(picture) as image:
        width, height = image.size
        rgba = image.convert("RGBA").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    weight = np.asarray(rgba.getchannel("A"), dtype=np.float64) / 255
    ground = Image.new("RGBA", rgba.size, "white")
    ground.alpha_composite(rgba)
    rgb = ground.convert("RGB")
    hsv = np.asarray(rgb.convert("HSV"))
    grey = np.asarray(rgb.convert("L"), dtype=np.float64)
    middle = slice(SIDE // 4, 3 * SIDE // 4)
    parts = [colour_histogram(hsv, weight), colour_histogram(hsv[middle, middle], weight[middle, middle]),
             gradient_histogram(grey, weight)]
    return np.concatenate(parts).astype(np.float32), width, height


def record(stem, files, folder, out):
    """The JSON object of one stamp; absolute paths stand for blobs."""
    place = stem.relative_to(folder)
    category, *rest = place.parent.parts
    row = {"source": str(place), "category": category}
    if rest:
        row["subcategory"] = "/".join(rest)
    row["image"] = str(files.get(".png") or rasterise(files[".svg"], folder, out))
    if ".svg" in files:
        row["drawing"] = str(files[".svg"])
    caption = stem.with_suffix(".txt")
    if caption.exists():
        row["caption"] = {"path": str(caption)}
        row["title"] = caption.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    # The sound of the thing itself; `_desc` files are captions read aloud.
    sound = stem.with_suffix(".ogg")
    if sound.exists():
        row["sound"] = str(sound)
    return row


def main():
    arguments = argparse.ArgumentParser(description="Make the records of the demo.")
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--stamps", type=Path, default=STAMPS)
    options = arguments.parse_args()
    stamps = find_stamps(options.stamps) if options.stamps.is_dir() else {}
    if not stamps:
        sys.exit(f"prepare.py: no stamps below {options.stamps}; install the package tuxpaint-stamps-default")
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    descriptors = np.empty((len(stamps), 512), dtype=np.float32)
    with open(out / "records.jsonl", "w", encoding="utf-8") as lines:
        for number, (stem, files) in enumerate(stamps.items()):
            row = record(stem, files, options.stamps, out)
            descriptors[number], row["width"], row["height"] = descriptor(row["image"])
            lines.write(json.dumps({"_anchor": number * ANCHOR_STEP} | row, ensure_ascii=False) + "\n")
    np.save(out / "descriptors.npy", descriptors)
    took = time.monotonic() - began
    drawn = sum(".png" not in files for files in stamps.values())
    print(f"{len(stamps)} stamps ({drawn} of them rasterised from drawings) and their descriptors in {took:.1f} s, "
          f"{os.path.getsize(out / 'records.jsonl'):,} bytes of JSON lines, "
          f"{os.path.getsize(out / 'descriptors.npy'):,} bytes of descriptors")


if __name__ == "__main__":
    main()
