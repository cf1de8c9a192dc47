"""Clustered vectors, their nearest by NumPy, and a dataset of them."""

import numpy as np

from dreamdb import Dataset, Schema

N, DIM, CELLS = 4000, 32, 40


def clustered(rows, seed):
    """Vectors around 60 centers, of different lengths."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(1).standard_normal((60, DIM))
    vectors = centers[rng.integers(60, size=rows)] + 0.5 * rng.standard_normal((rows, DIM))
    return (vectors * rng.uniform(0.5, 2, (rows, 1))).astype(np.float32)


VECTORS = clustered(N, 2)
QUERIES = clustered(30, 3)


def rows_of(vectors, first=0):
    numbers = np.arange(first, first + len(vectors))
    labels = ["many" if k % 2 else "rare" if k % 100 == 0 else "some" for k in numbers.tolist()]
    return {"_anchor": numbers, "e": vectors, "i": numbers, "c": labels}


def make(url, algorithm="dreamdb.ivf-cosine", rows=N):
    schema = Schema().add_embedding("e", DIM, algorithm)
    schema.add_scalar_int("i").add_scalar_categorical("c")
    dataset = Dataset.create("main", schema, backend=url)
    if rows:
        dataset.append_many(rows_of(VECTORS[:rows]))
    return dataset


def truth(vectors, query, distance, top_k=10):
    """Places of the nearest rows."""
    v, q = vectors.astype(np.float64), np.asarray(query, np.float64)
    if distance == "l2":
        keys = ((v - q) ** 2).sum(1)
    else:
        keys = -(v @ q)
        if distance == "cosine":
            keys /= np.linalg.norm(v, axis=1)
    return np.argsort(keys, kind="stable")[:top_k].tolist()


def anchors_of(batches):
    return [anchor for batch in batches for anchor in batch["_time_anchors"]]


def recall(found, expected):
    assert [len(a) for a in found] == [len(b) for b in expected]
    met = sum(len(set(a) & set(b)) for a, b in zip(found, expected))
    return met / sum(map(len, expected))
