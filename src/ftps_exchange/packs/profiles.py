"""Settings for clients, without passwords: each asks for it. Paths are as seen from the pack's folder.

Where a client can, it uploads as ``x.part`` and renames: STOR empties the file that is there before one byte has come.
"""

from __future__ import annotations

from .escape import html_text, winscp_name
from .language import catalogue
from .scripts import transfer_ps1, upload_sh
from .subject import Subject
from .templates import template

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


def _from_template(name: str, subject: Subject) -> str:
    """A file whose comments are in the customer's language."""
    service = subject.service
    facts = {
        "customer": subject.name,
        "fqdn": subject.fqdn,
        "server": f"ftp://{subject.fqdn}:{service.explicit_port}",
        "account": subject.account.name,
        "session": winscp_name(f"{subject.account.name}@{subject.fqdn}"),
        "own_ca": subject.own_authority,
        "tls_oldest": service.tls_minimum_version,
    }
    return template(f"{name}.j2").render(_=catalogue(subject.language), v=facts)


def winscp_script(subject: Subject) -> str:
    """winscp.com /ini=winscp.ini /script=winscp-transfer.txt"""
    # WinSCP takes a script without this mark for one in the old code page
    return "\ufeff" + _from_template("winscp-transfer.txt", subject).replace("\n", "\r\n")


def lftp(subject: Subject) -> str:
    """From the pack's folder: lftp -e 'source clients/lftp.conf'."""
    return _from_template("lftp.conf", subject)


def curl(subject: Subject) -> str:
    """From the pack's folder: curl -K clients/curl.conf -T FILE ftp://…/."""
    return _from_template("curl.conf", subject)
