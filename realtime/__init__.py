"""The streaming host: runs ONNX separation plug-ins on audio files and live audio."""
