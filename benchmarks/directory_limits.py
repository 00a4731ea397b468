#!/usr/bin/env python3
"""What the controller itself can do: objects and passwords per second, over one connection and over several.

    benchmarks/directory_limits.py 200 .lab/lab.json

Runs on the lab's server, which has python-ldap, and makes its objects in a separate OU, which it removes again. The
module ldap_directory cannot be faster than this.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

# Runs there: standard library and python-ldap alone. The password comes on standard input.
PROGRAM = r"""
import json, os, sys, threading, time
os.environ["LDAPNOINIT"] = "1"
import ldap
import ldap.controls
given = json.loads(sys.stdin.readline())
AHEAD, BASE = 32, given["base"]

def connect():
    connection = ldap.initialize(given["uri"])
    connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_NEVER)
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    connection.simple_bind_s(given["bind_dn"], given["password"])
    return connection

def work(connection, requests):
    waiting = []
    for request in requests:
        waiting.append(request(connection))
        if len(waiting) >= AHEAD:
            connection.result3(waiting.pop(0))
    for number in waiting:
        connection.result3(number)

def measure(what, connections, requests):
    parts = [requests[n::len(connections)] for n in range(len(connections))]
    threads = [threading.Thread(target=work, args=pair) for pair in zip(connections, parts)]
    start = time.monotonic()
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    seconds = time.monotonic() - start
    rate = round(len(requests) / seconds, 1)
    print(json.dumps([what, len(connections), len(requests), round(seconds, 2), rate]), flush=True)

def account(n, prefix, password):
    name = f"{prefix}{n}"
    values = {"objectClass": ["top", "person", "organizationalPerson", "user"], "sAMAccountName": [name],
              "userAccountControl": ["66048" if password else "66050"]}
    listed = [(key, [v.encode() for v in value]) for key, value in values.items()]
    if password: listed.append(("unicodePwd", [f'"Bench-{n}-aB3xY7zQ"'.encode("utf-16-le")]))
    return lambda c: c.add_ext(f"CN={name},{BASE}", listed)

def password(n, prefix):
    changes = [(ldap.MOD_REPLACE, "unicodePwd", [f'"Bench-{n}-aB3xY7zQ"'.encode("utf-16-le")]),
               (ldap.MOD_REPLACE, "userAccountControl", [b"66048"])]
    return lambda c: c.modify_ext(f"CN={prefix}{n},{BASE}", changes)

def group(n, prefix):
    listed = [("objectClass", [b"top", b"group"]), ("sAMAccountName", [f"{prefix}{n}".encode()]),
              ("groupType", [b"-2147483646"])]
    return lambda c: c.add_ext(f"CN={prefix}{n},{BASE}", listed)

first = connect()
def remove():
    found = first.search_s(BASE, ldap.SCOPE_ONELEVEL, "(objectClass=*)", ["cn"])
    work(first, [lambda c, dn=dn: c.delete_ext(dn) for dn, _ in found])
    first.delete_s(BASE)
try:
    first.add_s(BASE, [("objectClass", [b"top", b"organizationalUnit"])])
    N = given["count"]
    for count in given["connections"]:
        all_of_them = [first] + [connect() for _ in range(count - 1)]
        names = range(N)
        for what, requests in (
            ("groups added", [group(n, f"bg{count}-") for n in names]),
            ("accounts added, disabled, no password", [account(n, f"ba{count}-", False) for n in names]),
            ("passwords set and accounts enabled", [password(n, f"ba{count}-") for n in names]),
            ("accounts added with password, enabled", [account(n, f"bp{count}-", True) for n in names]),
        ):
            measure(what, all_of_them, requests)
finally:
    remove()
"""


def main(count: int, description: str, connections: list[int]) -> None:
    """Measure and print one row per kind of request."""
    lab = json.loads(Path(description).read_text(encoding="utf-8"))
    secret = (Path(description).parent / "directory-admin-secret").read_text(encoding="utf-8").split()[0]
    given = {
        "uri": "ldaps://dc1.corp.example",
        "bind_dn": "Administrator@corp.example",
        "password": f"Lab-1{secret}",
        "base": "OU=Benchmark,DC=corp,DC=example",
        "count": count,
        "connections": connections,
    }
    command = ["podman", "exec", "--interactive", lab["server_container"], "python3", "-c", PROGRAM]
    print("| requests | connections | number | seconds | per second | processor of the controller, ms each |")
    print("|---|---|---|---|---|---|")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        if process.stdin is None or process.stdout is None:
            raise SystemExit("podman has no pipes.")
        process.stdin.write(json.dumps(given) + "\n")
        process.stdin.flush()
        before = processor_seconds(lab["directory_container"])
        for line in process.stdout:
            now = processor_seconds(lab["directory_container"])
            row = json.loads(line)
            if row:
                each = (now - before) * 1000 / row[2]
                print("| " + " | ".join(map(str, row)) + f" | {each:.1f} |", flush=True)
            before = now
    if process.returncode != 0:
        raise SystemExit("The controller refused something: see above.")


def processor_seconds(container: str) -> float:
    """What the controller's processes used until now: unlike seconds of the clock, other work does not change it."""
    command = ["podman", "exec", container, "sh", "-c", "cat /proc/[0-9]*/stat"]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    fields = [line.rpartition(")")[2].split() for line in text.splitlines()]
    return sum(int(one[11]) + int(one[12]) for one in fields) / 100


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 200,
        sys.argv[2] if len(sys.argv) > 2 else ".lab/lab.json",
        [int(number) for number in (sys.argv[3] if len(sys.argv) > 3 else "1,4").split(",")],
    )
