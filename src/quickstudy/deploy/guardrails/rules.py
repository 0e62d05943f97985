"""Must-never rules: predicates on the fields of a record and the answer, in a small language.

    amount > 500 and label == "refund"
    not (age >= 18) and label in ["sell", "lend"]
    contains(text, "lawyer") or missing(field["order id"])

    names     a name is a field of the record, and so is field["any name at all"]; `label` is the
              answer, field["label"] a field of that name; an input that is a text has the field
              `text`, a vector has `vector`; vector[3] is an entry, counted from 0
    values    5  -2.5  1e3  "text"  'text'  true  false  ["a", 3]; in texts \\" \\' \\\\ \\n \\t
    compare   ==  !=  <  <=  >  >=  in  not in; texts by their code points
    ask       contains(a, "part"), startswith(a, "part"), whatever the case; missing(a); len(a) of
              a text or a list
    join      not, and, or (that is the order in which they bind), and parentheses

A comparison holds only between values of one type. With a field that is missing (not there, null,
or of a type of its own), or between a text and a number, it is false; so are `!=` and `not in`.
True and false are no numbers. Hence `not` of it holds: where a missing amount must not slip
through, write `not (amount <= 500)`, or `missing(amount) or amount > 500`. `a == null` is the same
as `missing(a)`. A field by itself holds where it is true.

Nothing here runs what it reads: a rule becomes a tree of these few operations, no larger than its
text, and evaluating it never fails.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, NoReturn

from quickstudy.errors import SettingError
from quickstudy.types import Label

LONGEST, DEEPEST, MOST_NODES = 2_000, 50, 200  # characters, brackets in brackets, parts
TOKEN = re.compile(
    r"""(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<name>[^\W\d]\w*)
      | (?P<sign>==|!=|<=|>=|[-<>()\[\],])
      | (?P<space>[ \t\r\n]+)""",
    re.VERBOSE | re.DOTALL,
)
ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
RESERVED = {"and", "or", "not", "in", *CONSTANTS}
HINTS = {
    "=": "write == to compare",
    ".": 'a field whose name has a dot is field["a.b"]',
    "&": "write and",
    "|": "write or",
    "!": "write not, or !=",
    '"': "the text that starts here has no end",
    "'": "the text that starts here has no end",
}
Fields = Mapping[str, Any]
Run = Callable[[Fields, Label | None], Any]
Test = Callable[[Any, Any], bool]
NodeType = Literal["condition", "value", "either", "list", "null"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A predicate on a record and the answer to it.

    Attributes:
        text: the text of the rule; fields: names of the fields that it uses.

    >>> rule = parse('amount > 500 and label == "refund"')
    >>> rule.holds({"amount": 700}, "refund"), rule.holds({"amount": 700}, "wait")
    (True, False)
    >>> rule.holds({}, "refund"), sorted(rule.fields)
    (False, ['amount'])
    """

    text: str
    fields: frozenset[str]
    _run: Run = field(repr=False, compare=False)

    def holds(self, record: Any, label: Label | None) -> bool:
        """Whether the rule holds for a record, text or vector and its answer; never raises."""
        if not isinstance(record, Mapping):
            record = {"text" if isinstance(record, str) else "vector": record}
        return self._run(record, label) is True


def parse(text: str, *, name: str = "rule") -> Rule:
    """Parse a rule.

    Raises:
        SettingError: the text is not a rule; the message has the position (characters from 1), what
            was expected there, and `name`, the caller's name of the rule.

    >>> parse("amount > ", name="never[0]")
    Traceback (most recent call last):
    quickstudy.errors.SettingError: never[0]: at character 10 the rule ends; expected a value
    """
    if not isinstance(text, str):
        raise SettingError(f"{name} is a {type(text).__name__}; it must be a rule, as text")
    if any("\ud800" <= character <= "\udfff" for character in text[:LONGEST]):
        raise SettingError(f"{name} holds half a character (a lone surrogate); it must be text")
    if len(text) > LONGEST:
        raise SettingError(f"{name} has {len(text):,} characters; a rule has at most {LONGEST:,}")
    parser = _Parser(text, name)
    node = parser.condition(parser.either())
    parser.expect("", "and, or, or the end")
    return Rule(text, frozenset(parser.fields), node.run)


class _Token(NamedTuple):
    token_type: str
    text: str
    at: int


class _Node(NamedTuple):
    """A part of a rule. `node_type`: its use; a field, true and false are "either"."""

    run: Run
    node_type: NodeType
    at: int


