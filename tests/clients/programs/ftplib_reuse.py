"""Python's ftplib with what many add to it: data connections resume the TLS session of the control connection."""

import os
import socket
import ssl
import sys
from ftplib import FTP, FTP_TLS

action, *names = sys.argv[1:]
if action == "version":
    sys.exit(print(f"Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}"))


class Reuse(FTP_TLS):
    def ntransfercmd(self, cmd, rest=None):
        connection, size = FTP.ntransfercmd(self, cmd, rest)
        connection = self.context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session)
        return connection, size


class Implicit(Reuse):
    def connect(self, host, port):
        self.host, self.port = host, port
        self.sock = socket.create_connection((host, port), self.timeout)
        self.af = self.sock.family
        self.sock = self.context.wrap_socket(self.sock, server_hostname=host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome


kind = Implicit if os.environ["FTPS_IMPLICIT"] == "1" else Reuse
with kind(context=ssl.create_default_context(cafile=os.environ["FTPS_CA"]), timeout=20) as ftps:
    ftps.connect(os.environ["FTPS_HOST"], int(os.environ["FTPS_PORT"]))
    ftps.login(os.environ["FTPS_ACCOUNT"], os.environ["FTPS_PASSWORD"])
    ftps.prot_p()
    if action == "list":
        print("\n".join(ftps.nlst()))
    for name in names:
        if action == "put":
            with open(name, "rb") as file:
                ftps.storbinary(f"STOR {name}", file)
        elif action == "get":
            with open(name, "wb") as file:
                ftps.retrbinary(f"RETR {name}", file.write)
        elif action == "resume-put":
            ftps.voidcmd("TYPE I")
            with open(name, "rb") as file:
                there = ftps.size(name) or 0
                file.seek(there)
                ftps.storbinary(f"STOR {name}", file, rest=there)
        elif action == "resume-get":
            with open(name, "ab") as file:
                ftps.retrbinary(f"RETR {name}", file.write, rest=file.tell())
