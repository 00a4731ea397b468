"""Which certificate is served, what is wrong with it, and what there is to install."""

from __future__ import annotations

from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.certificate import (
    Bundle,
    RefusedError,
    Wanted,
    begins,
    describe,
    in_order,
    problems,
    reasons_to_renew,
    shown,
)
from ansible_collections.ftps.exchange.plugins.plugin_utils.windows_certificate.certificates import (
    HeldKey,
    der,
    pem,
    thumbprint,
)
from ansible_collections.ftps.exchange.plugins.plugin_utils.windows_certificate.offer import Brought, brought
from ansible_collections.ftps.exchange.plugins.plugin_utils.windows_certificate.request import (
    request_inf,
    waiting_request,
)
from cryptography.hazmat.primitives import serialization


def choose(params: dict[str, Any], wanted: Wanted) -> tuple[dict[str, Any], Brought | None, list[Any]]:
    """The decision, what is brought, and what of its chain the host does not have."""
    authorities = [der(one) for one in params["intermediates"]]
    held = [(der(one["certificate"]), one["friendly_name"]) for one in params["certificates"] if one["has_private_key"]]
    ours = [cert for cert, name in held if name == params["friendly_name"]]
    request = waiting_request(params["request"] or "", params["request_keys"], wanted)
    offer, along = brought(params, request, ours, authorities, wanted)
    known = [*authorities, *along]

    if params["thumbprint"]:
        candidates = [cert for cert, _ in held if thumbprint(cert) == params["thumbprint"]]
        if not candidates:
            raise RefusedError(f"the host has no certificate {params['thumbprint']} with a private key in its store")
    else:
        candidates = ours
    bundles = [Bundle(HeldKey(cert.public_key()), in_order(cert, known)[0]) for cert in candidates]
    # The best one that is there: without fault, then the newest
    found = [(problems(bundle, wanted), bundle) for bundle in bundles]
    found.sort(key=lambda one: (not one[0], begins(one[1].leaf)), reverse=True)
    faults, serving = found[0] if found else (["there is no certificate yet"], None)
    before = serving

    install = ""
    # An offer that is there already is no news, and neither is an older one
    if offer and offer.bundle.leaf not in candidates and (faults or newer(offer.bundle, serving)):
        install, serving, faults = offer.kind, offer.bundle, []
    reasons = [*faults, *(reasons_to_renew(serving, wanted) if serving and not faults else [])]
    if params["renew"] and not install:
        reasons.append("a new one was asked for")
    missing = [cert for cert in (serving.chain[1:] if serving else ()) if cert not in authorities]
    result: dict[str, Any] = {
        "changed": False,
        "thumbprint": thumbprint(serving.leaf) if serving else "",
        "install": install,
        "install_chain": bool(missing),
        "due": bool(reasons),
        "reasons": reasons,
        "usable": serving is not None and not faults,
        "request_inf": request_inf(wanted, params["friendly_name"]),
        "superseded": [thumbprint(cert) for cert in ours if serving is None or cert != serving.leaf],
    }
    if serving is None:
        result["superseded"] = []
    if install == "answer" and serving:
        result["leaf"] = pem(serving.leaf)
    if request:
        result["request"] = request.public_bytes(serialization.Encoding.PEM).decode()
    if serving:
        result["certificate"] = describe(serving, wanted.now)
    if install or missing:
        header = "certificate that is served"
        result["diff"] = {
            "before": shown(describe(before, wanted.now)) if before else "",
            "after": shown(result.get("certificate")),
            "before_header": header,
            "after_header": header,
        }
    return result, offer, missing


def newer(bundle: Bundle, serving: Bundle | None) -> bool:
    return serving is None or begins(bundle.leaf) > begins(serving.leaf)
