"""What the trainer tells its user when something is wrong."""


class TrainerError(Exception):
    """One sentence for the user that names the file or value and what to do."""
