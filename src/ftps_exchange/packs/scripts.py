"""The self-tests and the PowerShell transfer: fixed scripts of this folder, with the customer's facts at their top."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from .causes import BOTH, WE, YOU, causes_for
from .escape import one_line, powershell_word, shell_word
from .subject import Subject

_FILES: Final = Path(__file__).parent / "files"

WHO: Final = {
    YOU: "your side (network or workstation)",
    WE: "our side (the provider)",
    BOTH: "your side first, then our side (the provider)",
    "": "nobody",
}


@cache
def fixed(name: str) -> str:
    """A script or style of this package, as it lies there."""
    return (_FILES / name).read_text(encoding="utf-8")


def selftest_sh(subject: Subject) -> str:
    """The self-test for a POSIX shell."""
    customer, service = subject.customer, subject.service
    facts = {
        "customer": customer.name,
        "fqdn": service.fqdn,
        # family=address, in the order in which they are tried
        "addresses": " ".join(
            f"{family}={address}" for family, address in zip(subject.families, subject.addresses, strict=True)
        ),
        "port": str(service.explicit_port),
        "implicit": str(service.implicit_port or ""),
        "first": str(subject.first),
        "last": str(subject.last),
        "accounts": " ".join(f"{account.name}:{account.access}" for account in customer.accounts),
        "first_account": subject.account.name,
        "has_ca": "yes" if subject.own_authority else "no",
        "idle_ports_answer": "yes" if subject.offer.idle_ports_answer else "no",
        "tls_max": _tls_max(subject),
        "several_in_one_call": "yes" if _tls_max(subject) else "no",
    }
    cases = []
    for cause in causes_for(subject):
        if cause.code not in (0, 130):
            cases += [
                f"        {cause.code})",
                f"            meaning={shell_word(cause.meaning)}",
                f"            who={shell_word(WHO[cause.who])}",
                f"            remedy={shell_word(cause.remedy)} ;;",
            ]
    lines = [f"{name}={shell_word(value)}" for name, value in facts.items()]
    lines += ["", "explain() {", "    case $1 in", *cases, "    esac", "}"]
    codes = "".join(f"#   {one_line(line)}\n" for line in _codes(subject)).rstrip("\n")
    return fixed("selftest.sh").replace("@CODES@", codes, 1).replace("@FACTS@", "\n".join(lines), 1)


def selftest_ps1(subject: Subject) -> str:
    """The self-test for PowerShell."""
    lines = _powershell_facts(subject)
    lines += [
        f"$addresses = @({', '.join(map(powershell_word, subject.addresses))})",
        f"$implicit = {subject.service.implicit_port or 0}",
        f"$firstPort = {subject.first}",
        f"$lastPort = {subject.last}",
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
    for cause in causes_for(subject):
        if cause.code not in (0, 130):
            said = ", ".join(powershell_word(text) for text in (cause.meaning, WHO[cause.who], cause.remedy))
            lines.append(f"    {cause.code} = @({said})")
    lines.append("}")
    # '#>' would end the comment that these lines stand in
    codes = "\n".join(f"    {one_line(line)}".replace("#>", "# >") for line in _codes(subject))
    return _powershell("selftest.ps1", lines, codes)


def transfer_ps1(subject: Subject) -> str:
    """Uploads and downloads from PowerShell."""
    return _powershell("transfer.ps1", _powershell_facts(subject))


def upload_sh(subject: Subject) -> str:
    """Uploads with curl, for a POSIX shell."""
    url = f"ftp://{subject.fqdn}:{subject.service.explicit_port}/"
    facts = f"url={shell_word(url)}\naccount={shell_word(subject.account.name)}"
    return fixed("upload.sh").replace("@FACTS@", facts, 1)


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


def _powershell(name: str, facts: list[str], codes: str = "") -> str:
    text = fixed(name).replace("@CODES@", codes, 1).replace("@FACTS@", "\n".join(facts), 1)
    # Windows PowerShell 5.1 reads a file without this mark as the machine's old code page.
    return "\ufeff" + text.replace("\n", "\r\n")


def _codes(subject: Subject) -> list[str]:
    return [f"{cause.code:>3}  {cause.step}: {cause.meaning}" for cause in causes_for(subject)]
