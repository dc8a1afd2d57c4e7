"""The password of a server that was given none: made at its first start, told once."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rushes.errors import StorageError
from rushes.people.passwords import hash_password, new_password

if TYPE_CHECKING:
    from pathlib import Path

FILE = "password.hash"


@dataclass(frozen=True, slots=True)
class FirstPassword:
    """Its hash, and while nobody knows it yet the password itself."""

    file: Path
    hashed: str
    untold: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, folder: Path) -> FirstPassword:
        """Read the hash that a data folder keeps, or make a password; raises StorageError."""
        file = folder / FILE
        try:
            if file.exists():
                return cls(file, file.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"{file} cannot be read: {error}") from error
        password = new_password()
        return cls(file, hash_password(password), password)

    def tell(self) -> None:
        """Keep a new password's hash and print the password; raises StorageError.

        The data folder must be held. From now on only the hash is known.
        """
        if self.untold is None:
            return
        part = self.file.with_suffix(".part")
        try:
            part.unlink(missing_ok=True)
            part.touch(mode=0o600)
            part.write_text(f"{self.hashed}\n", encoding="ascii")
            part.rename(self.file)
        except OSError as error:
            raise StorageError(f"{self.file} cannot be written: {error}") from error
        sys.stdout.write(f"The password is {self.untold} (told only now, kept as a hash)\n")
        sys.stdout.flush()