class _Parser:
    """Recursive descent: each method reads one part of the grammar and returns its node."""

    def __init__(self, text: str, name: str) -> None:
        self.name, self.text = name, text
        self.fields: set[str] = set()
        self._nodes = self._depth = self._at = 0
        self._tokens = self._split()

    def fail(self, at: int, what: str) -> NoReturn:
        raise SettingError(f"{self.name}: at character {at + 1} {what}")

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self.text):
            found = TOKEN.match(self.text, at)
            if found is None:
                hint = HINTS.get(self.text[at], "no rule has that outside a text")
                self.fail(at, f"there is {self.text[at]!a}; {hint}")
            if found.lastgroup != "space":
                tokens.append(_Token(str(found.lastgroup), found.group(), at))
            at = found.end()
        return [*tokens, _Token("end", "", at)]

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, *words: str) -> _Token | None:
        """Consume the next token if it is one of these words or signs."""
        token = self._next
        if token.text not in words:
            return None
        self._at += token.token_type != "end"
        return token

    def expect(self, word: str, what: str) -> None:
        if self._take(word) is None:
            self._unexpected(what)

    def _unexpected(self, what: str) -> NoReturn:
        there = f"there is {self._next.text[:40]!a}" if self._next.text else "the rule ends"
        self.fail(self._next.at, f"{there}; expected {what}")

    def _node(self, run: Run, node_type: NodeType, at: int) -> _Node:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self.fail(at, f"the rule becomes too long; it has at most {MOST_NODES} parts")
        return _Node(run, node_type, at)

    def _inside(self, read: Callable[[], _Node]) -> _Node:
        self._depth += 1
        if self._depth > DEEPEST:
            self.fail(self._next.at, f"the rule is nested deeper than {DEEPEST}; write it flatter")
        node = read()
        self._depth -= 1
        return node

    def condition(self, node: _Node) -> _Node:
        if node.node_type not in ("condition", "either"):
            self.fail(node.at, "there is a value; expected a condition, as in amount > 500")
        return node

    def either(self) -> _Node:
        return self._joined("or", any, self._both)

    def _both(self) -> _Node:
        return self._joined("and", all, self._negation)

    def _joined(
        self, word: str, join: Callable[[Iterable[bool]], bool], read: Callable[[], _Node]
    ) -> _Node:
        node = read()
        if self._next.text != word:
            return node
        runs = [self.condition(node).run]
        while self._take(word):
            runs.append(self.condition(read()).run)
        return self._node(
            lambda x, y: join(run(x, y) is True for run in runs), "condition", node.at
        )

    def _negation(self) -> _Node:
        token = self._take("not")
        if token is None:
            return self._comparison()
        run = self.condition(self._inside(self._negation)).run
        return self._node(lambda x, y: run(x, y) is not True, "condition", token.at)

    def _comparison(self) -> _Node:
        left = self._value()
        sign = self._sign()
        if not sign:
            return left
        right = self._operand(self._value())
        if self._next.text in (*TESTS, "not"):
            self.fail(self._next.at, "there is another comparison; write a < b and b < c")
        return self._compared(self._operand(left), sign, right)

    def _sign(self) -> str:
        if self._take("not"):
            self.expect("in", "in")
            return "not in"
        token = self._take(*TESTS)
        return token.text if token else ""

    def _operand(self, node: _Node) -> _Node:
        if node.node_type == "condition":
            self.fail(node.at, "there is a condition; expected a value (conditions take and, or)")
        return node

    def _compared(self, left: _Node, sign: str, right: _Node) -> _Node:
        if sign in ("in", "not in") and right.node_type not in ("list", "either"):
            self.fail(right.at, 'there is no list; expected one, as in label in ["a", "b"]')
        if "null" in (left.node_type, right.node_type):
            asked = right if left.node_type == "null" else left
            if sign not in ("==", "!=") or asked.node_type != "either":
                self.fail(left.at, "null is compared; only a field can be == null or != null")
            there = sign == "!="
            return self._node(
                lambda x, y: there is bool(_type(asked.run(x, y))), "condition", left.at
            )
        test, one, two = TESTS[sign], left.run, right.run
        return self._node(lambda x, y: test(one(x, y), two(x, y)), "condition", left.at)

    def _value(self) -> _Node:
        token = self._next
        if self._take("("):
            node = self._inside(self.either)
            self.expect(")", "and, or, or )")
            return node
        if self._take("["):
            return self._list(token.at)
        if token.token_type == "name" and token.text not in RESERVED:
            self._at += 1
            called = token.text in CALLS and self._next.text == "("
            return self._call(token) if called else self._field(token)
        value = self._literal("a value")
        node_type: NodeType = "either" if isinstance(value, bool) else "value"
        return self._node(lambda x, y: value, "null" if value is None else node_type, token.at)

    def _literal(self, what: str) -> Any:
        minus = self._take("-")
        token = self._next
        if token.token_type == "number":
            self._at += 1
            if not math.isfinite(number := float(token.text)):
                self.fail(token.at, "there is a number that is too large")
            number = int(token.text) if token.text.isdigit() else number
            return -number if minus else number
        if token.token_type == "string" and not minus:
            self._at += 1
            return self._unescaped(token)
        if minus or token.text not in CONSTANTS:
            self._unexpected("a number" if minus else what)
        self._at += 1
        return CONSTANTS[token.text]

    def _unescaped(self, token: _Token) -> str:
        def one(found: re.Match[str]) -> str:
            if found[1] not in ESCAPES:
                self.fail(token.at + 1 + found.start(), "there is a \\; write \\\\ for one")
            return ESCAPES[found[1]]

        return re.sub(r"\\(.)", one, token.text[1:-1], flags=re.DOTALL)

    def _list(self, at: int) -> _Node:
        values: list[Any] = []
        while not self._take("]"):
            if values:
                self.expect(",", "a comma or ]")
            start = self._next.at
            values.append(self._literal("a text, a number, true or false"))
            if values[-1] is None:
                self.fail(start, "there is null, which no list holds; write missing(field)")
            self._node(lambda x, y: None, "value", start)
        return self._node(lambda x, y: values, "list", at)

    def _field(self, token: _Token) -> _Node:
        if token.text == "label":
            return self._node(lambda x, y: y, "either", token.at)
        name = token.text
        if name == "field" and self._take("["):
            if self._next.token_type != "string":
                self._unexpected('the name of a field, as in field["order id"]')
            name = self._literal("")
            self.expect("]", "]")
        self.fields.add(name)
        node = self._node(lambda x, y: x.get(name), "either", token.at)
        return self._entry(node) if self._take("[") else node

    def _entry(self, node: _Node) -> _Node:
        if not (self._next.token_type == "number" and self._next.text.isdigit()):
            self._unexpected("the place of an entry, as in vector[3]")
        place = self._literal("")
        self.expect("]", "]")
        return self._node(lambda x, y: _entry_of(node.run(x, y), place), "either", node.at)

    def _argument(self) -> Run:
        return self._operand(self._inside(self._value)).run

    def _call(self, token: _Token) -> _Node:
        self.expect("(", "(")
        one = self._argument()
        run, operands = CALLS[token.text]
        if operands == "texts":
            self.expect(",", "a comma and the part to look for")
        two = self._argument() if operands == "texts" else one
        self.expect(")", ")")
        made: NodeType = "value" if token.text == "len" else "condition"
        return self._node(lambda x, y: run(one(x, y), two(x, y)), made, token.at)


