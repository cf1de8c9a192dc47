"""`--cost`, `--prices` and the disk cache (`--cache`, `--cache-size`)."""

import json
import os
import pathlib

import pytest

from conftest import ROOT, dreamdb


def cost_of(*words, code=0, **environment):
    return json.loads(dreamdb(*words, "--cost", "--json", code=code, **environment).err.splitlines()[0])["cost"]


def test_a_second_pass_asks_for_the_ref_alone(pets, tmp_path):
    cache = ["--cache", tmp_path / "cache", "--cache-size", "64MB"]
    expected = dreamdb("stream", pets).out
    first = dreamdb("stream", pets, *cache, "--cost", "--json")
    second = dreamdb("stream", pets, *cache, "--cost", "--json")
    assert first.out == second.out == dreamdb("stream", pets, "--json").out and expected
    kept, cost = (json.loads(run.err)["cost"] for run in (first, second))
    assert kept["cache"]["misses"] > 0 and kept["cache"]["bytes_written"] > 0
    assert (cost["requests"], cost["loads"], cost["waves"]) == (1, 1, 1)
    assert cost["cache"]["misses"] == 0 and cost["cache"]["hits"] > 0
    assert cost["cache"]["bytes_read"] > 0 and cost["cache"]["damaged"] == 0
    # Another command, and the variables instead of the options.
    variables = {"DREAMDB_CACHE": str(tmp_path / "cache"), "DREAMDB_CACHE_SIZE": "1GiB"}
    assert cost_of("search", pets, "emb", "--like", 3000, **variables)["requests"] == 1
    assert cost_of("stream", pets)["requests"] > 1
    assert "cache: " in dreamdb("count", pets, *cache, "--cost").err
    assert "cache" not in cost_of("count", pets)


def test_a_cache_on_a_disk_that_takes_none_is_gone_without(pets):
    run = dreamdb("stream", pets, "--cache", "/sys/dreamdb-cache")  # nobody makes folders there
    assert run.out == dreamdb("stream", pets).out
    assert run.err.count("warning") == 1
    assert "reading goes on without the cache in /sys/dreamdb-cache: cannot make the cache folder" in run.err


def test_damage_is_harmless(pets, tmp_path):
    cache = ["--cache", tmp_path / "cache"]
    expected = dreamdb("stream", pets, *cache).out
    for path in (tmp_path / "cache").rglob("*"):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)
    assert dreamdb("stream", pets, *cache).out == expected


@pytest.mark.parametrize("size", ["20 parsecs", "GB", "-1", "", "1e9"])
def test_bad_sizes(pets, tmp_path, size):
    err = dreamdb("count", pets, "--cache", tmp_path / "c", f"--cache-size={size}", code=2).err
    assert "--cache-size" in err or "example 20GB" in err, err


def test_bad_caches(pets, tmp_path):
    assert "16 MiB" in dreamdb("count", pets, "--cache", tmp_path / "c", "--cache-size", "1MB", code=2).err
    assert "DREAMDB_CACHE" in dreamdb("count", pets, "--cache-size", "1GB", code=2).err
    err = dreamdb("count", pets, DREAMDB_CACHE=str(tmp_path / "c"), DREAMDB_CACHE_SIZE="much", code=2).err
    assert "DREAMDB_CACHE_SIZE" in err and "much" in err
    (tmp_path / "file").write_text("x")
    err = dreamdb("count", pets, "--cache", tmp_path / "file" / "c", code=2).err
    assert str(tmp_path / "file") in err


def test_a_cache_that_cannot_be_written_to_warns_once(pets, tmp_path):
    (tmp_path / "c" / "dreamdb-cache-1" / "usage").mkdir(parents=True)
    run = dreamdb("stream", pets, "--cache", tmp_path / "c")
    assert run.out == dreamdb("stream", pets).out
    assert run.err.count("warning") == 1 and str(tmp_path / "c") in run.err


def test_a_relative_folder(pets, tmp_path):
    where = pathlib.Path(str(pets).removeprefix("file://")).resolve()
    dreamdb("count", where, "--cache", "here", cwd=tmp_path)
    assert (tmp_path / "here" / "dreamdb-cache-1").is_dir()


def test_money(pets, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"currency": "EUR", "per_1000_requests": {"get": 1000, "put": 7},
                                  "per_gb": {"out": 1e9}}))
    cost = json.loads(dreamdb("count", pets, "--prices", prices, "--json").err)["cost"]
    money = cost["money"]
    assert money["currency"] == "EUR" and money["of"] == "asked"
    assert money["requests"] == pytest.approx(cost["gets"] + cost["loads"])
    assert money["bytes"] == pytest.approx(cost["bytes_read"])
    assert money["sum"] == pytest.approx(money["requests"] + money["bytes"])
    assert "money: " in dreamdb("count", pets, "--cost", DREAMDB_PRICES=str(prices)).err
    assert dreamdb("count", pets, DREAMDB_PRICES=str(prices)).err == ""
    example = dreamdb("count", pets, "--prices", ROOT / "examples/prices-s3.json").err
    assert "USD" in example and "prices-s3.json" in example


def test_bad_prices_are_said_before_anything_is_done(pets, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"currency": "EUR", "per_1000_requests": {"gets": 1}}')
    err = dreamdb("add-field", pets, "weight:float?", "--prices", prices, code=2).err
    assert "per_1000_requests.gets" in err and str(prices) in err
    assert "weight" not in dreamdb("schema", pets).out
    assert "no.json" in dreamdb("count", pets, "--prices", tmp_path / "no.json", code=3).err


def test_what_fails_costs_too(pets):
    cost = cost_of("count", f"{pets}@nothing", code=3)
    assert cost["loads"] == 2 and cost["requests"] == 2  # and the snapshot of `main` with that label
    # A server that is not there: the listing was asked for, and each attempt was sent or tried.
    cost = cost_of("ls", "s3+http://127.0.0.1:1/bucket/pets", code=7, DREAMDB_TIMEOUT="1")
    assert cost["lists"] == 1 and cost["requests"] == 1
    assert cost["sent"]["lists"] >= 1


def test_help_and_completion_know_the_options(tmp_path):
    for option in ("--cache", "--cache-size", "--prices"):
        assert option in dreamdb("count", "--help").out
        assert option in dreamdb("completion", "bash").out
    assert "--cache" not in dreamdb("doctor", "--help").out
    assert "cache\\-size" in dreamdb("man").out
