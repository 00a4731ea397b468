"""The domain's lockout policy: how many wrong passwords lock an account, and for how long (MS-SAMR 3.1.1.5)."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Entry

ATTRIBUTES = ["lockoutThreshold", "lockOutObservationWindow", "lockoutDuration"]
TICKS = 10_000_000
"""Per second. The directory writes durations as negative numbers of them; the smallest one means forever."""
FOR_EVER = -(1 << 63)


@dataclass(frozen=True)
class Lockout:
    """After so many refused passwords within so many seconds an account is locked; 0 refused ones mean never."""

    threshold: int
    window_seconds: int
    duration_seconds: int
    """0 means until an administrator unlocks it."""

    def warning(self, bans_after: int) -> str | None:
        """Return a warning if the domain locks an account before the service bans an attacker."""
        if not 0 < self.threshold <= bans_after:
            return None
        lasts = f"for {self.duration_seconds // 60} minutes" if self.duration_seconds else "until somebody unlocks it"
        return (
            f"The domain locks an account after {self.threshold} wrong passwords within "
            f"{self.window_seconds // 60} minutes, {lasts}. The service bans an attacker only after "
            f"{bans_after}, so an attacker in a customer's own network locks the account for everybody. Set "
            f"ftps_server_ban_account.refused below {self.threshold}, or raise lockoutThreshold for these accounts."
        )


def lockout_of(domain: Entry) -> Lockout:
    """Read the policy from the entry of the domain itself."""
    return Lockout(
        domain.number("lockoutThreshold") or 0,
        _seconds(domain.number("lockOutObservationWindow") or 0),
        _seconds(domain.number("lockoutDuration") or 0),
    )


def _seconds(ticks: int) -> int:
    return 0 if ticks == FOR_EVER else -ticks // TICKS
