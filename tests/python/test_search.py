"""iter_vector against NumPy."""

import numpy as np
import pytest

import dreamdb
from dreamdb import Dataset, Schema, col

N, DIM = 3000, 24


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(7)
    vectors = rng.standard_normal((N, DIM)).astype(np.float32)
    schema = (
        Schema()
        .add_embedding("e", DIM)
        .add_embedding("l2", DIM, "dreamdb.lsh-l2", required=False)
        .add_scalar_categorical("c")
        .add_scalar_int("i")
    )
    dataset = Dataset.create(
        "main", schema, backend=f"file://{tmp_path_factory.mktemp('search')}/s"
    )
    for part in np.array_split(np.arange(N), 3):
        dataset.append_many(
            {
                "_anchor": part,
                "e": vectors[part],
                "i": part,
                "l2": [vectors[k] if k % 2 else None for k in part],
                "c": [["x", "y", "z"][k % 3] for k in part],
            }
        )
    return dataset, vectors


def truth(vectors, query, distance):
    v, q = vectors.astype(np.float64), np.asarray(query, np.float64)
    if distance == "l2":
        return -((v - q) ** 2).sum(1)
    dots = v @ q
    return (
        dots
        if distance == "inner_product"
        else dots / np.linalg.norm(v, axis=1) / np.linalg.norm(q)
    )


@pytest.mark.parametrize("distance", ["cosine", "inner_product", "l2"])
def test_against_numpy(data, distance):
    dataset, vectors = data
    query = np.linspace(-1, 1, DIM)
    scores = truth(vectors, query, distance)
    batches = dataset.iter_vector("e", query, 100, distance=distance)
    assert [len(b["_score"]) for b in batches] == [64, 36]
    anchors = [a for b in batches for a in b["_time_anchors"]]
    assert anchors == np.argsort(-scores, kind="stable")[:100].tolist()
    got = np.array([s for b in batches for s in b["_score"]])
    expected = np.sort(scores)[::-1][:100] * (-1 if distance == "l2" else 1)
    assert np.allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert batches[0]["e"][0] == vectors[anchors[0]].tolist()
    assert list(batches[0]) == ["e", "l2", "c", "i", "_time_anchors", "_score"]


def test_filters_give_min_of_top_k_and_matches(data):
    dataset, vectors = data
    query = vectors[5]
    scores = truth(vectors, query, "cosine")
    for where in (
        "c == 'x' and i < 30",
        col("c").is_in(["x"]) & (col("i") < 30),
        [("c", "==", "x"), ("i", "<", 30)],
    ):
        (batch,) = dataset.iter_vector("e", query, 50, where=where)
        order = sorted(range(0, 30, 3), key=lambda k: -scores[k])
        assert batch["_time_anchors"] == order
    assert dataset.iter_vector("e", query, 5, where_eq={"c": "none"}) == []
    assert len(dataset.iter_vector("e", query, 10 * N, batch_size=10 * N)[0]["i"]) == N
    assert dataset.iter_vector("e", query, 3, start_ns=100, end_ns=102)[0]["i"] in (
        [100, 101],
        [101, 100],
    )


def test_records_without_the_vector_are_no_matches(data):
    dataset, vectors = data
    (batch,) = dataset.iter_vector("l2", vectors[8], 3)  # by its algorithm: squared L2
    assert all(k % 2 for k in batch["_time_anchors"])
    assert batch["_score"] == sorted(batch["_score"])
    assert dataset.iter_vector("l2", vectors[7], 1)[0]["_score"] == [0.0]


def test_several_queries_and_fields(data):
    dataset, vectors = data
    results = dataset.iter_vector("e", vectors[:3], 2, fields=[], as_numpy=True)
    assert len(results) == 3
    for k, batches in enumerate(results):
        (batch,) = batches
        assert batch["_time_anchors"][0] == k and list(batch) == ["e", "_time_anchors", "_score"]
        assert batch["e"].dtype == np.float32 and batch["e"].shape == (2, DIM)
        assert batch["_score"].dtype == np.float32
    assert (
        dataset.iter_vector("e", vectors[:1], 0) == [[]]
        and dataset.iter_vector("e", vectors[0], 0) == []
    )
    assert len(dataset.iter_vector("e", vectors[:1].tolist(), 1)) == 1
    assert dataset.iter_vector("e", np.zeros((0, DIM)), 4) == []


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda d: d.iter_vector("e", [1, 2], 3), "query dim 2 != schema dim 24"),
        (lambda d: d.iter_vector("e", [1] * DIM, -1), "top_k"),
        (lambda d: d.iter_vector("zz", [1] * DIM, 1), "not in schema"),
        (lambda d: d.iter_vector("c", [1] * DIM, 1), "embedding"),
        (lambda d: d.iter_vector("e", [float("nan")] * DIM, 1), "NaN"),
        (
            lambda d: d.iter_vector("e", [1] * (DIM - 1) + [1e50], 1),
            r"query: 1e\+50 at \[23\] is a number beyond f32",
        ),
        (
            lambda d: d.iter_vector("e", np.full((2, DIM), [[1.0], [-1e50]]), 1),
            r"query: -1e\+50 at \[1, 0\] is a number beyond f32",
        ),
        (lambda d: d.iter_vector("e", [1] * DIM, 1, nprobe=0), "must be >= 1"),
        (lambda d: d.iter_vector("e", [1] * DIM, 1, rerank_mode="no"), "rerank_mode"),
        (lambda d: d.iter_vector("e", [1] * DIM, 5, rerank_pool_size=4), "rerank_pool_size"),
        (lambda d: d.iter_vector("e", [1] * DIM, 1, distance="hamming"), "distance"),
        (lambda d: d.iter_vector("e", ["a"] * DIM, 1), "numbers"),
        (lambda d: d.iter_vector("e", [[[1] * DIM]], 1), "shape"),
        (lambda d: d.iter_vector("e", [1] * DIM, 1, where="zz == 1"), "zz"),
        (lambda d: d.iter_vector("e", [1] * DIM, 1, fields=["zz"]), "zz"),
    ],
)
def test_refusals(data, call, text):
    with pytest.raises(dreamdb.InvalidArgumentError, match=text):
        call(data[0])
