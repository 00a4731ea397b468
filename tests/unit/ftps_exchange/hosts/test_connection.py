"""Why a host could not be looked at: the words of ssh, sudo and Ansible, and what a person reads instead."""

from __future__ import annotations

import pytest

from ftps_exchange.hosts import unlooked

SSH = "Failed to connect to the host via ssh: "


@pytest.mark.parametrize(
    ("said", "what", "found", "remedy"),
    [
        (
            f"{SSH}deploy@10.0.0.11: Permission denied (publickey,password).",
            "user",
            "refuses the login as deploy.",
            "ssh-copy-id deploy@10.0.0.11",
        ),
        (f"{SSH}Host key verification failed.", "host key", "does not know", "ssh deploy@10.0.0.11"),
        (
            f"{SSH}@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
            "host key",
            "has another key than the known one",
            "ssh-keygen -R 10.0.0.11",
        ),
        (
            f"{SSH}ssh: Could not resolve hostname ftps1: Name or service not known",
            "name",
            "does not resolve on this machine",
            "ansible_host",
        ),
        (f"{SSH}ssh: connect to host 10.0.0.11 port 22: Connection refused", "SSH", "refuses", "ansible_port"),
        (f"{SSH}ssh: connect to host 10.0.0.11 port 22: Connection timed out", "SSH", "does not answer", "firewalls"),
        (f"{SSH}ssh: connect to host 10.0.0.11 port 22: No route to host", "SSH", "does not answer", "firewalls"),
        (f'Data could not be sent to remote host "ftps1". {SSH}', "SSH", "ends the connection", "by hand"),
        (
            "Timeout (12s) waiting for privilege escalation prompt: ",
            "sudo",
            "does not answer in time as deploy: it waits for a name server or for the domain.",
            "ssh deploy@10.0.0.11 sudo true",
        ),
        ("Missing sudo password", "sudo", "asks for a password", "-K with ansible-playbook"),
        ("sudo: a password is required", "sudo", "asks for a password", "ANSIBLE_BECOME_ASK_PASS=true with make"),
        ("Incorrect sudo password", "sudo", "refuses the password", "-K"),
        ("deploy is not in the sudoers file.", "sudo", "does not let the account become root as deploy", "visudo"),
        ("/bin/sh: 1: sudo: not found", "sudo", "has no sudo", "apt install sudo"),
        (
            "The module interpreter '/usr/bin/python3' was not found.",
            "Python",
            "has no Python 3",
            "apt install python3",
        ),
        ("/bin/sh: 1: /usr/bin/python3: not found", "Python", "has no Python 3", "apt install python3"),
        ("OSError: [Errno 28] No space left on device", "disk", "no free space", "df -h"),
        ("Failed to create temporary directory. In some cases", "disk", "no place", "/tmp"),
        ("Error: no such container ftpsx-ftps1", "container", "not running", "make lab"),
        ("to use the 'ssh' connection type with passwords, you must install the sshpass program", "SSH", "sshpass", ""),
        ("Something new\nand more", "connection", "cannot be looked at: Something new", "ssh deploy@10.0.0.11"),
        ("", "connection", "no reason given", "ssh deploy@10.0.0.11"),
    ],
)
def test_the_words_of_ssh_and_sudo_become_a_cause_and_a_remedy(said: str, what: str, found: str, remedy: str) -> None:
    finding = unlooked("ftps1", said, "deploy", "10.0.0.11")
    assert (finding.host, finding.what, finding.state) == ("ftps1", what, "problem")
    assert found in finding.found
    assert remedy in finding.remedy
    assert "{" not in finding.found + finding.remedy


def test_without_a_user_or_another_address_the_name_of_the_host_is_enough() -> None:
    assert "ssh-copy-id ftps1)" in unlooked("ftps1", "Permission denied (publickey)").remedy
