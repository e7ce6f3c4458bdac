"""Who does something: every write names its actor, and the write side checks the role."""

from dataclasses import dataclass
from enum import StrEnum

from webhook_ui.errors import Forbidden
from webhook_ui.languages import tr


class Role(StrEnum):
    """What somebody may do; each role may do what the one before it may."""

    viewer = "viewer"
    operator = "operator"
    admin = "admin"

    def covers(self, needed: "Role") -> bool:
        """Whether somebody with this role may do what `needed` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Somebody or something that acts: `kind` person, token, plugin or system; `origin` an address, or cli."""

    kind: str
    name: str
    role: Role
    origin: str = ""

    def require(self, needed: Role) -> None:
        """Raises Forbidden unless the role covers `needed`."""
        if not self.role.covers(needed):
            raise Forbidden(
                tr(
                    "This needs the role {needed}; {name} is {role}. An admin can change roles.",
                    needed=needed,
                    name=self.name,
                    role=self.role,
                )
            )


SYSTEM = Actor(kind="system", name="webhook-ui", role=Role.admin)
CLI = Actor(kind="system", name="command line", role=Role.admin, origin="cli")
