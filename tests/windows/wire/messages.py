"""WS-Management as far as Ansible's connection plugin speaks it: requests are read, responses are written.

The operations are those of a command shell (MS-WSMV 3.1.4): Create, Command, Send, Receive, Signal, Delete.
"""

from __future__ import annotations

import base64
import re
import uuid
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

SHELL: Final = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"

OPERATION_TIMED_OUT: Final = 2150858793
"""What Windows says when a command has nothing to tell yet (0x80338029); the client then asks again."""

_ENVELOPE: Final = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"'
    f' xmlns:rsp="{SHELL}">'
    "<s:Header><a:Action>{action}</a:Action><a:MessageID>uuid:{answer}</a:MessageID>"
    "<a:RelatesTo>{request}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request: which operation, on which command, with what."""

    action: str
    message_id: str
    command_id: str
    command_line: str
    standard_input: bytes
    is_last_input: bool
    patience_seconds: float

    @property
    def operation(self) -> str:
        """The last part of the action: Create, Command, Send, Receive, Signal or Delete."""
        return self.action.rsplit("/", 1)[-1]


def read_request(body: bytes) -> Request:
    """Read a request; one that is none is a ValueError."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 (only this test's own client is ever let in)
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from error
    streams = _all(root, "Stream")
    ids = [node.attrib["CommandId"] for node in root.iter() if "CommandId" in node.attrib]
    return Request(
        action=_text(root, "Action"),
        message_id=_text(root, "MessageID"),
        command_id=ids[0] if ids else "",
        command_line=" ".join(node.text or "" for node in (*_all(root, "Command"), *_all(root, "Arguments"))),
        standard_input=b"".join(base64.b64decode(node.text) for node in streams if node.text),
        is_last_input=any(node.attrib.get("End") == "true" for node in streams),
        patience_seconds=_seconds(_text(root, "OperationTimeout")),
    )


def response(request: Request, body: str) -> bytes:
    """Wrap the body of a response; the client checks to which request it belongs."""
    return _ENVELOPE.format(
        action=f"{request.action}Response", answer=uuid.uuid4(), request=escape(request.message_id), body=body
    ).encode()


def created(shell_id: str) -> str:
    """The body that answers Create."""
    return (
        '<x:ResourceCreated xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer"><a:ReferenceParameters>'
        f'<w:SelectorSet><w:Selector Name="ShellId">{shell_id}</w:Selector></w:SelectorSet></a:ReferenceParameters>'
        f"</x:ResourceCreated><rsp:Shell><rsp:ShellId>{shell_id}</rsp:ShellId></rsp:Shell>"
    )


def command_started(command_id: str) -> str:
    """The body that answers Command."""
    return f"<rsp:CommandResponse><rsp:CommandId>{command_id}</rsp:CommandId></rsp:CommandResponse>"


def command_done(command_id: str, stdout: bytes, stderr: bytes, exit_code: int) -> str:
    """The body that answers the last Receive of a command."""
    streams = "".join(
        f'<rsp:Stream Name="{name}" CommandId="{command_id}">{base64.b64encode(data).decode()}</rsp:Stream>'
        f'<rsp:Stream Name="{name}" CommandId="{command_id}" End="true"/>'
        for name, data in (("stdout", stdout), ("stderr", stderr))
    )
    return (
        f'<rsp:ReceiveResponse>{streams}<rsp:CommandState CommandId="{command_id}" State="{SHELL}/CommandState/Done">'
        f"<rsp:ExitCode>{exit_code}</rsp:ExitCode></rsp:CommandState></rsp:ReceiveResponse>"
    )


def fault(code: int, text: str) -> str:
    """The body of a refusal, in the form in which Windows gives its reason."""
    return (
        "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:TimedOut</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en">{escape(text)}</s:Text></s:Reason><s:Detail>'
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{code}" Machine="test">'
        f"<f:Message>{escape(text)}</f:Message></f:WSManFault></s:Detail></s:Fault>"
    )


def _all(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [node for node in root.iter() if node.tag.rsplit("}", 1)[-1] == name]


def _text(root: ElementTree.Element, name: str) -> str:
    return next((node.text or "" for node in _all(root, name)), "")


def _seconds(duration: str) -> float:
    found = re.fullmatch(r"PT(\d+(?:\.\d+)?)S", duration)
    return float(found[1]) if found else 20.0
