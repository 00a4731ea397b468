"""A recorded terminal as asciicast and SVG."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts import terminal

SVG = "{http://www.w3.org/2000/svg}"
OUTPUT = b"Script started on today\n$ make lab\r\n\x1b[32mok\x1b[0m \xe2\x9c\x93 <b>\r\nin PROJECT/x\r\n"
# The second event ends within a character
TIMING = "0.1 12\n0.2 13\n30.0 3\n0.1 19\n"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    (tmp_path / "timing").write_text(TIMING)
    (tmp_path / "out").write_bytes(OUTPUT)
    terminal.main(tmp_path / "timing", tmp_path / "out", tmp_path / "lab")
    return tmp_path


def test_the_asciicast_has_real_times(made: Path) -> None:
    head, *events = [json.loads(line) for line in (made / "lab.cast").read_text().splitlines()]
    assert (head["version"], head["title"]) == (2, "make lab")
    assert [event[0] for event in events] == [0.1, 30.3, 30.4]
    assert "".join(event[2] for event in events) == OUTPUT.decode().partition("\n")[2]


def test_the_picture_plays_the_lines_and_loads_nothing(made: Path) -> None:
    text = (made / "lab.svg").read_text()
    page = ElementTree.fromstring(text)  # noqa: S314 (our own text)
    shown = ["".join(found.itertext()) for found in page.iter(f"{SVG}text")]
    assert [line.replace("\xa0", " ") for line in "\n".join(shown).split("\n") if "<b>" in line] == [" ✓ <b>"]
    assert "@" not in text.replace("@keyframes", "").replace("@media", ""), "a placeholder is left"
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert text.count("translateY(") == 2 + 3, "at first, at the end, and one for each line"


def test_pauses_are_short_and_paths_are_nobodys_business() -> None:
    events = terminal.read("0.1 4\n60 4\n", b"/a/b\n/a/b")
    assert [event.at for event in terminal.lines(events)] == [0.7, 0.7]
    assert terminal.without_paths(events, Path("/a/b"))[0].text == "~/ftps-exchange"
