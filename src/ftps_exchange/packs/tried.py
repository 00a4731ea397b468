"""What the matrix of clients found (docs/clients.md), as far as a customer needs it before choosing a client.

Kept here because a customer has no copy of the project; a test holds it against the table of the last run.
"""

from __future__ import annotations

from typing import Final

from .language import N_

WORKS: Final = N_("works")
PARTLY: Final = N_("works in part")
NOT: Final = N_("does not work, and reports it")
HANGS: Final = N_("does not work: it hangs")
LOSES: Final = N_("loses files without an error: do not use it")

# The client as customers know it, and its row in docs/clients.md
ROWS: Final = {
    "curl, upload.sh": "curl of Debian 13 with the pack's profile",
    "lftp": "lftp with the pack's profile",
    "FileZilla": "FileZilla with the pack's profile",
    "wget": "wget",
    "rclone": "rclone with one connection",
    "Python ftplib": "Python ftplib, as in its manual",
    "Python ftputil": "ftputil",
    "Python fsspec": "fsspec's ftp",
    "Python aioftp": "aioftp",
    "Node.js basic-ftp 6": "Node basic-ftp 6",
    "PHP ftp_ssl_connect": "PHP ftp_ssl_connect",
    "Ruby net-ftp": "Ruby net-ftp",
    "Java Apache Commons Net": "Java commons-net, as in its manual",
    "Perl Net::FTP": "Perl Net::FTP",
    "Go jlaffaye/ftp": "Go jlaffaye/ftp, as in its manual",
    ".NET FtpWebRequest": ".NET FtpWebRequest",
}

_WITH_1_2: Final = {
    "curl, upload.sh": WORKS,
    "lftp": WORKS,
    "FileZilla": WORKS,
    "wget": WORKS,
    "rclone": NOT,
    "Python ftplib": NOT,
    "Python ftputil": NOT,
    "Python fsspec": LOSES,
    "Python aioftp": HANGS,
    "Node.js basic-ftp 6": WORKS,
    "PHP ftp_ssl_connect": WORKS,
    "Ruby net-ftp": WORKS,
    "Java Apache Commons Net": NOT,
    "Perl Net::FTP": PARTLY,
    "Go jlaffaye/ftp": NOT,
    ".NET FtpWebRequest": LOSES,
}
TRIED: Final = {
    "TLS 1.2": _WITH_1_2,
    "TLS 1.2, tickets": {**_WITH_1_2, "rclone": WORKS},
    "TLS 1.3": {**_WITH_1_2, "rclone": WORKS, "PHP ftp_ssl_connect": PARTLY, "Ruby net-ftp": PARTLY},
}
"""By the newest TLS that the service speaks, and with what it hands out."""


def tried_with(newest: str, *, tickets: bool) -> dict[str, str]:
    """What is known about a service like this one."""
    return TRIED["TLS 1.3" if newest == "1.3" else "TLS 1.2, tickets" if tickets else "TLS 1.2"]
