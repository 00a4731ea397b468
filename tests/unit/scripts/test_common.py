"""What the shell scripts share."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

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
        "Another make lab or make lab-down is running on this machine; waiting for it.",
        "ends first",
        "begins second",
        "ends second",
    ]


@pytest.mark.parametrize("locale", ["C", "POSIX", "xx_XX.UTF-8"], ids=["C", "POSIX", "not installed"])
def test_ansible_starts_whatever_the_locale_is(locale: str) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": locale, "HOME": "/nonexistent"}
    command = ["bash", "-c", "source scripts/common.sh; ansible --version", "scripts/run"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ansible [core")


def test_a_locale_with_utf8_stays_as_it_is() -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.utf8"}
    command = ["bash", "-c", 'source scripts/common.sh; echo "${LC_ALL:-nothing}"', "scripts/run"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "nothing\n"


def test_a_checkout_that_everybody_may_write_to_is_refused_with_the_remedy(tmp_path: Path) -> None:
    checkout = tmp_path / "check out"
    shutil.copytree(PROJECT / "scripts", checkout / "scripts")
    command = ["bash", "-c", "source scripts/common.sh; echo begins", "scripts/run"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)

    checkout.chmod(0o757)
    refused = run()
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"{checkout} is world-writable, ")
    assert f"chmod o-w '{checkout}'" in refused.stderr
    checkout.chmod(0o775)
    assert run().stdout == "begins\n"
