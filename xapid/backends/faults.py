"""Delays and faults that a test asks of a simulator; the agent applies them in front of the driver."""

from __future__ import annotations

from dataclasses import dataclass, field

from xapid.backends.interface import BackendError


@dataclass
class SimFaults:
    """What shall go wrong in a simulator, by the name of the method. A driver offers it as ``faults``."""

    delays: dict[str, float] = field(default_factory=dict)
    """Seconds that each call of a method takes."""
    errors: dict[str, list[BackendError]] = field(default_factory=dict)
    """What the next calls of a method raise, one each, first to last."""

    def fail(self, method: str, error: BackendError, times: int = 1) -> None:
        """Let the next calls of a method raise an error."""
        self.errors.setdefault(method, []).extend([error] * times)

    def delay(self, method: str, seconds: float) -> None:
        """Let calls of a method take this long; 0: no longer."""
        if seconds:
            self.delays[method] = seconds
        else:
            self.delays.pop(method, None)

    def strike(self, method: str) -> None:
        """Raise what is due for a method, and strike it off."""
        due = self.errors.get(method)
        if due:
            raise due.pop(0)
