"""libcurl by pycurl: one handle for all files, as its manual advises."""

import io
import os
import sys

import pycurl

action, *names = sys.argv[1:]
if action == "version":
    sys.exit(print(f"libcurl {pycurl.version_info()[1]}, {pycurl.version_info()[5]}"))

implicit = os.environ["FTPS_IMPLICIT"] == "1"
url = f"{'ftps' if implicit else 'ftp'}://{os.environ['FTPS_HOST']}:{os.environ['FTPS_PORT']}/"
curl = pycurl.Curl()


def perform(name: str, **options: object) -> None:
    curl.reset()
    settings = {"URL": url + name, "USE_SSL": pycurl.USESSL_ALL, "CAINFO": os.environ["FTPS_CA"], **options}
    settings |= {"USERNAME": os.environ["FTPS_ACCOUNT"], "PASSWORD": os.environ["FTPS_PASSWORD"]}
    for option, value in settings.items():
        curl.setopt(getattr(pycurl, option), value)
    curl.perform()


if action == "list":
    listing = io.BytesIO()
    perform("", DIRLISTONLY=1, WRITEDATA=listing)
    print(listing.getvalue().decode())
for name in names:
    if action == "put":
        with open(name, "rb") as file:
            perform(name, UPLOAD=1, READDATA=file, INFILESIZE_LARGE=os.path.getsize(name))
    elif action == "get":
        with open(name, "wb") as file:
            perform(name, WRITEDATA=file)
    elif action == "resume-put":
        with open(name, "rb") as file:
            whole = {"UPLOAD": 1, "READDATA": file, "INFILESIZE_LARGE": os.path.getsize(name)}
            # Without this libcurl 8.23 sends the beginning of the file again, and says that all went well
            perform(
                name, **whole, SEEKFUNCTION=lambda offset, origin: file.seek(offset, origin) and 0, RESUME_FROM_LARGE=-1
            )
    elif action == "resume-get":
        with open(name, "ab") as file:
            perform(name, WRITEDATA=file, RESUME_FROM_LARGE=file.tell())
