"""Search through a spatial index against NumPy."""

import concurrent.futures
import multiprocessing

import numpy as np
import pytest
from clusters import CELLS, DIM, N, QUERIES, VECTORS, anchors_of, make, recall, rows_of, truth

import dreamdb
from dreamdb import Dataset, Schema, col


@pytest.mark.parametrize(
    "algorithm, distance",
    [
        ("dreamdb.ivf-cosine", "cosine"),
        ("dreamdb.ivf-ip", "inner_product"),
        ("dreamdb.ivf-l2", "l2"),
    ],
)
def test_recall_by_distance(url, algorithm, distance):
    dataset = make(url, algorithm)
    info = dataset.reindex("e", cells=CELLS)
    assert (info["algorithm"], info["cells"], info["codes"]) == (algorithm, CELLS, N)
    expected = [truth(VECTORS, query, distance) for query in QUERIES]
    for wanted, least in ((1, 0.93), (0.95, 0.88), (0.7, 0.6)):
        answer = dataset.search("e", QUERIES, recall=wanted, fields=[])
        assert recall([anchors_of(hits) for hits in answer.hits], expected) >= least, wanted
        report = answer.report
        assert report["algorithm"] == algorithm and report["recall"] >= wanted
        assert report["covered"] == 1 and report["scanned"] == 0
        assert report["manifest"] == dataset.current_manifest()
    exact = dataset.search("e", QUERIES, exact=True, fields=[])
    assert [anchors_of(hits) for hits in exact.hits] == expected
    assert exact.report["algorithm"] is None and exact.report["scanned"] == N
    scores = {a: s for a, s in zip(*[exact.hits[0][0][k] for k in ("_time_anchors", "_score")])}
    for anchor, score in zip(*[answer.hits[0][0][k] for k in ("_time_anchors", "_score")]):
        assert scores.get(anchor, score) == score  # exact through an index too


@pytest.mark.parametrize("algorithm, cells", [("dreamdb.imi-cosine", 16), ("dreamdb.lsh-cosine", 16)])
def test_cells_with_a_structure(url, algorithm, cells):
    dataset = make(url)
    info = dataset.reindex("e", algorithm, cells=cells + 3)
    assert (info["algorithm"], info["cells"], info["codes"]) == (algorithm, cells, N)
    answer = dataset.search("e", QUERIES, recall=0.95, fields=[])
    assert answer.report["algorithm"] == algorithm and answer.report["recall"] >= 0.95
    expected = [truth(VECTORS, query, "cosine") for query in QUERIES]
    assert recall([anchors_of(hits) for hits in answer.hits], expected) >= 0.88
    assert dataset.reindex("e", algorithm, cells=1)["cells"] == 1


def test_a_multi_index_of_too_few_cells(built):
    before = built.indexes()
    with pytest.raises(dreamdb.InvalidArgumentError, match="at least 4 cells"):
        built.reindex("e", "dreamdb.imi-cosine", cells=3)
    assert built.indexes() == before


def test_probes_and_recall_say_what_is_read(built):
    (info,) = built.indexes()
    assert [probes for probes, _ in info["recall"]] == sorted(p for p, _ in info["recall"])
    assert info["recall"][-1][1] == 1
    for probes in (1, 3, CELLS, 10**6):
        report = built.search("e", QUERIES[0], nprobe=probes).report
        assert report["probes"] == min(probes, CELLS) and report["cells"] == min(probes, CELLS)
    for wanted in (0.5, 0.9, 1.0):
        least = next((p for p, r in info["recall"] if r >= wanted), CELLS)
        assert built.search("e", QUERIES[0], recall=wanted).report["probes"] == least
    default = built.search("e", QUERIES[0]).report
    assert default == built.search("e", QUERIES[0], recall=0.95).report | {
        key: default[key] for key in ("requests", "waves", "bytes", "seconds")
    }


