"""The connection that the example inventory describes: who is let in, who is trusted, and what arrives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from . import endpoint as endpoint_module
from .authority import Authority
from .calls import Call
from .deployment import Deployment
from .endpoint import Answer, Endpoint, FarEnd

type Listener = Callable[..., Endpoint]
type Deploy = Callable[[Endpoint], Deployment]


class Pong(FarEnd):
    """Answers win_ping."""

    def module(self, call: Call) -> Answer:
        return Answer(json.dumps({"changed": False, "ping": call.arguments.get("data", "pong")}).encode())


@pytest.fixture
def ping(tmp_path: Path) -> Path:
    playbook = tmp_path / "ping.yml"
    playbook.write_text(
        """
- hosts: iis_servers
  gather_facts: false
  tasks:
    - name: Say something
      ansible.windows.win_ping:
        data: "{{ inventory_hostname }} ÄÖ 'quoted' {{ '\\\\\\\\' }}"
      register: said
    - name: Show it
      ansible.builtin.debug:
        var: said.ping
"""
    )
    return playbook


def test_a_call_arrives_as_it_was_written(listener: Listener, deployment: Deploy, ping: Path) -> None:
    endpoint = listener(Pong())
    run = deployment(endpoint).playbook(ping).check()
    (call,) = endpoint.recording.calls
    assert (call.full_name, call.module, call.is_ours) == ("ansible.windows.win_ping", "win_ping", False)
    assert call.arguments == {"data": "ftps1.dmz.example.com ÄÖ 'quoted' \\\\"}
    assert not call.check_mode
    assert "ftps1.dmz.example.com ÄÖ 'quoted'" in run.output
    assert endpoint.recording.logins == [r"ntlm EXAMPLE\svc-ansible"]
    assert endpoint.recording.problems == []


def test_check_mode_and_difference_are_seen(listener: Listener, deployment: Deploy, ping: Path) -> None:
    endpoint = listener(Pong())
    deployment(endpoint).playbook(ping, "--check", "--diff").check()
    assert [(call.check_mode, call.diff) for call in endpoint.recording.calls] == [(True, True)]


def test_a_wrong_password_is_refused(listener: Listener, deployment: Deploy, ping: Path) -> None:
    endpoint = listener(Pong())
    where = deployment(endpoint)
    where.set(ansible_password="wrong")
    run = where.playbook(ping)
    assert run.recap["unreachable"] == 1
    assert "credentials were rejected" in run.output
    assert (endpoint.recording.calls, endpoint.recording.logins) == ([], [])
    assert endpoint.recording.refused_logins > 0


def test_a_login_for_another_connection_is_refused(listener: Listener, deployment: Deploy, ping: Path) -> None:
    """Who stands in between with a certificate of their own cannot pass a login on: it names the certificate."""
    endpoint = listener(Pong())
    endpoint.bindings.application_data = b"tls-server-end-point:" + bytes(32)
    run = deployment(endpoint).playbook(ping)
    assert run.recap["unreachable"] == 1
    assert endpoint.recording.logins == []


def test_a_certificate_of_another_authority_is_refused(
    listener: Listener, deployment: Deploy, ping: Path, tmp_path: Path
) -> None:
    endpoint = listener(Pong(), issuer=Authority(tmp_path, "somebody-else"))
    run = deployment(endpoint).playbook(ping)
    assert run.recap["unreachable"] == 1
    assert "certificate verify failed" in run.output
    assert endpoint.recording.requests == 0, "something was said before the host was known"


def test_a_certificate_for_another_name_is_refused(listener: Listener, deployment: Deploy, ping: Path) -> None:
    endpoint = listener(Pong(), name="ftps2.dmz.example.com")
    run = deployment(endpoint).playbook(ping)
    assert run.recap["unreachable"] == 1
    assert "doesn't match" in run.output or "certificate verify failed" in run.output
    assert endpoint.recording.requests == 0, "something was said before the host was known"


def test_the_alternative_with_a_certificate(
    listener: Listener, deployment: Deploy, ping: Path, authority: Authority
) -> None:
    """The third way of group_vars/iis_servers/connection.yml."""
    endpoint = listener(Pong())
    where = deployment(endpoint)
    pair = authority.client("svc-ansible")
    where.set(
        ansible_winrm_transport="certificate",
        ansible_winrm_cert_pem=str(pair.certificate),
        ansible_winrm_cert_key_pem=str(pair.key),
    )
    where.playbook(ping).check()
    assert endpoint.recording.logins == ["certificate CN=svc-ansible"]


def test_a_long_command_is_waited_for(
    listener: Listener, deployment: Deploy, ping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows says 'nothing yet' after a while; the client asks again, and the command is run once."""
    monkeypatch.setattr(endpoint_module, "_LONGEST_WAIT", 0.2)

    class Slow(Pong):
        def module(self, call: Call) -> Answer:
            time.sleep(1.2)
            return super().module(call)

    endpoint = listener(Slow())
    deployment(endpoint).playbook(ping).check()
    assert len(endpoint.recording.calls) == 1
