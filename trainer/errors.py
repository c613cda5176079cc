"""What the trainer tells its user when something is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager


class TrainerError(Exception):
    """One sentence for the user that names the file or value and what to do."""


@contextmanager
def packages_of(extra: str) -> Iterator[None]:
    """Do inside what needs the packages of an extra of this project.

    Raises:
        TrainerError: One is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise TrainerError(f'{error.name} is not installed; run: pip install "unsing[{extra}]"') from error
