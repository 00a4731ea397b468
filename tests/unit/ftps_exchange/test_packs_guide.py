"""The guide, the profiles and the scripts: what they say, and that nobody's text can make them say something else."""

from __future__ import annotations

import configparser
import dataclasses
import html.parser
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ftps_exchange.model.view import Contact, Grant, read_model
from ftps_exchange.packs.build import Choice
from ftps_exchange.packs.causes import causes_for
from ftps_exchange.packs.escape import (
    curl_word,
    html_text,
    lftp_word,
    markdown_code,
    markdown_foreign,
    markdown_own,
    powershell_word,
    shell_word,
    winscp_name,
)
from ftps_exchange.packs.formats import REGISTRY
from ftps_exchange.packs.language import catalogue
from ftps_exchange.packs.programs import FOLDER, programs_for
from ftps_exchange.packs.run import RULE_FORMATS
from ftps_exchange.packs.subject import Authorities, Authority, Offer, Subject, offer_of, read_authorities
from tests.unit.ftps_exchange.desired_state import model
from tests.unit.ftps_exchange.packs_folder import OFFER, pack, subject, texts
from tests.unit.ftps_exchange.packs_inputs import HOSTILE
from tests.unit.ftps_exchange.test_packs_run import certificate
from tests.windows.powershell import PowerShell

HOSTILE_TOO = (
    *HOSTILE,
    "</title></style></svg><script>alert(1)</script>",
    "x' onload='y\" onclick=\"z",
    "[click](javascript:alert(1)) ![](x) <https://evil.example> www.evil.example",
    "```\n# heading\n```",
    "%0aHost=evil %0d%0a",
    "‘’‚‛'; Remove-Item x #",  # noqa: RUF001
    "END\nuser = root",
    "@FACTS@ @CODES@",
)


