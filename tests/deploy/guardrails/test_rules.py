"""A rule holds where its text says so, and no text or record makes it do anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from quickstudy.deploy.guardrails.rules import DEEPEST, LONGEST, MOST_NODES, parse
from quickstudy.errors import SettingError
from tests.examples import many

CASE = {
    "amount": 700,
    "share": 0.5,
    "country": "CH",
    "vip": True,
    "note": 'He said "Lawyer"',
    "tags": ["new", 3, True],
    "order id": 12,
    "label": "a field",
    "empty": None,
    "in": 1,
    "größe": 2,
    "deep": [[1], [2]],
    "nan": float("nan"),
}
HOLDS = [
    'amount > 500 and label == "refund"',
    "amount > 500 and (country == 'DE' or country == 'CH')",
    "country == 'DE' and vip or amount == 700",  # and binds more tightly than or
    "not country == 'DE' and vip",
    "not not vip",
    "vip",
    "true",
    "not false",
    "amount == 700.0",
    "amount == 7e2",
    "500 < amount",
    "share <= 0.5 and share >= 0.5",
    "amount > -1 and amount != - 3",
    "country < 'DE' and country >= 'CH'",
    "'Z' < 'a' and 'é' > 'z'",  # by code points
    "country in ['DE', 'CH']",
    "country not in ['DE']",
    "amount not in []",
    "label in ['refund', 5]",
    "3 in tags and true in tags",
    "1 not in tags",  # true is no number
    "tags == ['new', 3, true]",
    "tags != ['new', 3, 1]",
    "tags[1] == 3",
    "missing(tags[3])",
    "contains(note, 'LAWYER')",
    'contains(note, "\\"lawyer\\"")',
    "startswith(note, 'he said')",
    "not startswith(note, 'said')",
    "contains(label, 'fun')",
    "len(country) == 2 and len(tags) == 3",
    "missing(nowhere) and missing(empty) and not missing(vip) and missing(nan)",
    "nowhere == null and empty == null and null != vip",
    'field["order id"] == 12',
    "field['label'] == 'a field'",
    "field['in'] == 1",
    "größe == 2",
    "'and' == 'and' and '(' == '('",
    "'a\\nb\\t\\\\\\'' == \"a\nb\t\\\\'\"",
    "\n amount\t>\r\n5 ",
]
FAILS = [
    "nowhere == 5",
    "nowhere != 5",
    "nowhere < 5",
    "nowhere > 5",
    "nowhere not in ['x']",
    "nowhere == elsewhere",
    "nowhere",
    "contains(nowhere, '')",
    "len(nowhere) == 0",
    "len(amount) >= 0",
    "empty == empty",
    "nan == nan or nan != nan or nan < 5 or nan > 5",
    "amount == '700'",
    "amount != '700'",
    "amount > '5'",
    "vip == 1",
    "vip != 0",
    "vip > false",
    "vip in [1, '1', 'true']",
    "amount",
    "country",
    "tags",
    "tags < ['z']",
    "deep == [1, 2]",
    "vip in amount",
    "'C' in country",
    "contains(tags, 'new')",
    "contains(amount, '7')",
    "contains(note, amount)",
    "country[0] == 'C'",
    "__class__ == 'dict'",
    "field['__class__']",
    "true and false",
    "false or not true",
]


@pytest.mark.parametrize("text", HOLDS)
def test_it_holds(text):
    assert parse(text).holds(CASE, "refund")
    assert not parse(f"not ({text})").holds(CASE, "refund")


@pytest.mark.parametrize("text", FAILS)
def test_it_does_not_hold(text):
    assert not parse(text).holds(CASE, "refund")
    assert parse(f"not ({text})").holds(CASE, "refund")


def test_a_rule_can_be_written_so_that_a_missing_field_does_not_slip_through():
    records = [{"amount": 400}, {"amount": 600}, {"amount": "400"}, {}, {"amount": None}]
    for text, expected in (
        ("amount > 500", [False, True, False, False, False]),
        ("not (amount <= 500)", [False, True, True, True, True]),
        ("missing(amount) or amount > 500", [False, True, False, True, True]),
    ):
        assert [parse(text).holds(x, "y") for x in records] == expected


@pytest.mark.parametrize("label", [1, True, "1"])
def test_labels_of_three_types_are_three_labels(label):
    held = [parse(f"label == {other}").holds({}, label) for other in ("1", "true", "'1'")]
    assert held == [type(label) is kind for kind in (int, bool, str)]


def test_an_input_without_fields_has_one():
    assert parse("contains(text, 'card') and missing(vector)").holds("my card", "y")
    assert parse("vector[1] > 0.5 and len(vector) == 2 and missing(text)").holds([0.1, 0.9], "y")
    rule = parse("text == 'x' or vector[0] == 1 or a == 1")
    for x in (None, 5, object(), b"bytes", {"a": {"b": 1}}, []):
        assert not rule.holds(x, "y")


def test_without_an_answer_the_label_is_missing():
    assert parse("label == null and not (label == 'x') and not (label != 'x')").holds({}, None)


def test_a_rule_knows_the_fields_it_speaks_of():
    rule = parse("amount > 5 and field['order id'] in tags and label == text[0]")
    assert rule.fields == {"amount", "order id", "tags", "text"}
    assert rule.text.startswith("amount > 5")


WRONG = [
    ("", 1, "expected a value"),
    ("   ", 4, "expected a value"),
    ("amount >", 9, "expected a value"),
    ("amount = 5", 8, "=="),
    ("amount === 5", 10, "=="),
    ("a.b > 1", 2, 'field["a.b"]'),
    ("a && b", 3, "and"),
    ("!a", 1, "not"),
    ("1 < a < 3", 7, "a < b and b < c"),
    ("a in [1] in [2]", 10, "another comparison"),
    ('label == "a" or "b"', 17, "a condition"),
    ("amount 500", 8, "expected and, or, or the end"),
    ("5", 1, "a condition"),
    ("not 5", 5, "a condition"),
    ("'x' and a", 1, "a condition"),
    ("len(a)", 1, "a condition"),
    ("(a > 1", 7, "expected and, or, or )"),
    ("a)", 2, "expected and, or, or the end"),
    ("(a > 1) == true", 2, "expected a value"),
    ("contains(a)", 11, "a comma"),
    ("contains(a > 1, 'x')", 12, "a comma"),
    ("missing(a, b)", 10, "expected )"),
    ("label in 'ab'", 10, "no list"),
    ("label in ['a' 'b']", 15, "a comma or ]"),
    ("label in ['a',]", 15, "a text"),
    ("label in ['a', b]", 16, "a text"),
    ("label in ['a', null]", 16, "null"),
    ("label in ['a'", 14, "a comma or ]"),
    ("label not 'a'", 11, "expected in"),
    ("a < null", 1, "null"),
    ("null", 1, "a condition"),
    ("a[1.5] > 1", 3, "the place"),
    ("a[-1] > 1", 3, "the place"),
    ("a['b'] > 1", 3, "the place"),
    ("field[b] > 1", 7, "the name of a field"),
    ("a == 1e999", 6, "too large"),
    ("a == " + "9" * 400, 6, "too large"),
    ("a == -'x'", 7, "a number"),
    ("a == 'it's'", 11, "no end"),
    ("a == 'open", 6, "no end"),
    ('a == "C:\\dir"', 9, "write"),
    ("a == 5€", 7, "no rule has that"),
    ("a == 5\u00a0", 7, "no rule has that"),
    ("a == 5eur", 7, "expected and, or, or the end"),
    ("and", 1, "expected a value"),
    ("a or", 5, "expected a value"),
    ("lambda: 5", 7, "no rule has that"),
    ("a;b", 2, "no rule has that"),
    ("().__class__", 3, "a.b"),
    ("open('x')", 5, "expected and, or, or the end"),
]


@pytest.mark.parametrize(("text", "place", "expected"), WRONG)
def test_what_cannot_be_read_is_refused_with_its_place_and_what_was_expected(text, place, expected):
    with pytest.raises(SettingError) as refused:
        parse(text, name="never[3]")
    said = str(refused.value)
    assert said.startswith(f"never[3]: at character {place} ") and expected in said


def nested(n):
    return "(" * n + "a" + ")" * n


HOSTILE = [
    "(" * LONGEST,
    "[" * LONGEST,
    "not " * (LONGEST // 4),
    "contains(" * 200,
    nested(DEEPEST + 1),
    nested(900),
    "not " * (DEEPEST + 1) + "a",
    " or ".join("a" * (MOST_NODES + 1)),
    "label in [" + ",".join("1" * MOST_NODES) + "]",
    "a" * (LONGEST + 1),
    "'" * (LONGEST - 1),
    '"' + "\\" * (LONGEST - 1),
    "'" + "\\'" * 999,
    "9" * LONGEST,
    "-" * LONGEST,
    "a == " + "1e" * 900,
    "a == 0x41",
    "\x00",
    "a\x00b",
    "\ud800",
    "'\udfff' == a",
    "\u202ea > 5",
    "__import__('os').system('x')",
    "a if b else c",
    "[x for x in a]",
    "f'{a}' == 'x'",
    "a := 5",
    "a ** 9 ** 9 > 1",
    "label == 'x' # never",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_refused(text):
    with pytest.raises(SettingError, match="rule") as refused:
        parse(text)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("text", [None, 5, b"a > 5", ["a > 5"], {"a": 1}])
def test_a_rule_is_a_text(text):
    with pytest.raises(SettingError, match=r"never\[0\] is a"):
        parse(text, name="never[0]")


def test_as_much_as_a_rule_may_have():
    assert parse(nested(DEEPEST)).holds({"a": True}, "y")
    assert parse("not " * DEEPEST + "a").holds({"a": True}, "y")
    assert parse(" or ".join("a" * (MOST_NODES - 1))).holds({"a": True}, "y")
    assert parse("a" * LONGEST).holds({"a" * LONGEST: True}, "y")
    assert parse("a == " + "9" * 300).holds({"a": 10**300 - 1}, "y")


SCALARS = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.floats(),
    some.text(max_size=5),
    some.sampled_from(["CH", "ch", 1, 0, 1.0, "1", 10**400, float("nan"), float("inf")]),
)
VALUES = some.recursive(
    SCALARS, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner)
)
NAMES = some.sampled_from(["a", "b", "order id", "label", "text", "not"])
RECORDS = some.dictionaries(NAMES, VALUES, max_size=5) | VALUES
LABELS = some.none() | some.booleans() | some.integers() | some.text(max_size=3)
SIGNS = ["==", "!=", "<", "<=", ">", ">="]
CALLED = ["missing", "len", "contains", "startswith"]
NAMED = [
    "label",
    "text",
    "vector[0]",
    "field",
    "['order id']",
    "__class__",
    "null",
    "true",
    "false",
]
WORDS = some.sampled_from(
    [*"ab()[],-1'\\€", *SIGNS, *CALLED, *NAMED, "and", "or", "not", "in", "1e2", "'x'", '"CH"']
)


@given(some.text(max_size=80) | some.lists(WORDS, max_size=30).map(" ".join), RECORDS, LABELS)
@many(150)
def test_any_text_is_refused_or_is_true_or_false_of_any_record(text, record, label):
    try:
        rule = parse(text)
    except SettingError:
        return
    assert rule.holds(record, label) in (True, False)
    assert rule.holds(record, label) is not parse(f"not ({text})").holds(record, label)


# rules as trees, how they are written, and what they mean by a second reading
LEAVES = some.one_of(
    some.tuples(some.just("name"), some.sampled_from(["a", "b", "label"])),
    some.tuples(some.just("is"), some.integers(-3, 3) | some.sampled_from(["x", "y", True, False])),
)
COMPARED = some.tuples(some.sampled_from(SIGNS), LEAVES, LEAVES)
TREES = some.recursive(
    COMPARED,
    lambda inner: some.one_of(
        some.tuples(some.sampled_from(["and", "or"]), inner, inner),
        some.tuples(some.just("not"), inner),
    ),
    max_leaves=12,
)


def write(tree):
    head, *parts = tree
    if head == "name":
        return parts[0]
    if head == "is":
        return str(parts[0]).lower() if isinstance(parts[0], bool | int) else repr(parts[0])
    if head == "not":
        return f"not ({write(parts[0])})"
    inner = [f"({write(p)})" if p[0] in ("and", "or") else write(p) for p in parts]
    return f" {head} ".join(inner)


def means(tree, values):
    head, *parts = tree
    if head in ("name", "is"):
        return values.get(parts[0]) if head == "name" else parts[0]
    read = [means(p, values) for p in parts]
    if head == "not":
        return not read[0]
    if head in ("and", "or"):
        return all(read) if head == "and" else any(read)
    kinds = [float if type(v) is int else type(v) for v in read]
    if kinds[0] is not kinds[1] or kinds[0] is type(None):
        return False
    a, b = read
    if head in ("==", "!="):
        return (a == b) is (head == "==")
    comparisons = {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}
    return kinds[0] is not bool and comparisons[head]


PLAIN = some.none() | some.booleans() | some.integers(-3, 3) | some.sampled_from(["x", "y", 0.5])


@given(TREES, PLAIN, PLAIN, PLAIN)
@many(150)
def test_a_rule_means_what_a_second_reading_says(tree, a, b, label):
    values = {"a": a, "b": b, "label": label}
    assert parse(write(tree)).holds({"a": a, "b": b}, label) is means(tree, values)
