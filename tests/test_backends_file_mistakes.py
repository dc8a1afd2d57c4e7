"""A mistake in `backends.toml` is told with file, line, key and reason, and never with a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rushes.backends_file import read_backends
from rushes.settings import BadSetting

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backends.toml"


def refused(file: Path, text: str) -> str:
    file.write_text(text, "utf-8")
    with pytest.raises(BadSetting) as caught:
        read_backends(file)
    return str(caught.value).replace(str(file), "FILE")


WRONG = [
    ("url", 'url = "ftp://a"', "FILE:2: a.url: must look like http://host or https://host/path"),
    ("user in url", 'url = "http://u:p@a"', "FILE:2: a.url: must have no user"),
    ("no url", 'name = "A"', "FILE:1: a.url: Field required"),
    ("unknown key", "concurency = 2", "FILE:2: a.concurency: no such key; did you mean 'concurr"),
    ("unknown key inside", "defaults = { durations = 5 }", "FILE:2: a.defaults.durations: no such"),
    ("type", 'concurrency = "many"', "FILE:2: a.concurrency: Input should be a valid integer"),
    ("too few", "concurrency = 0", "FILE:2: a.concurrency: Input should be greater than or equal"),
    ("rate", "rate = 0", "FILE:2: a.rate: "),
    ("deadline", "deadline = 99999", "FILE:2: a.deadline: "),
    ("endless", "takes = { durations = [inf] }", "FILE:2: a.takes.durations.0: "),
    ("no number", "takes = { durations = [nan] }", "FILE:2: a.takes.durations.0: "),
    ("no list", "takes = { durations = 4 }", "FILE:2: a.takes.durations: Input should be a list"),
    ("shape", 'takes = { aspect_ratios = ["wide"] }', "FILE:2: a.takes.aspect_ratios.0: "),
    ("resolution", 'defaults = { resolution = "HD" }', "FILE:2: a.defaults.resolution: "),
    (
        "no such model",
        'defaults = { model = "x" }',
        "2: a.defaults.model: the default model 'x' is",
    ),
    ("model", "models = [7]", "FILE:2: a.models.0: "),
    (
        "currency",
        'price = { currency = "$", as_of = 2026-01-01 }',
        "2: a.price.currency: three capital ",
    ),
    ("no date", 'price = { currency = "USD" }', "FILE:2: a.price.as_of: Field required"),
    ("a gift", 'price = { currency = "USD", as_of = 2026-01-01, per_clip = -1 }', "a.price.per_c"),
    ("boundless", 'price = { currency = "USD", as_of = 2026-01-01, per_clip = nan }', "per_clip: "),
    (
        "no price",
        'price = { currency = "USD", as_of = 2026-01-01 }',
        "2: a.price: say per_clip, per_se",
    ),
    ("twice", 'models = ["m", { name = "m" }]', "FILE:2: a.models.1: 'm' is listed already"),
    ("options", "options = { day = 2026-01-01 }", "FILE:2: a.options.day: "),
    ("number as header", "headers = { X = 1 }", "FILE:2: a.headers.X: say where it is: { env"),
    ("two places", 'key = { env = "A", file = "B" }', "FILE:2: a.key: say where it is: "),
    ("no place", "key = {}", "FILE:2: a.key: say where it is: "),
    ("typo in place", 'key = { evn = "A" }', "FILE:2: a.key.evn: no such key; did you mean 'env'?"),
    ("a setting", 'key = { env = "RUSHES_BACKEND_KEY" }', "give the variable another name"),
]


@pytest.mark.parametrize(("rest", "says"), [case[1:] for case in WRONG], ids=[c[0] for c in WRONG])
def test_a_mistake_is_told_with_file_line_key_and_reason(file: Path, rest: str, says: str) -> None:
    url = "" if rest.startswith("url") or 'name = "A"' in rest else 'url = "http://a.example"'

    told = refused(file, f"[a]\n{rest}\n{url}\n")

    assert says in told
    assert "\n" not in told


def test_a_key_in_the_file_itself_is_refused_and_not_repeated(file: Path) -> None:
    told = refused(file, '[a]\nurl = "http://a.example"\nkey = "sk-canary-4711"\n')

    assert told == 'FILE:3: a.key: say where it is: { env = "NAME" } or { file = "path" }'


def test_each_mistake_has_a_line(file: Path) -> None:
    told = refused(file, '[a]\nurl = "x"\nrate = 0\n[b]\nurl = "http://b.example"\nholt = true\n')

    assert [line.partition(": ")[0] for line in told.splitlines()] == ["FILE:2", "FILE:3", "FILE:6"]


@pytest.mark.parametrize("id_", ["Main", '"my backend"', "-a", '"a.b"', f"a{'b' * 40}"])
def test_an_id_is_short_and_plain(file: Path, id_: str) -> None:
    told = refused(file, f'[ok]\nurl = "http://ok.example"\n[{id_}]\nurl = "http://a.example"\n')

    assert "an id has at most 40 of a-z, 0-9, - and _" in told
    assert told.startswith("FILE")


def test_a_key_above_all_tables_is_told_where_it_belongs(file: Path) -> None:
    told = refused(file, 'url = "http://a.example"\n')

    assert told == "FILE:1: url: belongs to a backend: write it below a table such as [main]"


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_says_how_to_begin(file: Path, text: str) -> None:
    assert refused(file, text) == "FILE names no backend: begin with a table such as [main]"


def test_what_is_no_toml_names_the_line(file: Path) -> None:
    assert refused(file, "[a]\nurl = http\n").startswith("FILE: no TOML: Invalid value (at line 2,")


def test_a_file_that_is_not_there_names_the_setting(file: Path) -> None:
    with pytest.raises(BadSetting, match="RUSHES_BACKENDS_FILE cannot be read"):
        read_backends(file)


@pytest.mark.parametrize(
    "text",
    [
        '[a]\nurl = "http://x.example"\nname = "S"\n[b]\nurl = "http://y.example"\nname = "S"\n',
        '[a]\nurl = "http://x.example/1"\n\n[b]\nurl = "http://x.example/2"\n\n',
        '[a]\nurl = "http://x.example/1"\n\n[b]\nurl = "http://y.example"\nname = "x.example"\n',
    ],
)
def test_two_that_are_called_the_same_are_refused(file: Path, text: str) -> None:
    told = refused(file, text)

    assert "b.name: [a] is called " in told
    assert told.endswith("too: give each a name of its own")
    assert told.startswith(("FILE:4:", "FILE:6:"))