class Page(html.parser.HTMLParser):
    """The elements of a page, its words, and whether every element that was opened is closed."""

    VOID = frozenset({"meta", "br", "path", "rect", "circle"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.comments = 0
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments += 1


def hostile_subject(text: str) -> Subject:
    """Every text that somebody else may write."""
    authorities = Authorities(OFFER.authorities.pem, (Authority(f"CN={text}", "AA:BB", "2036-11-22"),))
    return subject(
        Offer(authorities, Contact(text, text, text)),
        contact=Contact(text, text, text),
    )


def with_share(one: Subject, text: str) -> Subject:
    customer = dataclasses.replace(one.customer, shares=(Grant("maps", "read", text),))
    return dataclasses.replace(one, customer=customer)


@pytest.mark.parametrize("text", HOSTILE_TOO)
def test_the_page_keeps_its_elements_whatever_somebody_wrote(text: str) -> None:
    quiet = Page(texts(with_share(hostile_subject("quiet"), "quiet"))["guide.html"])
    page = Page(texts(with_share(hostile_subject(text), text))["guide.html"])
    assert page.elements == quiet.elements
    assert page.comments == 0
    assert not {"script", "iframe", "object", "img", "form", "link"} & {tag for tag, _ in page.elements}


@pytest.mark.parametrize("text", HOSTILE_TOO)
def test_markdown_keeps_its_structure_whatever_somebody_wrote(text: str) -> None:
    quiet = texts(with_share(hostile_subject("quiet"), "quiet"))["guide.md"].split("\n")
    lines = texts(with_share(hostile_subject(text), text))["guide.md"].splitlines()
    assert len(lines) == len(quiet) - 1
    for line, before in zip(lines, quiet, strict=False):
        if line == before:
            continue
        # Whatever differs stands between the same words, and every mark in it is escaped
        assert len(re.split(r"(?<!\\)\|", line)) == len(re.split(r"(?<!\\)\|", before)), line
        for mark in re.finditer(r"[<>\[\]`*_!$~]", line.replace("**", "")):
            start = line.replace("**", "")[: mark.start()]
            assert start.endswith("\\") or "`" in mark.group(), line


def test_spaces_before_a_text_make_no_code_of_a_paragraph() -> None:
    guide = texts(hostile_subject("\r\n\t  Jo"))["guide.md"]
    assert not re.search(r"^ ", guide.split("### Whom to ask")[1], re.M)


@pytest.mark.parametrize("text", HOSTILE_TOO)
def test_scripts_and_profiles_hold_nobodys_text(text: str) -> None:
    """Names and addresses of the model only: what cannot get in need not be escaped."""
    quiet, hostile = pack(hostile_subject("quiet")).files, pack(hostile_subject(text)).files
    same = [path for path in quiet if path.startswith(("clients/", "selftest"))]
    assert len(same) == 9 + len(programs_for(hostile_subject("quiet")))
    for path in same:
        assert quiet[path] == hostile[path], path


@pytest.mark.parametrize("text", HOSTILE_TOO)
def test_the_machine_readable_file_is_json_whatever_somebody_wrote(text: str) -> None:
    content = pack(with_share(hostile_subject(text), text)).files["pack.json"]
    assert content.isascii()
    assert json.loads(content)["shares"][0]["description"] == text


@pytest.mark.parametrize("text", [*HOSTILE_TOO, "plain", "-n", "~root", "a=b"])
def test_words_of_a_shell_are_the_text_and_nothing_else(text: str, tmp_path: Path) -> None:
    script = tmp_path / "x.sh"
    script.write_text(f"printf '%s' {shell_word(text)}", encoding="utf-8")
    said = subprocess.run(["/bin/sh", script], capture_output=True, check=True).stdout.decode()
    assert said == "".join(char if char.isprintable() else " " for char in text)


def test_words_of_powershell_are_the_text_and_nothing_else(powershell: PowerShell) -> None:
    for text in HOSTILE_TOO:
        said = powershell.script(f"Write-Output {powershell_word(text)}")
        assert said == ["".join(char if char.isprintable() else " " for char in text)]


@pytest.mark.parametrize("text", HOSTILE_TOO)
def test_words_of_other_languages_stay_on_their_line_and_in_their_quotes(text: str) -> None:
    assert ET.fromstring(f"<a b='{html_text(text)}'>{html_text(text)}</a>").text  # noqa: S314 - made here
    for quoted in (lftp_word(text), curl_word(text)):
        assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', quoted)
        assert len(quoted.splitlines()) == 1
    assert re.fullmatch(r"[A-Za-z0-9._@%-]*", winscp_name(text))
    code = markdown_code(text)
    fence = re.match("`+", code)
    assert fence is not None
    assert fence.group() not in code[len(fence.group()) : -len(fence.group())]
    assert not re.search(r"(?<!\\)[<>\[\]`*_|]", markdown_foreign(text).replace("\\\\", ""))


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = texts(subject())["guide.html"]
    assert re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:|//|data:)", page) == []
    assert "default-src 'none'" in page
    for _, attributes in Page(page).elements:
        assert not [name for name, _ in attributes if name.startswith("on")]


def test_every_file_that_the_guide_names_is_there() -> None:
    for formats in ((), RULE_FORMATS):
        files = pack(subject(), choice=Choice(formats, ())).files
        for guide in ("guide.html", "guide.md"):
            text = files[guide].decode()
            named = set(re.findall(r'href="([^#"]+)"|\]\(([^#)]+)\)', text))
            assert {one or other for one, other in named} <= files.keys()


def test_both_guides_say_the_same() -> None:
    files = texts(subject())
    words = " ".join(Page(files["guide.html"]).words)
    for cell in re.findall(r"^\| (.*) \|$", files["guide.md"], re.M):
        for text in re.split(r"(?<!\\) \| ", cell):
            plain = re.sub(r"\\(.)", r"\1", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)).replace("**", "")
            if plain != "---":
                assert re.sub(r"\W", "", plain) in re.sub(r"\W", "", words), plain


def test_no_file_of_the_customer_names_an_inner_address_of_ours() -> None:
    files = pack(subject(), choice=Choice(RULE_FORMATS, RULE_FORMATS)).files
    named = {path.split("/")[0] for path, data in files.items() if b"10.77.10.11" in data}
    assert named == {"provider"}


def test_no_file_holds_a_password_and_every_profile_asks() -> None:
    files = texts(subject())
    site = ET.fromstring(files["clients/filezilla.xml"])  # noqa: S314 - made here
    assert [server.findtext("Logontype") for server in site.iter("Server")] == ["2", "2"]
    assert [server.findtext("Protocol") for server in site.iter("Server")] == ["4", "4"]
    assert {server.findtext("PasvMode") for server in site.iter("Server")} == {"MODE_PASSIVE"}
    assert site.findall(".//Pass") == []
    ini = configparser.ConfigParser(interpolation=None)
    ini.optionxform = str  # type: ignore[assignment, method-assign]
    ini.read_string(files["clients/winscp.ini"])
    assert ini.sections() == [f"Sessions\\{name}@ftps.exchange.example" for name in ("acme-read", "acme-up")]
    assert all("Password" not in ini[section] and ini[section]["Ftps"] == "3" for section in ini.sections())


def test_the_fingerprint_is_the_authoritys_and_not_the_certificates() -> None:
    files = texts(subject())
    assert "AA:BB:CC" in files["guide.md"]
    assert "AA:BB:CC" in files["guide.html"]


def test_with_a_public_authority_no_file_speaks_of_one_of_ours() -> None:
    public = texts(subject(Offer()))
    assert "ca.pem" not in public
    for path, text in public.items():
        # The scripts are the same for all, and look for the file only where there is one
        if not path.endswith((".sh", ".ps1")):
            assert "ca.pem" not in text, path
        assert "CA below" not in text, path
        assert "CA in this pack" not in text, path
    for guide in (public["guide.md"], public["guide.html"]):
        words = " ".join(Page(guide).words) if guide.startswith("<") else guide.replace("`", "")
        assert "signed by a public CA that your system trusts already" in words
        for fact in ("Certificate for", "ftps.exchange.example", "a public CA", "Fingerprint to compare", "none"):
            assert fact in words
        assert "not signed by a CA that this machine trusts" in words
    assert "cacert" not in public["clients/curl.conf"]
    assert "not signed by a CA that this machine trusts" in public["selftest.sh"]
    said = json.loads(public["pack.json"])
    assert said["certificate"] == {"name": "ftps.exchange.example", "trusted_by": "the operating system"}
    assert said["authorities"] == []


def test_with_an_authority_of_ours_every_file_says_so() -> None:
    own = texts(subject())
    assert "is signed by the CA below" in own["guide.md"]
    assert "compare the fingerprint of ca.pem" in own["guide.md"]
    said = json.loads(own["pack.json"])
    assert said["certificate"] == {"name": "ftps.exchange.example", "trusted_by": "ca.pem"}
    assert [one["fingerprint"] for one in said["authorities"]] == ["AA:BB:CC"]


def test_the_guide_says_how_far_trust_in_the_ca_reaches() -> None:
    def said(*cas: bytes) -> str:
        authorities = read_authorities(b"".join(cas), "ca.pem")
        return texts(subject(dataclasses.replace(OFFER, authorities=authorities)))["guide.md"]

    limited, other = (certificate(name, only_for=(f"{name}.example",))[0] for name in ("one", "other"))
    assert "| May sign for | `one.example` |" in said(limited)
    assert "limited to `one.example`, `other.example` (name constraints)" in said(limited, other)
    # One without limits undoes those of the others
    for guide in (said(certificate("any")[0]), said(limited, certificate("any")[0])):
        assert "| May sign for | any name |" in guide
        assert "this CA may sign for any name, not only for our server" in guide
        assert "is limited to" not in guide


def test_nobody_is_asked_to_switch_a_protection_off() -> None:
    for path, text in texts(subject()).items():
        assert "ExecutionPolicy Bypass" not in text, path
        for call in re.findall(r"powershell .*-File", text):
            assert "-ExecutionPolicy RemoteSigned" in call, path


def test_a_windows_server_is_not_said_to_demand_what_iis_cannot() -> None:
    exchange = read_model(model()).exchange
    linux = offer_of(exchange, OFFER.authorities, OFFER.contact)
    windows = offer_of(dataclasses.replace(exchange, root="D:\\ftps"), OFFER.authorities, OFFER.contact)
    for promise in ("Each belongs to the TLS session of its login.", "each account works from its own addresses only"):
        assert promise in texts(subject(linux))["guide.md"]
        assert promise not in texts(subject(windows))["guide.md"]
    guide = texts(subject(windows))["guide.md"]
    assert "Each must come from the address of its login." in guide


def test_a_service_without_implicit_tls_names_no_990() -> None:
    for path, text in texts(subject(service={"implicit_port": None})).items():
        assert not re.search(r"\b990\b", text), path
        if not path.startswith(FOLDER):
            assert "None" not in text.replace("SslPolicyErrors]::None", ""), path


@pytest.mark.parametrize("name", REGISTRY)
def test_the_guide_names_the_customer_s_firewall_and_says_what_to_do_about_inspection(name: str) -> None:
    guide = texts(subject(firewall=name))["guide.md"]
    firewall = REGISTRY[name]
    assert f"Your {firewall.title}:" in guide
    assert markdown_own(f"Inspection: {firewall.inspection}.") in guide


def test_exit_codes_differ_and_every_one_of_the_scripts_is_explained() -> None:
    english = catalogue("en")
    for offer in (OFFER, Offer()):
        codes = [cause.code for cause in causes_for(subject(offer), english)]
        assert len(codes) == len(set(codes))
    files = texts(subject())
    sh, ps1 = files["selftest.sh"], files["selftest.ps1"]
    told = {cause.code for cause in causes_for(subject(), english)}
    used = {int(code) for code in re.findall(r"\bfail (\d+)", sh) + re.findall(r"judge .* (\d+)$", sh, re.M)}
    assert used <= told
    assert used | {0, 2, 130} == told, "a code that nothing ends with"
    assert {int(code) for code in re.findall(r"Stop-Here (\d+)", ps1)} <= told
    for cause in causes_for(subject(), english):
        for text in (sh, ps1, files["guide.md"]):
            assert f"{cause.code}" in text
        if cause.who:
            assert cause.remedy.split("{")[0][:40] in files["guide.html"].replace("&#x27;", "'")


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_the_shell_script_is_one(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    assert program is not None or shell == "dash"
    if program is None:
        return
    script = tmp_path / "selftest.sh"
    script.write_text(texts(subject())["selftest.sh"], encoding="utf-8")
    subprocess.run([program, "-n", script], check=True, capture_output=True)
    helped = subprocess.run([program, script, "--help"], check=True, capture_output=True, text=True).stdout
    assert "--no-login" in helped
    assert subprocess.run([program, script, "--nonsense"], check=False, capture_output=True).returncode == 2


def test_the_shell_script_says_that_the_name_is_missing(tmp_path: Path) -> None:
    script = tmp_path / "selftest.sh"
    one = subject(service={"fqdn": "no-such-name.invalid"})
    script.write_text(texts(one)["selftest.sh"], encoding="utf-8")
    (tmp_path / "ca.pem").write_text("", encoding="utf-8")
    done = subprocess.run(["/bin/sh", script, "--no-login"], check=False, capture_output=True, text=True)
    assert done.returncode == 10, done.stdout + done.stderr
    assert "your side" in done.stdout
    assert done.stderr == ""


# What Windows PowerShell 5.1 has not: found in the tree of the engine's own parser, not by reading.
NOT_IN_5_1 = r"""
param($text)
$tokens = $null
$problems = $null
$tree = [Management.Automation.Language.Parser]::ParseInput($text, [ref] $tokens, [ref] $problems)
$found = @($problems | ForEach-Object { "$($_.Extent.StartLineNumber): $($_.Message)" })
$newer = @('TernaryExpressionAst', 'PipelineChainAst')
$tree.FindAll({ $true }, $true) | ForEach-Object {
    $kind = $_.GetType().Name
    if ($newer -contains $kind) { $found += "$($_.Extent.StartLineNumber): $kind" }
    if ($kind -eq 'BinaryExpressionAst' -and "$($_.Operator)" -eq 'QuestionQuestion') {
        $found += "$($_.Extent.StartLineNumber): ??"
    }
    if ($kind -eq 'CommandAst') {
        $name = $_.GetCommandName()
        foreach ($element in $_.CommandElements) {
            if ($element.GetType().Name -eq 'CommandParameterAst' -and
                @('AsHashtable', 'Parallel', 'AsByteStream', 'SkipCertificateCheck') -contains $element.ParameterName) {
                $found += "$($_.Extent.StartLineNumber): $name -$($element.ParameterName)"
            }
        }
    }
    if (@('MemberExpressionAst', 'InvokeMemberExpressionAst') -contains $kind -and
        @('ArgumentList', 'CustomTrustStore', 'TrustMode') -contains "$($_.Member)") {
        $found += "$($_.Extent.StartLineNumber): member $($_.Member), which .NET Framework has not"
    }
}
$found
"""


@pytest.mark.parametrize("path", ["selftest.ps1", "clients/transfer.ps1"])
def test_powershell_scripts_are_in_the_language_of_5_1(path: str, powershell: PowerShell) -> None:
    text = texts(subject())[path]
    assert text.startswith("\ufeff"), "Windows PowerShell would read it as the old code page"
    assert text.count("\r\n") == text.count("\n")
    assert powershell.script(NOT_IN_5_1, text.removeprefix("\ufeff")) == []
    for newer in ("$a = $b ? 1 : 2", "$a ?? $b", "$psi.ArgumentList.Add('x')", "if ("):
        assert powershell.script(NOT_IN_5_1, newer) != [], "the check sees nothing"
