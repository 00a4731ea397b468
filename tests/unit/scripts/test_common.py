"""What the shell scripts share."""

from __future__ import annotations

import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
SCRIPT = 'source scripts/common.sh; one_at_a_time lab; echo "begins $1"; sleep "$2" 9>&-; echo "ends $1"'


def test_two_labs_are_made_one_after_the_other(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LOCKS": str(tmp_path)}

    def start(name: str, seconds: str) -> subprocess.Popen[str]:
        # The path of the script stands for where it is called: common.sh finds the project by its own
        return subprocess.Popen(
            ["bash", "-c", SCRIPT, "scripts/lab", name, seconds],
            stdout=output,
            cwd=PROJECT,
            env=environment,
            text=True,
        )

    with (tmp_path / "output").open("w") as output:
        first = start("first", "0.5")
        while "begins first" not in (tmp_path / "output").read_text():
            assert first.poll() is None
        second = start("second", "0")
        assert (first.wait(), second.wait()) == (0, 0)
    assert (tmp_path / "output").read_text().splitlines() == [
        "begins first",
        "Another make lab or make lab-down is at work on this machine; waiting for it.",
        "ends first",
        "begins second",
        "ends second",
    ]