def _type(value: Any) -> str:
    """The type of a value; "" if it is missing, or of a type that rules do not support."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number" if value == value else ""
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | tuple) else ""


def _same(a: Any, b: Any) -> bool:
    """Whether two values have the same type and are equal; lists must not contain lists."""
    value_type = _type(a)
    if value_type == "list" == _type(b):
        return len(a) == len(b) and all(map(_same_entry, a, b))
    return _same_entry(a, b)


def _same_entry(a: Any, b: Any) -> bool:
    value_type = _type(a)
    return value_type not in ("", "list") and value_type == _type(b) and bool(a == b)


def _ordered(test: Test) -> Test:
    return lambda a, b: _type(a) == _type(b) in ("number", "text") and test(a, b)


def _differ(a: Any, b: Any) -> bool:
    return bool(_type(a)) and _type(a) == _type(b) and not _same(a, b)


def _within(a: Any, b: Any) -> bool:
    return _type(b) == "list" and any(_same_entry(a, entry) for entry in b)


def _outside(a: Any, b: Any) -> bool:
    return bool(_type(a)) and _type(b) == "list" and not _within(a, b)


def _entry_of(value: Any, place: int) -> Any:
    return value[place] if _type(value) == "list" and place < len(value) else None


def _contains(a: Any, part: Any) -> bool:
    return _type(a) == _type(part) == "text" and part.casefold() in a.casefold()


def _starts(a: Any, part: Any) -> bool:
    return _type(a) == _type(part) == "text" and a.casefold().startswith(part.casefold())


def _missing(a: Any, _: Any) -> bool:
    return not _type(a)


def _length(a: Any, _: Any) -> int | None:
    return len(a) if _type(a) in ("text", "list") else None


TESTS: Mapping[str, Test] = {
    "==": _same,
    "!=": _differ,
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": _within,
    "not in": _outside,
}
CALLS: Mapping[str, tuple[Callable[[Any, Any], Any], Literal["one", "texts"]]] = {
    "contains": (_contains, "texts"),
    "startswith": (_starts, "texts"),
    "missing": (_missing, "one"),
    "len": (_length, "one"),
}