def test_iter_vector_is_the_hits_of_search(built):
    for options in ({}, {"nprobe": 2}, {"recall": 1}, {"where": "i < 2000"}, {"as_numpy": False}):
        expected = built.search("e", QUERIES[:3], 70, **options).hits
        assert built.iter_vector("e", QUERIES[:3], 70, **options) == expected
    exact = built.search("e", QUERIES[0], 50, exact=True).hits
    assert built.iter_vector("e", QUERIES[0], 50, rerank_mode="exact") == exact
    assert built.iter_vector("e", QUERIES[0], 50, exact=True) == exact
    few = built.search("e", QUERIES[0], 5, nprobe=1).hits
    for options in ({"rerank_mode": "approximate"}, {"rerank_pool_size": 10}, {"spec_id": "x"}):
        assert built.iter_vector("e", QUERIES[0], 5, nprobe=1, **options) == few


def test_the_report_says_why_no_index_was_used(built):
    for reason, options in (
        (None, {}),
        ("exact", {"exact": True}),
        ("other_distance", {"distance": "l2"}),
        ("few_matches", {"where": "i < 30"}),
        ("nothing_to_find", {"top_k": 0}),
    ):
        report = built.search("e", QUERIES, **options).report
        assert report["reason"] == reason
        assert (report["algorithm"] is None) == (reason is not None)
    assert built.search("e", np.zeros((0, DIM))).report["reason"] == "nothing_to_find"


def test_the_report_says_where_the_time_went(built):
    by_index = built.search("e", QUERIES, nprobe=5).report["seconds"]
    assert list(by_index) == ["cells", "codes", "rows", "fields"]
    assert all(seconds > 0 for seconds in by_index.values())
    by_scan = built.search("e", QUERIES, exact=True).report["seconds"]
    assert by_scan["cells"] == by_scan["codes"] == 0 < by_scan["rows"]


def test_batches_of_queries_are_each_query(built):
    together = built.search("e", QUERIES, nprobe=5)
    apart = [built.search("e", query, nprobe=5) for query in QUERIES]
    assert together.hits == [answer.hits for answer in apart]
    assert together.report["cells"] <= sum(answer.report["cells"] for answer in apart)
    empty = built.search("e", np.zeros((0, DIM)))
    assert empty.hits == [] and empty.report["manifest"] == built.current_manifest()


@pytest.mark.parametrize(
    "where, chosen",
    [
        ("i >= 0", lambda i, c: True),
        ("c == 'many'", lambda i, c: c == "many"),
        ("c == 'rare'", lambda i, c: c == "rare"),
        (col("i").is_in([7, 70, 700]), lambda i, c: i in (7, 70, 700)),
        ("i < 0", lambda i, c: False),
        ("i < 2500 and c != 'many'", lambda i, c: i < 2500 and c != "many"),
    ],
)
def test_filters(built, where, chosen):
    rows = rows_of(VECTORS)
    places = [k for k in range(N) if chosen(k, rows["c"][k])]
    expected = [
        [places[k] for k in truth(VECTORS[places], query, "cosine")] if places else []
        for query in QUERIES
    ]
    answer = built.search("e", QUERIES, where=where, fields=["c"])
    found = [anchors_of(hits) for hits in answer.hits]
    if places:
        assert recall(found, expected) >= 0.93
    assert all(chosen(a, rows["c"][a]) for anchors in found for a in anchors)
    window = built.search("e", QUERIES, start_ns=1000, end_ns=1005, nprobe=1, fields=[]).hits
    assert all(sorted(anchors_of(hits)) == list(range(1000, 1005)) for hits in window)


def test_top_k_of_nothing_and_of_more_than_there_is(built):
    assert built.search("e", QUERIES[0], 0).hits == []
    assert built.search("e", QUERIES[:2], 0).hits == [[], []]
    hits = built.search("e", QUERIES[0], 10 * N, 10 * N, nprobe=1, fields=[]).hits
    assert sorted(anchors_of(hits)) == list(range(N))


def test_like(built):
    found = built.iter_vector("e", like=17, top_k=5, recall=1)
    assert found == built.iter_vector("e", VECTORS[17], 5, recall=1)
    assert found[0]["_time_anchors"][0] == 17
    with pytest.raises(dreamdb.NotFoundError, match="5000000"):
        built.search("e", like=5_000_000)
    for given in ({}, {"query": QUERIES[0], "like": 3}):
        with pytest.raises(dreamdb.InvalidArgumentError, match="`query`.*`like`"):
            built.search("e", **given)


