"""The one exception of this package: which invariant of the spec is broken, by what, and where."""


class Violation(Exception):
    """`invariant` is the number in the spec, `code` the kind of error, `where` names the object."""

    def __init__(self, invariant: str, message: str, code: str = "Corruption", where: str = ""):
        super().__init__(message)
        self.invariant = invariant
        self.message = message
        self.code = code
        self.where = where

    def at(self, where: str) -> "Violation":
        """The same violation, naming the object it was found in (the innermost name stays)."""
        self.where = self.where or where
        return self

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.invariant}: {self.message}"


def require(condition: bool, invariant: str, message: str) -> None:
    """Raises `Violation` unless the condition holds."""
    if not condition:
        raise Violation(invariant, message)
