"""One picture of a search result: a row for each search, the best to the left, pictures from the dataset.

    contact_sheet.py STORE OUT.png TITLE=HITS.jsonl ...     (HITS: of `dreamdb search --json`)
"""

import io
import json
import sys

from PIL import Image, ImageDraw

import dreamdb

SIDE, MARGIN, TEXT = 120, 12, 16


def tile(picture, score):
    out = Image.new("RGB", (SIDE, SIDE + TEXT), "white")
    with Image.open(io.BytesIO(picture)) as image:
        image = image.convert("RGBA")
        image.thumbnail((SIDE, SIDE))
        out.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2), image)
    ImageDraw.Draw(out).text((SIDE // 2, SIDE + TEXT // 2), f"{score:.3f}", fill="black", anchor="mm")
    return out


def main():
    store, out, *searches = sys.argv[1:]
    dataset = dreamdb.Dataset.open("main", backend=store)
    strips = []
    for search in searches:
        title, path = search.rsplit("=", 1)
        with open(path, encoding="utf-8") as lines:
            hits = [json.loads(line) for line in lines]
        pictures = dataset.take([hit["_anchor"] for hit in hits], fields=["image"])["image"]
        strips.append((title, [tile(p, hit["_score"]) for p, hit in zip(pictures, hits)]))
    width = MARGIN + max(len(tiles) for _, tiles in strips) * (SIDE + MARGIN)
    height = MARGIN + len(strips) * (TEXT + SIDE + TEXT + MARGIN)
    sheet = Image.new("RGB", (width, height), "#e8e8e8")
    draw = ImageDraw.Draw(sheet)
    top = MARGIN
    for title, tiles in strips:
        draw.text((MARGIN, top), title, fill="black")
        for number, picture in enumerate(tiles):
            sheet.paste(picture, (MARGIN + number * (SIDE + MARGIN), top + TEXT))
        top += TEXT + SIDE + TEXT + MARGIN
    sheet.save(out)
    print(f"{out}: {sheet.width} x {sheet.height}, {sum(len(tiles) for _, tiles in strips)} pictures")


if __name__ == "__main__":
    main()
