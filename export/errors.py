"""What the exporter tells its user when something is wrong."""


class ExportError(Exception):
    """One sentence for the user that names the file or value and what to do."""
