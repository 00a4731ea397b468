#!/usr/bin/env python3
# _: Sends and fetches files over FTP with TLS. Python 3.8 or newer, nothing else. From the pack's folder:
#
#     python3 clients/programs/ftps.py put report.csv ...
#     python3 clients/programs/ftps.py get report.csv ...
#     python3 clients/programs/ftps.py list
#
# _: Asks for the password, or takes it from FTPS_PASSWORD. The exit status is 0 only if every file is complete.

import ftplib
import getpass
import os
import socket
import ssl
import sys

HOST = os.environ.get("FTPS_HOST", "@HOST@")
IMPLICIT = os.environ.get("FTPS_IMPLICIT") == "1"
PORT = int(os.environ.get("FTPS_PORT", "@IMPLICIT@" if IMPLICIT else "@PORT@"))
ACCOUNT = os.environ.get("FTPS_ACCOUNT", "@ACCOUNT@")
# _: Empty: the CAs that this system trusts
CA_FILE = "@CA_FILE@"


class Ftps(ftplib.FTP_TLS):
    """FTP_TLS whose data connections resume the TLS session of the control connection: the server asks for it."""

    def connect(self, host, port, timeout=60):
        self.host, self.port, self.timeout = host, port, timeout
        self.sock = socket.create_connection((host, port), timeout)
        self.af = self.sock.family
        if IMPLICIT:
            self.sock = self.context.wrap_socket(self.sock, server_hostname=host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()

    def ntransfercmd(self, cmd, rest=None):
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session), size


def put(ftp, path):
    # _: Under another name until it is complete: a broken upload replaces nothing
    name = os.path.basename(path)
    with open(path, "rb") as file:
        ftp.storbinary(f"STOR {name}.part", file)
    # _: SIZE counts bytes in this mode only
    ftp.voidcmd("TYPE I")
    sent, there = os.path.getsize(path), ftp.size(f"{name}.part")
    if sent != there:
        raise ftplib.Error(f"{there} bytes of {sent} arrived")
    ftp.rename(f"{name}.part", name)


def get(ftp, name):
    path = os.path.basename(name)
    ftp.voidcmd("TYPE I")
    there = ftp.size(name)
    with open(f"{path}.part", "wb") as file:
        ftp.retrbinary(f"RETR {name}", file.write)
    if os.path.getsize(f"{path}.part") != there:
        raise ftplib.Error(f"{os.path.getsize(path + '.part')} bytes of {there} arrived")
    os.replace(f"{path}.part", path)


def main(command="", *files):
    if command not in ("put", "get", "list") or (command == "list") == bool(files):
        sys.exit("usage: ftps.py put FILE... | get NAME... | list")
    password = os.environ.get("FTPS_PASSWORD") or getpass.getpass(f"Password of {ACCOUNT}: ")
    context = ssl.create_default_context(cafile=CA_FILE or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    at = HOST
    try:
        with Ftps(context=context) as ftp:
            ftp.connect(HOST, PORT)
            ftp.login(ACCOUNT, password)
            ftp.prot_p()
            if command == "list":
                print("\n".join(ftp.nlst()))
            for at in files:
                (put if command == "put" else get)(ftp, at)
                print("sent" if command == "put" else "fetched", at)
    except (*ftplib.all_errors, EOFError) as error:
        sys.exit(f"{at}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
