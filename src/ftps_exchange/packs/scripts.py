"""The self-tests and the PowerShell transfer: fixed scripts of this folder, with the customer's facts at their top."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from .causes import CAUSES, STEPS, WHO, Cause, causes_for
from .escape import one_line, powershell_string, powershell_word, shell_string, shell_word
from .language import Catalogue, catalogue
from .subject import Subject

_FILES: Final = Path(__file__).parent / "files"
_WIDTH: Final = 120
_MARKED: Final = re.compile(r"^(?P<lead>[ \t]*(?:#|//)?) ?_: (?P<text>.*)$")
_LITERAL: Final = re.compile(r"(?<![\w'])_'([^']*)'")
_COLUMNS: Final = "  ::"


@cache
def fixed(name: str) -> str:
    """A script or style of this package, as it lies there."""
    return (_FILES / name).read_text(encoding="utf-8")


type Texts = Iterator[tuple[int, str]]


def marked_texts(name: str) -> Texts:
    """What is to be translated in a script, and in which line.

    A comment whose mark is ``#_:`` (or ``//_:``, or ``_:`` where lines have no mark of a comment) goes over several
    lines; what stands before two spaces and ``::`` is a command. In the code, a text is ``_'…'``.
    """
    found: list[tuple[int, str]] = []

    def see(text: str) -> str:
        found.append((number, text))
        return text

    for number, _lead, line in _paragraphs(fixed(name)):
        _translated(number, _lead, line, see, lambda text: "")
    yield from found


def _paragraphs(script: str) -> Iterator[tuple[int, str | None, str]]:
    """(line, what it begins with, text): comments that are translated, each as one text; other lines as they are."""
    begun: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(script.split("\n"), 1):
        marked = _MARKED.match(line)
        if begun and not (marked and marked["lead"] == begun[1] and _COLUMNS not in marked["text"]):
            yield begun[0], begun[1], " ".join(begun[2])
            begun = None
        if not marked:
            yield number, None, line
        elif _COLUMNS in marked["text"]:
            yield number, marked["lead"], marked["text"]
        elif begun:
            begun[2].append(marked["text"])
        else:
            begun = (number, marked["lead"], [marked["text"]])
    if begun:
        yield begun[0], begun[1], " ".join(begun[2])


def _translated(
    number: int, lead: str | None, text: str, say: Callable[[str], str], quoted: Callable[[str], str]
) -> list[str]:
    if lead is None:
        return [_LITERAL.sub(lambda found: quoted(say(found[1])), text)]
    start = f"{lead} " if lead.strip() else lead
    command, columns, words = text.partition(_COLUMNS)
    if columns:
        return [f"{start}{command}  {say(words)}"]
    room = _WIDTH - len(start)
    return [start + line for line in textwrap.wrap(say(text), room, break_long_words=False, break_on_hyphens=False)]


@cache
def localized(name: str, language: str) -> str:
    """A script with its comments and sentences in a language; facts of a customer are still to be filled in."""
    say = catalogue(language)
    quoted = powershell_string if name.endswith(".ps1") else shell_string
    return "\n".join(
        line for number, lead, text in _paragraphs(fixed(name)) for line in _translated(number, lead, text, say, quoted)
    )


SCRIPTS: Final = ("selftest.sh", "selftest.ps1", "upload.sh", "transfer.ps1")


def _steps(say: Catalogue) -> dict[str, str]:
    return {step: say(step) for step in dict.fromkeys((*(cause.step for cause in CAUSES), *STEPS))}


def selftest_sh(subject: Subject) -> str:
    """The self-test for a POSIX shell."""
    customer, service = subject.customer, subject.service
    facts = {
        "customer": customer.name,
        "fqdn": service.fqdn,
        # family=address, in the order in which they are tried
        "addresses": " ".join(
            f"{family}={address}" for family in subject.families for address in service.publics(family)
        ),
        "port": str(service.explicit_port),
        "implicit": str(service.implicit_port or ""),
        "ranges": " ".join(_ranges(subject)),
        "accounts": " ".join(f"{account.name}:{account.access}" for account in customer.accounts),
        "first_account": subject.account.name,
        "has_ca": "yes" if subject.own_authority else "no",
        "idle_ports_answer": "yes" if subject.offer.idle_ports_answer else "no",
        "tls_max": _tls_max(subject),
        "several_in_one_call": "yes" if _tls_max(subject) else "no",
    }
    say = catalogue(subject.language)
    causes = tuple(causes_for(subject, say))
    cases = []
    for cause in causes:
        if cause.code not in (0, 130):
            cases += [
                f"        {cause.code})",
                f"            meaning={shell_word(cause.meaning)}",
                f"            who={shell_word(say(WHO[cause.who]))}",
                f"            remedy={shell_word(cause.remedy)} ;;",
            ]
    lines = [f"{name}={shell_word(value)}" for name, value in facts.items()]
    lines += ["", "explain() {", "    case $1 in", *cases, "    esac", "}"]
    names = [f"        {shell_word(step)}) step={shell_word(name)} ;;" for step, name in _steps(say).items()]
    lines += ["", "step() {", "    case $1 in", *names, "        *) step=$1 ;;", "    esac", "}"]
    codes = "".join(f"#   {one_line(line)}\n" for line in _codes(causes)).rstrip("\n")
    return (
        localized("selftest.sh", subject.language).replace("@CODES@", codes, 1).replace("@FACTS@", "\n".join(lines), 1)
    )


def selftest_ps1(subject: Subject) -> str:
    """The self-test for PowerShell."""
    say = catalogue(subject.language)
    causes = tuple(causes_for(subject, say))
    lines = _powershell_facts(subject)
    lines += [
        f"$addresses = @({', '.join(map(powershell_word, subject.addresses))})",
        f"$implicit = {subject.service.implicit_port or 0}",
        f"$ranges = @({', '.join(map(powershell_word, _ranges(subject)))})",
        f"$idlePortsAnswer = ${str(subject.offer.idle_ports_answer).lower()}",
        f"$customer = {powershell_word(subject.name)}",
        "$accounts = @{",
        *(
            f"    {powershell_word(account.name)} = {powershell_word(account.access)}"
            for account in subject.customer.accounts
        ),
        "}",
        "$causes = @{",
    ]
    for cause in causes:
        if cause.code not in (0, 130):
            said = ", ".join(powershell_word(text) for text in (cause.meaning, say(WHO[cause.who]), cause.remedy))
            lines.append(f"    {cause.code} = @({said})")
    lines += ["}", "$steps = @{"]
    lines += [f"    {powershell_word(step)} = {powershell_word(name)}" for step, name in _steps(say).items()]
    lines.append("}")
    # '#>' would end the comment that these lines stand in
    codes = "\n".join(f"    {one_line(line)}".replace("#>", "# >") for line in _codes(causes))
    return _powershell("selftest.ps1", subject.language, lines, codes)


def _ranges(subject: Subject) -> list[str]:
    return [f"{first}-{last}" for first, last in subject.service.passive_ranges]


def transfer_ps1(subject: Subject) -> str:
    """Uploads and downloads from PowerShell."""
    return _powershell("transfer.ps1", subject.language, _powershell_facts(subject))


def upload_sh(subject: Subject) -> str:
    """Uploads with curl, for a POSIX shell."""
    url = f"ftp://{subject.fqdn}:{subject.service.explicit_port}/"
    facts = f"url={shell_word(url)}\naccount={shell_word(subject.account.name)}"
    return localized("upload.sh", subject.language).replace("@FACTS@", facts, 1)


def _tls_max(subject: Subject) -> str:
    """The newest TLS that curl may speak: with 1.3 it loses files when it sends several in one call."""
    return "" if subject.service.tls_minimum_version == "1.3" else "1.2"


def _powershell_facts(subject: Subject) -> list[str]:
    return [
        f"$fqdn = {powershell_word(subject.fqdn)}",
        f"$port = {subject.service.explicit_port}",
        f"$firstAccount = {powershell_word(subject.account.name)}",
        f"$hasCa = ${'true' if subject.own_authority else 'false'}",
        f"$tlsMax = {powershell_word(_tls_max(subject))}",
    ]


def _powershell(name: str, language: str, facts: list[str], codes: str = "") -> str:
    text = localized(name, language).replace("@CODES@", codes, 1).replace("@FACTS@", "\n".join(facts), 1)
    # Windows PowerShell 5.1 reads a file without this mark (UTF-8 with BOM) as the machine's old code page (ANSI):
    # learn.microsoft.com, "about_Character_Encoding".
    return "\ufeff" + text.replace("\n", "\r\n")


def _codes(causes: tuple[Cause, ...]) -> list[str]:
    return [f"{cause.code:>3}  {cause.step}: {cause.meaning}" for cause in causes]
