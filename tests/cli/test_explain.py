"""quickstudy explain"""

import json


def test_votes_examples_and_fields_are_shown(run, model):
    code, out, _ = run("explain", model, '{"height": 1.5, "colour": "red"}')
    assert code == 0 and "answer up" in out
    for part in ("votes", "weight", "nearest remembered", "fields that matter", "height"):
        assert part in out


def test_plain_text_is_a_record(run, tmp_path):
    rows = ["text,kind"] + ["my card is lost,card\nsend money abroad,transfer"] * 15
    (tmp_path / "t.csv").write_text("\n".join(rows))
    run("learn", tmp_path / "t.qs", tmp_path / "t.csv", "--target", "kind")
    code, out, _ = run("explain", tmp_path / "t.qs", "my card is lost")
    assert code == 0 and "answer card" in out
    assert run("explain", tmp_path / "t.qs", "[urgent] my card is lost")[0] == 0


def test_a_record_has_the_fields_that_it_had_in_a_file(run, tmp_path):
    rows = [
        {
            "who": {"country": c},
            "tags": t,
            "at": f"2024-05-0{i % 9 + 1}",
            "y": "lost" if t else "no",
        }
        for i, (c, t) in enumerate([("IT", ["card"]), ("FR", [])] * 15)
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run("learn", tmp_path / "t.qs", tmp_path / "t.jsonl", "--target", "y")
    record = {key: value for key, value in rows[0].items() if key != "y"}
    code, out, _ = run("explain", tmp_path / "t.qs", json.dumps(record))
    assert code == 0 and "answer lost" in out and "tags.card" in out


def test_bad_records_are_refused(refused, model, tmp_path):
    assert "not valid JSON" in refused("explain", model, '{"height": ')
    assert "height" in refused("explain", model, '{"height": Infinity}')
    assert "'height'" in refused("explain", model, '{"height": [{"a": 1}]}')
    refused("explain", tmp_path / "none.qs", "hello")
