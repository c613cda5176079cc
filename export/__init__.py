"""The exporter: turns a checkpoint into a plug-in file and proves that both say the same."""