def test_like_a_record_without_a_vector(own):
    schema = Schema().add_embedding("e", DIM, required=False).add_scalar_int("i", required=False)
    dataset = Dataset.create("like", schema, backend=own.locator.split("@")[0])
    dataset.append_many([{"_anchor": 1, "i": 1}, {"_anchor": 2, "e": VECTORS[0]}])
    assert anchors_of(dataset.iter_vector("e", like=2)) == [2]
    with pytest.raises(dreamdb.NotFoundError, match="record 1 has no value of field `e`"):
        dataset.iter_vector("e", like=1)


def test_many_threads_and_a_child_search_one_handle(built):
    expected = [built.iter_vector("e", query, 20, recall=1) for query in QUERIES]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(built.iter_vector, "e", q, 20, recall=1) for q in QUERIES]
        assert [one.result() for one in asked] == expected
    shared.append(built)
    with multiprocessing.get_context("fork").Pool(1) as pool:  # with the parent's own handle
        assert pool.apply_async(_search, (QUERIES[0],)).get(timeout=60) == expected[0]


shared = []


def _search(query):
    return shared[0].iter_vector("e", query, 20, recall=1)


def test_half_floats(url):
    schema = Schema().add_embedding("e", DIM, "dreamdb.ivf-l2", dtype="f16")
    dataset = Dataset.create("main", schema, backend=url)
    half = VECTORS[:1000].astype(np.float16)
    dataset.append_many({"_anchor": np.arange(1000), "e": half})
    assert dataset.reindex("e", cells=8, bits=4)["codes"] == 1000
    found = [anchors_of(hits) for hits in dataset.iter_vector("e", QUERIES, recall=1)]
    assert recall(found, [truth(half, query, "l2") for query in QUERIES]) >= 0.95
    assert dataset.iter_vector("e", like=5, top_k=1)[0]["_score"] == [0.0]


def test_a_filter_that_leaves_few_rows_a_cluster(url):
    """The nearest that match then lie beyond the query's own cluster."""
    rng = np.random.default_rng(11)
    centers = rng.standard_normal((2000, DIM))
    vectors = centers[rng.integers(2000, size=60_000)] + 0.4 * rng.standard_normal((60_000, DIM))
    vectors = vectors.astype(np.float32)
    chosen = rng.integers(40, size=60_000)
    schema = Schema().add_embedding("e", DIM).add_scalar_int("i")
    dataset = Dataset.create("main", schema, backend=url)
    dataset.append_many({"_anchor": np.arange(60_000), "e": vectors, "i": chosen})
    dataset.reindex("e")
    queries = centers[:100] + 0.4 * rng.standard_normal((100, DIM))
    for where, places in (("i == 0", chosen == 0), ("i < 4", chosen < 4)):
        assert places.sum() > 1000  # fewer are compared at once
        answer = dataset.search("e", queries, where=where, fields=[])
        assert answer.report["algorithm"] == "dreamdb.ivf-cosine"
        own = np.flatnonzero(places)
        expected = [own[truth(vectors[own], query, "cosine")].tolist() for query in queries]
        found = recall([anchors_of(hits) for hits in answer.hits], expected)
        assert found >= 0.93, (where, found)


def test_a_filter_that_no_row_near_the_query_passes(url):
    """One row in ten does, on the other side of all; the cells next to the query say that few do."""
    rng = np.random.default_rng(12)
    centers = rng.standard_normal((1000, DIM))
    vectors = centers[rng.integers(1000, size=60_000)] + 0.3 * rng.standard_normal((60_000, DIM))
    vectors = vectors.astype(np.float32)
    side = (vectors[:, :4].sum(axis=1) * 1000).astype(np.int64)
    schema = Schema().add_embedding("e", DIM).add_scalar_int("side")
    dataset = Dataset.create("main", schema, backend=url)
    dataset.append_many({"_anchor": np.arange(60_000), "e": vectors, "side": side})
    dataset.reindex("e", cells=512)
    limit = int(np.sort(side)[6_000])
    own = np.flatnonzero(side < limit)
    queries = vectors[np.argsort(-side)[:50]]
    expected = [own[truth(vectors[own], query, "cosine")].tolist() for query in queries]
    answer = dataset.search("e", queries, where=col("side") < limit, fields=[])
    assert answer.report["algorithm"] == "dreamdb.ivf-cosine"
    assert recall([anchors_of(hits) for hits in answer.hits], expected) >= 0.95
