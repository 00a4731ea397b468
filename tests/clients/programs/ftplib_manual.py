"""Python's ftplib, as in its manual."""

import os
import ssl
import sys
from ftplib import FTP_TLS

action, *names = sys.argv[1:]
if action == "version":
    sys.exit(print(f"Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}"))

with FTP_TLS(context=ssl.create_default_context(cafile=os.environ["FTPS_CA"]), timeout=20) as ftps:
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
