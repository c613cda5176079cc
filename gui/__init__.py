"""The window: shows the live host and the file queue; draws and nothing else."""
