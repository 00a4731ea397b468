"""Settings for clients, without passwords: each asks for it. Paths are as seen from the pack's folder.

Where a client can, it uploads as ``x.part`` and renames: STOR empties the file that is there before one byte has come.
"""

from __future__ import annotations

from .escape import curl_word, html_text, lftp_word, shell_comment, winscp_name
from .scripts import transfer_ps1, upload_sh
from .subject import Subject

# Site manager of FileZilla: "require explicit FTP over TLS", "ask for password"
_FILEZILLA_EXPLICIT_TLS = 4
_FILEZILLA_ASK = 2
# Transfer type: automatic, ASCII, binary
_FILEZILLA_BINARY = 2
# WinSCP.ini: the protocol FTP, "TLS/SSL explicit encryption"
_WINSCP_FTP = 5
_WINSCP_EXPLICIT_TLS = 3


def profiles(subject: Subject) -> dict[str, str]:
    """The files of clients/, by name."""
    return {
        "filezilla.xml": filezilla(subject),
        "winscp.ini": winscp_ini(subject),
        "winscp-transfer.txt": winscp_script(subject),
        "lftp.conf": lftp(subject),
        "curl.conf": curl(subject),
        "upload.sh": upload_sh(subject),
        "transfer.ps1": transfer_ps1(subject),
    }


def filezilla(subject: Subject) -> str:
    """FileZilla: File, Import."""
    sites = []
    for account in subject.customer.accounts:
        fields = {
            "Host": subject.fqdn,
            "Port": str(subject.service.explicit_port),
            "Protocol": str(_FILEZILLA_EXPLICIT_TLS),
            "Type": "0",
            "User": account.name,
            "Logontype": str(_FILEZILLA_ASK),
            "PasvMode": "MODE_PASSIVE",
            "EncodingType": "UTF-8",
            "BypassProxy": "0",
            "Name": f"{account.name} at {subject.fqdn}",
            "SyncBrowsing": "0",
            "DirectoryComparison": "0",
        }
        sites.append(
            "    <Server>\n"
            + "".join(f"      <{key}>{html_text(value)}</{key}>\n" for key, value in fields.items())
            + "    </Server>\n"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f"<FileZilla3>\n  <Servers>\n{''.join(sites)}  </Servers>\n"
        # Otherwise a file whose name has no extension is sent as text: its line ends are changed, and no error is shown
        f'  <Settings>\n    <Setting name="Ascii Binary mode">{_FILEZILLA_BINARY}</Setting>\n  </Settings>\n'
        "</FileZilla3>\n"
    )


def winscp_ini(subject: Subject) -> str:
    """WinSCP: Tools, Import/Restore configuration; or winscp.exe /ini=winscp.ini."""
    minimum = "13" if subject.service.tls_minimum_version == "1.3" else "12"
    sections = []
    for account in subject.customer.accounts:
        sections.append(
            f"[Sessions\\{winscp_name(f'{account.name}@{subject.fqdn}')}]\r\n"
            f"HostName={winscp_name(subject.fqdn)}\r\n"
            f"PortNumber={subject.service.explicit_port}\r\n"
            f"UserName={winscp_name(account.name)}\r\n"
            f"FSProtocol={_WINSCP_FTP}\r\n"
            f"Ftps={_WINSCP_EXPLICIT_TLS}\r\n"
            "FtpPasvMode=1\r\n"
            f"MinTlsVersion={minimum}\r\n"
        )
    return "\r\n".join(sections)


def winscp_script(subject: Subject) -> str:
    """winscp.com /ini=winscp.ini /script=winscp-transfer.txt"""
    session = winscp_name(f"{subject.account.name}@{subject.fqdn}")
    return "\r\n".join(
        [
            "# From this folder: winscp.com /ini=winscp.ini /script=winscp-transfer.txt",
            "# Asks for the password."
            + (" Windows has to trust the authority in ca.pem first, see the guide." if subject.own_authority else ""),
            "option batch off",
            f"open {session}",
            "# The first command that fails ends the script",
            "option batch abort",
            "option confirm off",
            "ls /",
            "# Under another name until it is whole: a broken upload replaces nothing",
            "# put -transfer=binary C:\\out\\report.csv /report.csv.part",
            "# mv /report.csv.part /report.csv",
            "# get -transfer=binary /report.csv C:\\in\\",
            "exit",
            "",
        ]
    )


def lftp(subject: Subject) -> str:
    """From the pack's folder: lftp -e 'source clients/lftp.conf'."""
    ca = [f"set ssl:ca-file {lftp_word('ca.pem')}"] if subject.own_authority else []
    return "\n".join(
        [
            f"# {shell_comment(f'{subject.name} at {subject.fqdn}')}. From the pack's folder:",
            "#   lftp -e 'source clients/lftp.conf'",
            "# It asks for the password.",
            "set ftp:ssl-force true",
            "set ftp:ssl-protect-data true",
            "set ftp:ssl-protect-list true",
            "set ftp:passive-mode true",
            "set ssl:verify-certificate true",
            "set ssl:check-hostname true",
            *ca,
            "set net:timeout 30",
            "set net:max-retries 3",
            "# Uploads have another name until they are whole: a broken one replaces nothing, 'put -c' continues it",
            "set xfer:use-temp-file true",
            'set xfer:temp-file-name "*.part"',
            f"open -u {lftp_word(subject.account.name)} "
            f"{lftp_word(f'ftp://{subject.fqdn}:{subject.service.explicit_port}')}",
            "",
        ]
    )


def curl(subject: Subject) -> str:
    """From the pack's folder: curl -K clients/curl.conf -T FILE ftp://…/."""
    oldest = subject.service.tls_minimum_version
    url = shell_comment(f"ftp://{subject.fqdn}:{subject.service.explicit_port}/")
    ca = [f"cacert = {curl_word('ca.pem')}"] if subject.own_authority else []
    if oldest == "1.3":
        newest = ["# Send one file a call: with TLS 1.3 curl loses others"]
    else:
        newest = ["# With TLS 1.3 curl loses files when it sends several in one call", f"tls-max = {curl_word('1.2')}"]
    return "\n".join(
        [
            f"# {shell_comment(f'{subject.name} at {subject.fqdn}')}. From the pack's folder; asks for the password.",
            "# clients/upload.sh sends files like this, under another name until they are whole:",
            f"#   curl -K clients/curl.conf -T x.csv -Q '-RNFR x.csv.part' -Q '-RNTO x.csv' {url}x.csv.part",
            f"#   curl -K clients/curl.conf -O {url}x.csv",
            "ssl-reqd",
            f"tlsv{oldest}",
            *newest,
            "# The exit status tells of every file, not of the last one only",
            "fail-early",
            *ca,
            f"user = {curl_word(subject.account.name)}",
            "connect-timeout = 15",
            "# Gives up when nothing moves for a minute",
            "speed-limit = 1",
            "speed-time = 60",
            "",
        ]
    )
